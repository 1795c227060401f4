"""The WebSocket endpoints: producers push logs to /ingest, readers follow /live."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

import msgspec
import tornado.websocket
import uuid_utils

from server.auth import Scope, TokenFile
from server.clock import now_ms
from server.live import LiveHub
from server.monitor.performance import PerformanceMonitor
from server.records import InvalidLog, parse_log
from server.web import Endpoint
from server.writer import Commit, Submission, Writer

MAX_MESSAGE_SIZE: Final = 16 * 2**20
# What a waiting frame takes besides its text: a record, a submission, their fields.
OVERHEAD: Final = 500
# A producer that does not read its acks is not read either beyond this.
MAX_UNSENT: Final = 2**20


class Gate:
    """Holds producers back while more waits for its commit than the queue may hold.

    Closed above the high mark, opened again below the low mark of half of it: were they one,
    every commit would wake all producers for a log or two.
    """

    def __init__(self, high: int) -> None:
        self._high = high
        self._low = high // 2
        self._waiting = 0
        self._open = asyncio.Event()
        self._open.set()

    @property
    def waiting(self) -> int:
        """Bytes that wait for their commit."""
        return self._waiting

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return self._open.is_set()

    def enter(self, size: int) -> None:
        """Count a frame of so many bytes that waits from now on."""
        self._waiting += size + OVERHEAD
        if self._waiting > self._high:
            self._open.clear()

    def leave(self, size: int) -> None:
        """Count a frame that waits no longer."""
        self._waiting -= size + OVERHEAD
        if self._waiting <= self._low:
            self._open.set()

    async def wait(self) -> None:
        """Return once more may come."""
        await self._open.wait()


class Connections:
    """What all connections share: the way to the writer, the way back, and who is there."""

    def __init__(
        self,
        writer: Writer,
        hub: LiveHub,
        monitor: PerformanceMonitor,
        tokens: TokenFile,
        queue_size: int,
    ) -> None:
        self.writer = writer
        self.hub = hub
        self.monitor = monitor
        self.tokens = tokens
        self.gate = Gate(queue_size)
        self.draining = False
        self.open: set[Connection] = set()

    def deliver(self, commit: Commit) -> None:
        """Answer everyone who waited for a commit; call it on the event loop."""
        for submission in commit.submissions:
            self.gate.leave(submission.size)
            producer = submission.owner
            assert isinstance(producer, Producer)
            producer.answer(submission, commit.committed_at)
        self.hub.publish(commit.rows)

    async def close(self, seconds: float) -> None:
        """Let every connection send what it holds, for some seconds at most, and close it."""
        drained = [asyncio.ensure_future(each.drained()) for each in self.open]
        if drained:
            await asyncio.wait(drained, timeout=seconds)
        for each in list(self.open):
            each.close(1001, "the server stops")


class Connection(Endpoint, tornado.websocket.WebSocketHandler):
    """One WebSocket, with its id and the count of what it has not sent yet."""

    scope: Scope

    def initialize(self, connections: Connections) -> None:
        """Take what all connections share."""
        self.connections = connections
        self.client_id = str(uuid_utils.uuid7())
        self.source = ""
        self._unsent = 0
        self._all_sent = asyncio.Event()
        self._all_sent.set()

    def prepare(self) -> None:
        """Let only a token with the right scope in."""
        token = self.authorise(self.connections.tokens, self.scope)
        if token is None:
            return
        self.source = token.name
        # Tornado would answer this in a shape of its own.
        asks = self.request.headers.get("Upgrade", "").lower()
        if self.request.method == "GET" and asks != "websocket":
            self.set_header("Upgrade", "websocket")
            self.fail(426, "upgrade_required", "this path speaks WebSocket only")

    def get_compression_options(self) -> dict[str, object] | None:
        """Accept permessage-deflate from those who offer it."""
        return {}

    def open(self) -> None:
        """Greet the client and tell the readers of its coming."""
        self.connections.open.add(self)
        # Else the second of two acks waits for the peer's TCP to acknowledge the first: 40 ms.
        self.set_nodelay(True)
        greeting = {"type": "connection", "clientId": self.client_id, "timestamp": now_ms()}
        self.send(msgspec.json.encode(greeting))
        self.connections.hub.announce("client_connect", self.client_id, now_ms())

    def on_close(self) -> None:
        """Tell the readers of its going."""
        self.connections.open.discard(self)
        self._all_sent.set()
        self.connections.hub.announce("client_disconnect", self.client_id, now_ms())

    @property
    def unsent(self) -> int:
        """Bytes handed over that the network has not taken."""
        # What it took at once is accounted for only when the loop comes round; a burst of frames
        # must not look like a slow peer until then.
        connection = self.ws_connection
        if connection is None or connection.stream is None or not connection.stream.writing():
            return 0
        return self._unsent

    def send(self, frame: bytes) -> None:
        """Send one text frame; nothing happens when the peer has gone."""
        try:
            sent = self.write_message(frame)
        except tornado.websocket.WebSocketClosedError:
            return
        size = len(frame)
        self._unsent += size
        self._all_sent.clear()

        def account(future: asyncio.Future[None]) -> None:
            self._unsent -= size
            if not self._unsent:
                self._all_sent.set()
            if not future.cancelled():
                future.exception()  # the peer has gone; on_close says so

        sent.add_done_callback(account)

    async def drained(self) -> None:
        """Return once everything has been handed to the network, or the peer has gone."""
        await self._all_sent.wait()


@dataclass(slots=True)
class Rejection(Submission):
    """A frame that held no log: it waits its turn, so that replies keep the order of frames."""

    reply: bytes = b""


class Producer(Connection):
    """A connection that pushes logs: one log a frame, an answer each, in order."""

    scope = Scope.INGEST

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Hand a log to the writer; return something to wait for where it must not go on."""
        connections = self.connections
        if connections.draining:
            return None
        submission = self._submission(message)
        connections.gate.enter(submission.size)
        connections.writer.submit(submission)
        if connections.gate.is_open and self.unsent < MAX_UNSENT:
            return None
        return self._hold()

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Send what became of a submission."""
        if isinstance(submission, Rejection):
            self.send(submission.reply)
        elif submission.refusal is not None:
            self.send(_refusal_reply(submission))
        else:
            for answer in submission.answers:
                self.send(_ack(*answer, committed_at))

    def _submission(self, message: str | bytes) -> Submission:
        received = time.perf_counter()
        size = len(message if isinstance(message, bytes) or message.isascii() else message.encode())
        try:
            record = parse_log(message)
        except InvalidLog as error:
            self.connections.monitor.count("logs_rejected", 1)
            reply = _rejection_reply(error)
            return Rejection((), self.source, size, received, self, reply=reply)
        return Submission((record,), self.source, size, received, self)

    async def _hold(self) -> None:
        await self.connections.gate.wait()
        if self.unsent >= MAX_UNSENT:
            await self.drained()


class LiveReader(Connection):
    """A connection that is sent every log as it is committed."""

    scope = Scope.READ

    def open(self) -> None:
        """Greet the reader and begin."""
        super().open()
        self.connections.hub.subscribe(self)

    def on_close(self) -> None:
        """End its subscription."""
        self.connections.hub.unsubscribe(self)
        super().on_close()

    def on_message(self, message: str | bytes) -> None:
        """Readers have nothing to say; what they send is dropped."""


_encode = msgspec.json.Encoder().encode


def _ack(log_id: str, seq: int, duplicate: bool, timestamp: int) -> bytes:
    ack = {"type": "ack", "logId": log_id, "seq": seq, "timestamp": timestamp}
    return _encode(ack | {"duplicate": True} if duplicate else ack)


def _rejection_reply(error: InvalidLog) -> bytes:
    reply = {"type": "error", "error": "invalid_log", "message": error.reason}
    return _encode(reply | {"logId": error.log_id, "index": 0})


def _refusal_reply(submission: Submission) -> bytes:
    (record,) = submission.records
    return _encode(
        {
            "type": "error",
            "error": submission.refusal,
            "message": "the log was not stored; send it again later",
            "logId": record.id,
            "retryable": True,
        }
    )
