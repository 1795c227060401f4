"""What readers of the live feed are told, over a socket or by the hub alone."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any
from urllib.parse import urlencode

import msgspec
import websocket

from server.websocket.frames import FrameParser, Messages
from server.writer import Commit
from tests.support.processes import PATIENCE, ServerProcess
from tests.support.sockets import decode, receive, receive_many
from waterline.storage.log_store import StoreResult


@dataclass
class Received:
    """What a reader was told, kind by kind, each in its order."""

    logs: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        self.kinds.append(kind)
        if kind == "logs":
            self.logs += message["logs"]
        elif kind == "skipped":
            self.skipped.append(message)
        elif kind == "position":
            self.positions.append(message["seq"])
        else:
            self.events.append(message)

    @property
    def seqs(self) -> list[int]:
        return [each["seq"] for each in self.logs]

    @property
    def gone(self) -> list[int]:
        """Every seq that was told to be skipped."""
        return [seq for each in self.skipped for seq in range(each["from"], each["to"] + 1)]

    @property
    def accounted_for(self) -> list[int]:
        """Every seq that came or was told to be skipped, once for each time, in order."""
        return sorted([*self.seqs, *self.gone])


@contextmanager
def reading(
    server: ServerProcess, receive_buffer: int = 0, **query: object
) -> Iterator[websocket.WebSocket]:
    """Follow the live feed; the kernel may be told to buffer little."""
    asked = f"?{urlencode(query, doseq=True)}" if query else ""
    with closing(
        websocket.create_connection(
            server.live + asked,
            header=[f"Authorization: Bearer {server.token}"],
            sockopt=[(SOL_SOCKET, SO_RCVBUF, receive_buffer)] if receive_buffer else [],
            timeout=PATIENCE,
            skip_utf8_validation=True,  # it looks at each byte in Python: 4 MB/s
        )
    ) as reader:
        assert receive(reader)["type"] == "connection"
        yield reader


def follow(reader: websocket.WebSocket, until: int) -> Received:
    """Read up to a position that is not before a seq."""
    received = Received()
    while not received.positions or received.positions[-1] < until:
        received.take(receive(reader))
    return received


def push(producer: websocket.WebSocket, *logs: str) -> list[int]:
    """Send logs and return their seqs."""
    for each in logs:
        producer.send(each)
    return [answer["seq"] for answer in receive_many(producer, len(logs))]


class FakeReader:
    """A reader whose peer takes frames only when told to."""

    def __init__(self) -> None:
        self.unsent = 0
        self.most_unsent = 0
        self.received = Received()
        self.frames: list[bytes] = []

    def send(self, frames: bytes) -> None:
        self.frames.append(frames)
        self.unsent += len(frames)
        self.most_unsent = max(self.most_unsent, self.unsent)
        for event in FrameParser(masked=False).feed(frames):
            assert isinstance(event, Messages)
            assert event.is_text
            for payload in event.payloads:
                self.received.take(decode(payload))

    def take_all(self) -> None:
        self.unsent = 0


Row = tuple[str, str, int | None, str, str, object]
"""A log as the writer is handed it."""


def row(size: int = 10, *, kind: str = "info", source: str = "web", text: str = "") -> Row:
    """Return a log with a message of so many bytes."""
    return ("some id", kind, 1, source, text or "x" * size, {})


def commit(first_seq: int, rows: Sequence[Row], known: Sequence[bool] | None = None) -> Commit:
    """Return the commit of these logs, as the writer hands it over."""
    seqs = range(first_seq, first_seq + len(rows))
    stored = StoreResult(seqs, known) if rows else None
    parts = [] if stored is None else [(msgspec.json.encode(rows)[1:-1], stored)]
    return Commit([], 3, parts, 2)
