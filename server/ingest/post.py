"""Base of the endpoints that take logs by POST: the body is counted while it streams in."""

import asyncio
import codecs
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final

import tornado.web
from tornado.http1connection import HTTP1Connection

from server.connections import Connections
from server.decode.ids import new_ids
from server.endpoint import Endpoint
from server.ingest.bodies import Body, BodyTooLarge, DamagedBody, UnknownEncoding
from server.ingest.entries import Entries
from server.ingest.intake import Intake, Whole
from server.ingest.repeats import RepeatableIds
from server.memory_budget import STALLED, Loan
from server.websocket.frames import MAX_MESSAGE_SIZE
from server.websocket.protocol import half_close
from waterline.metrics.refusals import NO_SOURCE, BodyFault
from waterline.tokens import Scope

# Bytes and seconds of a refused body that are still read and dropped. It is answered at once, but
# closing the connection while the peer sends could lose the answer.
MOST_UNWANTED: Final = 128 * 2**20
UNWANTED_SECONDS: Final = 30.0
_LONGEST_LENGTH: Final = 18
# Tornado would answer its own limit in another shape.
_NO_LIMIT: Final = 2**62
# Seconds until a retry after a full queue or disk.
RETRY_SECONDS: Final = 1
# Seconds to wait for a full queue, which empties within moments.
PATIENCE_SECONDS: Final = 5.0
_FAULTS: Final = frozenset(map(str, BodyFault))
# How what is packed begins, which no text does, nor a request in protobuf.
_PACKED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}

Reply = dict[str, Any]
"""Batch ack of all logs of a body, as `replies.batch_replies` makes it."""


def _packed_by(content: bytes) -> str | None:
    """Return how a body is packed, None if it is not."""
    return next((name for magic, name in _PACKED.items() if content.startswith(magic)), None)


