"""Where shippers post logs: POST /ingest, counted while it streams in, answered once durable."""

import asyncio
import time
from typing import Any, Final

import msgspec
import tornado.routing
import tornado.web
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest

from server.connections import Connections
from server.decode import read_frames, read_sound
from server.endpoint import Endpoint
from server.ingest.bodies import Body, BodyTooLarge, DamagedBody, UnknownEncoding
from server.ingest.intake import take_message
from server.ingest.replies import AckMode, batch_replies
from server.ingest.slices import RUN_SIZE, is_small
from server.memory_budget import STALLED, Loan
from server.submissions import Submission
from server.websocket.frames import MAX_MESSAGE_SIZE
from server.websocket.protocol import half_close
from waterline.tokens import Scope

# A body that is refused is answered at once, then read on and thrown away, up to this and for so
# long: were the connection closed while its sender still sends, the answer could be lost.
MOST_UNWANTED: Final = 128 * 2**20
UNWANTED_SECONDS: Final = 30.0
_LONGEST_LENGTH: Final = 18
# Tornado's own limit would be answered in a shape of its own.
_NO_LIMIT: Final = 2**62
# When the queue is full or the disk is, a second makes a difference.
RETRY_SECONDS: Final = 1
# Full queues empty within moments; to wait for that is better than to be asked again.
PATIENCE_SECONDS: Final = 5.0


class IsPost(tornado.routing.Matcher):
    """Matches POST requests; the same path speaks WebSocket on GET."""

    def match(self, request: HTTPServerRequest) -> dict[str, object] | None:
        """Return no further arguments, or None where it is no POST to a path of ours."""
        return {} if request.method == "POST" and request.path in ("/", "/ingest") else None


