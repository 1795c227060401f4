"""Durable acks a second over WebSockets, beside raw inserts of the same rows by SQLite."""

import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import websocket

from server.auth import Scope, TokenFile
from server.clock import now_ms
from server.records import parse_log
from server.store.folder import DataFolder
from server.store.schema import LOGS
from server.store.sqlite import open_writer, transaction
from workbench.running.own_server import own_server
from workbench.samples import day

CONNECTIONS: Final = 4
# What the server makes of this load, so that both sides commit as often.
ROWS_A_TRANSACTION: Final = 2_000
RECEIVED: Final = 1 << 20
_ACK: Final = b'{"type":"ack"'


@dataclass(frozen=True, slots=True)
class Comparison:
    """Logs a second of the server and of its baseline."""

    name: str
    measured: float
    baseline: float

    @property
    def ratio(self) -> float:
        """How much of the baseline the server reaches."""
        return self.measured / self.baseline


def compare_single_logs(count: int) -> Comparison:
    """Send logs one a frame until the last is acked; then insert the same rows directly."""
    logs = [msgspec.json.encode(log) for log in day(count)]
    return Comparison("single-log frames, each acked", _ingest(logs), _raw_inserts(logs))


def _ingest(logs: Sequence[bytes]) -> float:
    with tempfile.TemporaryDirectory() as path, own_server(Path(path)) as server:
        tokens = TokenFile(DataFolder(Path(path)).tokens)
        token = tokens.create("bench", [Scope.INGEST], now_ms())
        connections = [_Connection(server.ingest, token, part) for part in _shares(logs)]
        begun = time.perf_counter()
        for each in connections:
            each.sender.start()
        _read_acks(connections)
        return len(logs) / (time.perf_counter() - begun)


def _raw_inserts(logs: Sequence[bytes]) -> float:
    records = [parse_log(log) for log in logs]
    received_at = now_ms()
    rows = iter(
        (seq, each.id, each.type, each.timestamp, received_at, "raw", each.message, each.attributes)
        for seq, each in enumerate(records, 1)
    )
    with tempfile.TemporaryDirectory() as path:
        connection = open_writer(Path(path) / "logs.db", LOGS, "FULL")
        begun = time.perf_counter()
        while batch := list(islice(rows, ROWS_A_TRANSACTION)):
            with transaction(connection):
                connection.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", batch)
        seconds = time.perf_counter() - begun
        connection.close()
    return len(logs) / seconds


def _shares(logs: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [logs[number::CONNECTIONS] for number in range(CONNECTIONS)]


class _Connection:
    """A connection whose frames are made before the clock starts."""

    def __init__(self, url: str, token: str, logs: Sequence[bytes]) -> None:
        header = {"Authorization": f"Bearer {token}"}
        connection = websocket.create_connection(url, header=header)
        connection.recv()  # the greeting
        assert isinstance(connection.sock, socket.socket)
        self.socket = connection.sock
        self.unanswered = len(logs)
        self._rest = b""
        self._frames = b"".join(
            websocket.ABNF.create_frame(log, websocket.ABNF.OPCODE_TEXT).format() for log in logs
        )
        self.sender = threading.Thread(target=self._send)

    def read(self) -> None:
        """Count the acks that are there."""
        data = self.socket.recv(RECEIVED)
        if not data:
            raise ConnectionError("the server closed the connection")
        data = self._rest + data
        self.unanswered -= data.count(_ACK)
        # What is cut off here may be the begin of an ack, and is never a whole one.
        self._rest = data[1 - len(_ACK) :]

    def _send(self) -> None:
        self.socket.setblocking(True)
        self.socket.sendall(self._frames)


def _read_acks(connections: Sequence[_Connection]) -> None:
    with selectors.DefaultSelector() as selector:
        for each in connections:
            selector.register(each.socket, selectors.EVENT_READ, each)
        while selector.get_map():
            for key, _ in selector.select():
                key.data.read()
                if not key.data.unanswered:
                    selector.unregister(key.data.socket)
    for each in connections:
        each.sender.join()
        each.socket.close()