@tornado.web.stream_request_body
class Post(Endpoint, ABC):
    """Request with a body of logs, answered once they are durable."""

    endpoint: str
    """Its path, as the documents name it."""
    takes = "POST"
    methods: tuple[str, ...] = ("POST",)
    """Methods that bring a body of logs."""

    def initialize(self, connections: Connections) -> None:
        """Store the shared state."""
        self.connections = connections
        self.source = ""
        self._body: Body | None = None
        self._loan: Loan | None = None
        self._has_ended = False
        self._unwanted = 0
        self._told: asyncio.Future[None] | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self.received = time.perf_counter()
        self.reply: asyncio.Future[Reply] = asyncio.Future()
        """Batch ack of the body, once its logs are durable or refused."""

    @abstractmethod
    async def take(self, content: bytes) -> None:
        """Store the logs of a body and answer.

        Args:
            content: the body, decompressed.
        """

    async def prepare(self) -> None:
        """Check the headers before the body is read."""
        self._connection.set_max_body_size(_NO_LIMIT)
        if self.request.method not in self.methods:
            self._has_ended = True  # its body, if any, is thrown away
            return
        length = self._length()
        if length is None or not self.accepts_origin():
            return
        token = self.authorise(self.connections.tokens, Scope.INGEST)
        if token is None:
            return
        self.source = token.name
        self._loan = self.connections.budget.open(self)
        if self.accepts_query() and self._open_body(length) and not await self._may_enter():
            self.fail(503, "busy", "the server is too busy now", retry_after=RETRY_SECONDS)

    async def data_received(self, chunk: bytes) -> None:
        """Add a piece of the body; the next one is read once there is room."""
        if self._body is None:
            self._throw_away(len(chunk))
            return
        try:
            for _ in self._body.feed(chunk):
                if not await self._may_go_on():
                    return
        except BodyTooLarge as error:
            self.fail(413, "too_large", str(error))
        except DamagedBody as error:
            self.fail(400, "damaged_body", str(error))

    async def post(self, *_: str) -> None:
        """Store the body and answer once it is durable."""
        self._has_ended = True
        if self._body is None:
            self._end()
            return
        try:
            # Some programs of Windows mark UTF-8 so.
            content = self._body.whole().removeprefix(codecs.BOM_UTF8)
        except BodyTooLarge as error:
            self._give_back()
            self.fail(413, "too_large", str(error))
            return
        except DamagedBody as error:
            self._give_back()
            self.fail(400, "damaged_body", str(error))
            return
        self._body = None
        if (packed := _packed_by(content)) is not None:
            self._give_back()
            sentence = f"this body is packed by {packed}; say so by Content-Encoding: {packed}"
            self.fail(415, "unsupported_encoding", sentence)
            return
        if self._loan is not None:
            self._loan.is_whole = True
        try:
            if self.may_send(len(content)):
                await self.take(content)
        finally:
            self._give_back()

    @property
    def content_type(self) -> str:
        """Content type of the body, without parameters."""
        return self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def accepts_query(self) -> bool:
        """Return whether the query parameters are valid, else end the request."""
        return True

    def encoding(self) -> str:
        """Return how the body is compressed, as Content-Encoding names it."""
        return self.request.headers.get("Content-Encoding", "")

    def may_send(self, size: int) -> bool:
        """Return whether the token may send so many bytes now, else end the request with 429."""
        if seconds := self.connections.limits.ask(self.source, size):
            reason = "this token has sent as much as it may for now"
            self.fail(429, "too_many_bytes", reason, retry_after=seconds)
        return not seconds

    def fail(
        self, status: int, error: str, message: str, *, retry_after: float | None = None
    ) -> None:
        """Refuse the body, and count that; logs that were read are counted one by one.

        Args:
            status: the HTTP status.
            error: code for programs.
            message: sentence for people.
            retry_after: seconds until a retry makes sense.
        """
        is_first = self._told is None and not self._finished
        if is_first and self.request.method != "GET" and error in _FAULTS:
            self.connections.refusals.body(
                BodyFault(error), self.endpoint, self.sender or NO_SOURCE, message
            )
        super().fail(status, error, message, retry_after=retry_after)

    async def store(self, entries: Iterator[Entries], content: bytes) -> None:
        """Store the logs of a body in one transaction; `reply` is the batch ack then.

        Args:
            entries: the logs, some at a time.
            content: the body.
        """
        intake = Intake(self.connections, self.source, Whole(self.hear), self, self.received)
        make_ids = RepeatableIds(content) if self.connections.recognises_repeats else new_ids
        await intake.take_entries(entries, len(content), make_ids)

    def hear(self, reply: Reply) -> None:
        """Set the reply, unless there is one."""
        if not self.reply.done():
            self.reply.set_result(reply)

    def give_up(self, reason: str) -> None:
        """Refuse the body, as it has stopped or there is no room."""
        self._loan = None
        if reason == STALLED:
            self.fail(408, "timeout", "the body stopped before its end; send it again")
            self._end()
        else:
            self.fail(503, "busy", reason, retry_after=RETRY_SECONDS)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> "asyncio.Future[None]":
        """Answer, even before the end of the body; the connection closes after it then.

        The peer reads the answer while it sends, or once it has sent all.
        """
        if self._told is not None:  # refused already
            return self._told
        if self._has_ended:
            return super().finish(chunk)
        assert isinstance(chunk, bytes)
        self._drop_body()
        self._give_back()
        self.request.headers.pop("Expect", None)  # a peer that awaits 100 keeps the body
        self.set_header("Content-Length", str(len(chunk)))
        self.set_header("Connection", "close")
        self.write(chunk)
        self._told = self.flush()
        self._told.add_done_callback(lambda _: half_close(self._connection.stream))
        self._giving_up = asyncio.get_running_loop().call_later(UNWANTED_SECONDS, self._end)
        return self._told

    def on_connection_close(self) -> None:
        """Drop the body of a client that broke off."""
        self._drop_body()
        self._let_go()
        super().on_connection_close()

    def on_finish(self) -> None:
        """Release all resources."""
        self._let_go()
        super().on_finish()

    @property
    def _connection(self) -> HTTP1Connection:
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        return connection

    def _end(self) -> None:
        """Close the connection of a refused body."""
        if not self._finished:
            super().finish()
        self._connection.close()

    async def _may_enter(self) -> bool:
        """Wait for the gate; return whether it opened and the server goes on."""
        connections = self.connections
        try:
            await asyncio.wait_for(connections.gate.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            return False
        return not connections.is_over

    def _open_body(self, length: int) -> bool:
        """Open a body of this length; if it is refused, answer and return False."""
        try:
            body = Body(self.encoding(), MAX_MESSAGE_SIZE)
            body.announce(length)
        except UnknownEncoding as error:
            self.fail(415, "unsupported_encoding", str(error))
        except BodyTooLarge as error:
            self.fail(413, "too_large", str(error))
        else:
            self._body = body
            return True
        return False

    def _length(self) -> int | None:
        """Return the Content-Length, default 0; if it is invalid, answer and return None."""
        headers = self.request.headers
        text = headers.get("Content-Length", "0")
        if text.isascii() and text.isdigit() and len(text) < _LONGEST_LENGTH:
            return int(text)
        # The end of the body is unknown, so all that follows is dropped.
        headers["Content-Length"] = str(_NO_LIMIT)
        self.fail(400, "bad_request", "Content-Length must be given once, as a whole number")
        return None

    async def _may_go_on(self) -> bool:
        """Count the bytes, yield a turn and wait for room; return whether the body goes on."""
        if self._body is None or self._loan is None:
            return False
        budget, loan = self.connections.budget, self._loan
        budget.resize(loan, self._body.size)
        await asyncio.sleep(0)
        await budget.room(loan)
        return self._body is not None

    def _throw_away(self, size: int) -> None:
        self._unwanted += size
        if self._unwanted > MOST_UNWANTED:
            self._end()

    def _drop_body(self) -> None:
        self._body = None

    def _let_go(self) -> None:
        self._give_back()
        if self._giving_up is not None:
            self._giving_up.cancel()

    def _give_back(self) -> None:
        if self._loan is not None:
            self.connections.budget.close(self._loan)
            self._loan = None