@tornado.web.stream_request_body
class IngestPost(Endpoint):
    """One request: a log, a JSON array of logs, or one log a line; its answer is the batch ack."""

    def initialize(self, connections: Connections) -> None:
        """Take what all connections share."""
        self.connections = connections
        self._source = ""
        self._body: Body | None = None
        self._loan: Loan | None = None
        self._has_ended = False
        self._unwanted = 0
        self._told: asyncio.Future[None] | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._received = time.perf_counter()
        self._answered: asyncio.Future[dict[str, Any]] = asyncio.Future()

    async def prepare(self) -> None:
        """Look at all that can be known before the body comes; it is not read meanwhile."""
        self._connection.set_max_body_size(_NO_LIMIT)
        length = self._length()
        if length is None or not self.accepts_origin():
            return
        token = self.authorise(self.connections.tokens, Scope.INGEST)
        if token is None:
            return
        self._source = token.name
        self._loan = self.connections.budget.open(self)
        if self.get_query_argument("ack", AckMode.BATCH) != AckMode.BATCH:
            self.fail(400, "bad_request", "over HTTP ack can only be batch")
        elif self._open_body(length) and not await self._may_enter():
            self.fail(503, "busy", "the server is too busy now", retry_after=RETRY_SECONDS)

    async def data_received(self, chunk: bytes) -> None:
        """Take a piece of the body; the next one is read once there is room for it."""
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

    async def post(self) -> None:
        """Store what came and answer once it is durable."""
        self._has_ended = True
        if self._body is None:
            self._end()
            return
        try:
            content = self._body.whole()
        except DamagedBody as error:
            self._give_back()
            self.fail(400, "damaged_body", str(error))
            return
        self._body = None
        if self._loan is not None:
            self._loan.is_whole = True
        try:
            await self._take(content)
        finally:
            self._give_back()

    async def _take(self, content: bytes) -> None:
        if seconds := self.connections.limits.ask(self._source, len(content)):
            reason = "this token has sent as much as it may for now"
            self.fail(429, "too_many_bytes", reason, retry_after=seconds)
            return
        decoded, measured = None, self.connections.measured
        if is_small(content):
            decoded = read_frames([content], self._source, measured=measured)
        elif len(content) <= RUN_SIZE:
            decoded = read_sound([content], self._source, measured=measured)
        if decoded is not None:
            self.connections.submit(Submission(decoded, len(content), self._received, self))
        else:
            await take_message(
                self.connections, self._source, content, self._received, self, self._hear
            )
        self._reply(await self._answered)

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Hear that the logs were stored or refused."""
        (reply,) = batch_replies(submission, committed_at)
        self._hear(reply)

    def _hear(self, reply: dict[str, Any]) -> None:
        if not self._answered.done():
            self._answered.set_result(reply)

    def give_up(self, reason: str) -> None:
        """Take no more of the body: it does not come, or there is no room for it."""
        self._loan = None
        if reason == STALLED:
            self.fail(408, "timeout", "the body stopped before its end; send it again")
            self._end()
        else:
            self.fail(503, "busy", reason, retry_after=RETRY_SECONDS)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> "asyncio.Future[None]":
        """Answer; where the body has not ended, at once, and the connection ends after it.

        Its sender reads the answer while it sends, or once it has sent all.
        """
        if self._told is not None:  # it was refused before
            return self._told
        if self._has_ended:
            return super().finish(chunk)
        assert isinstance(chunk, bytes)
        self._drop_body()
        self._give_back()
        self.request.headers.pop("Expect", None)  # who waits for a 100 keeps the body to itself
        self.set_header("Content-Length", str(len(chunk)))
        self.set_header("Connection", "close")
        self.write(chunk)
        self._told = self.flush()
        self._told.add_done_callback(lambda _: half_close(self._connection.stream))
        self._giving_up = asyncio.get_running_loop().call_later(UNWANTED_SECONDS, self._end)
        return self._told

    def on_connection_close(self) -> None:
        """Let go of what a client that broke off had sent."""
        self._drop_body()
        self._let_go()
        super().on_connection_close()

    def on_finish(self) -> None:
        """Count nothing of it any more."""
        self._let_go()
        super().on_finish()

    @property
    def _connection(self) -> HTTP1Connection:
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        return connection

    def _end(self) -> None:
        """End the connection of a body that was refused."""
        if not self._finished:
            super().finish()
        self._connection.close()

    async def _may_enter(self) -> bool:
        """Wait a while for room; say whether there is any and the server does not stop."""
        connections = self.connections
        try:
            await asyncio.wait_for(connections.gate.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            return False
        return not connections.draining

    def _open_body(self, length: int) -> bool:
        """Be ready for a body of this length; return False, and answer, where it is not taken."""
        try:
            body = Body(self.request.headers.get("Content-Encoding", ""), MAX_MESSAGE_SIZE)
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
        """Return the Content-Length, 0 where there is none; None, and an end, where it is odd."""
        headers = self.request.headers
        text = headers.get("Content-Length", "0")
        if text.isascii() and text.isdigit() and len(text) < _LONGEST_LENGTH:
            return int(text)
        # Nothing of what follows can be told apart: all of it is thrown away.
        headers["Content-Length"] = str(_NO_LIMIT)
        self.fail(400, "bad_request", "Content-Length must be given once, as a whole number")
        return None

    async def _may_go_on(self) -> bool:
        """Count what is held, let others have their turn and wait for room; say if there is."""
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

    def _reply(self, reply: dict[str, Any]) -> None:
        if self._finished:  # its sender was given up, or has gone
            return
        if reply["type"] == "error":
            self.set_status(503)
            self.set_header("Retry-After", str(RETRY_SECONDS))
        elif not reply["count"]:
            self.set_status(400)
            reply = _nothing_valid(reply)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(reply))


def _nothing_valid(reply: dict[str, Any]) -> dict[str, object]:
    errors = reply["errors"]
    first = errors[0]["message"]
    message = f"no log in this body is valid; of the first: {first}"
    counted = {"rejected": reply["rejected"]} if "rejected" in reply else {}
    return {"type": "error", "error": "invalid_log", "message": message, "errors": errors} | counted
