"""The load: connections that keep a window of logs in flight, or a rate, and cost little.

One thread serves them all. Frames are made before, so that sending is a slice of bytes, and acks
are counted by looking for their mark in what was received: nothing is decoded.
"""

import gc
import math
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import websocket

from workbench.bench.errors import BenchmarkError
from workbench.bench.frames import Frames

CONNECTIONS: Final = 4
# Logs without an answer at most, on all connections, as a real producer keeps them.
WINDOW: Final = 5_000
_RECEIVED: Final = 1 << 20
# In an ack it stands as the type alone: inside of other texts its quotes would be escaped.
_ACK: Final = b'"ack"'
_ERROR: Final = b'"type":"error"'
# So often a load at a rate looks for what is due. Finer steps would cost the server its core.
_STEP_SECONDS: Final = 0.00025
_STALL_SECONDS: Final = 60.0


class LoadConnection:
    """One connection of a load.

    Args:
        url: where it connects; the peer greets, and acks each frame.
        token: the token that it holds.
        frames: what it sends.
        window: how many of them may be without an ack at once.
    """

    def __init__(self, url: str, token: str, frames: Frames, window: int) -> None:
        connection = websocket.create_connection(
            url, header={"Authorization": f"Bearer {token}"}, timeout=_STALL_SECONDS
        )
        connection.recv()  # the greeting
        assert isinstance(connection.sock, socket.socket)
        self.socket = connection.sock
        self.socket.setblocking(False)
        self.acked = 0
        """How many frames were acked."""
        self.arrivals: list[tuple[float, int]] = []
        """When acks came, and how many there were by then."""
        self._frames = frames
        self._bytes = memoryview(frames.data)
        self._window = window
        self._sent = 0
        self._rest = b""

    @property
    def is_done(self) -> bool:
        """Whether every frame was acked."""
        return self.acked == len(self._frames)

    def send(self, due: int) -> bool:
        """Send what is due and has room in the window; say whether the socket took it all."""
        upto = self._frames.ends[min(len(self._frames), self.acked + self._window, due)]
        if self._sent < upto:
            try:
                self._sent += self.socket.send(self._bytes[self._sent : upto])
            except BlockingIOError:
                return False
        return self._sent >= upto

    def read(self) -> None:
        """Count the acks that have come.

        Raises:
            BenchmarkError: the peer refused a log or closed the connection.
        """
        data = self.socket.recv(_RECEIVED)
        if not data:
            raise BenchmarkError("the server closed the connection")
        data = self._rest + data
        if _ERROR in data:
            raise BenchmarkError(f"the server answered {data[:300]!r}")
        self.acked += data.count(_ACK)
        self.arrivals.append((time.perf_counter(), self.acked))
        # What is cut off here may be the begin of an ack, and is never a whole one.
        self._rest = data[1 - len(_ACK) :]

    def __len__(self) -> int:
        return len(self._frames)


@contextmanager
def connected(
    url: str, token: str, logs: Sequence[bytes], logs_a_frame: int = 1
) -> Iterator[list[LoadConnection]]:
    """Connect, with the logs dealt out to the connections; they are closed at the end.

    Args:
        url: where to connect; the peer greets, and acks each frame.
        token: a token that may ingest.
        logs: what is to be sent, as JSON.
        logs_a_frame: how many logs share a frame.
    """
    window = max(1, WINDOW // logs_a_frame // CONNECTIONS)
    connections: list[LoadConnection] = []
    try:
        for number in range(CONNECTIONS):
            frames = Frames.of(logs[number::CONNECTIONS], logs_a_frame)
            connections.append(LoadConnection(url, token, frames, window))
        yield connections
    finally:
        for each in connections:
            each.socket.close()


def send_all(connections: Sequence[LoadConnection]) -> float:
    """Send everything as fast as it is answered; return the seconds until the last ack.

    Raises:
        BenchmarkError: the peer refused a log, closed a connection or fell silent.
    """
    begun = time.perf_counter()
    _run(connections, begun, None)
    return time.perf_counter() - begun


def send_steadily(connections: Sequence[LoadConnection], frames_a_second: float) -> list[float]:
    """Send at a rate, in turn on each connection; return how long each ack took.

    A frame's time begins when it is due, so that one that could not be sent in time counts too.

    Returns:
        Seconds, one for each frame.

    Raises:
        BenchmarkError: the peer refused a log, closed a connection or fell silent.
    """
    begun = time.perf_counter()
    _run(connections, begun, frames_a_second)
    latencies = []
    for place, each in enumerate(connections):
        before = 0
        for arrived, acked in each.arrivals:
            for number in range(before, acked):
                due = begun + (number * len(connections) + place) / frames_a_second
                latencies.append(arrived - due)
            before = acked
    return latencies


def percentile(ascending: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent of the values do not exceed."""
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]


@contextmanager
def _without_collections() -> Iterator[None]:
    """Collect no garbage meanwhile: a pause of the load would count as one of the server."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@_without_collections()
def _run(connections: Sequence[LoadConnection], begun: float, rate: float | None) -> None:
    # Of the selectors only this one waits for less than a millisecond.
    with selectors.SelectSelector() as selector:
        for each in connections:
            selector.register(each.socket, selectors.EVENT_READ, each)
        heard = begun
        while not all(each.is_done for each in connections):
            now = time.perf_counter()
            for place, each in enumerate(connections):
                due = len(each)
                if rate is not None:
                    due = max(0, int(((now - begun) * rate - place) // len(connections)) + 1)
                events = selectors.EVENT_READ
                if not each.send(due):
                    events |= selectors.EVENT_WRITE
                selector.modify(each.socket, events, each)
            ready = selector.select(_STALL_SECONDS if rate is None else _STEP_SECONDS)
            for key, events in ready:
                if events & selectors.EVENT_READ:
                    key.data.read()
            if ready:
                heard = now
            elif now - heard > _STALL_SECONDS or rate is None:
                raise BenchmarkError(f"the server sent nothing for {_STALL_SECONDS:.0f} seconds")
