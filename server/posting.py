"""Where shippers post logs: POST /ingest, counted while it streams in, answered once durable."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import tornado.routing
import tornado.web
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest

from server.auth import Scope
from server.batches import read_frames
from server.bodies import Body, BodyTooLarge, DamagedBody, UnknownEncoding
from server.connections import Connections
from server.frames import MAX_MESSAGE_SIZE
from server.replies import AckMode, batch_replies
from server.web import Endpoint
from server.writer import Submission

# A body that is refused is read on, up to this, and thrown away: were the connection closed while
# its sender still sends, the answer would be lost on the way.
MOST_UNWANTED: Final = 128 * 2**20
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
class Poster(Endpoint):
    """One request: a log, a JSON array of logs, or one log a line; its answer is the batch ack."""

    def initialize(self, connections: Connections) -> None:
        """Take what all connections share."""
        self.connections = connections
        self._source = ""
        self._body: Body | None = None
        self._held = 0
        self._unwanted = 0
        self._refusal: Callable[[], None] | None = None
        self._received = time.perf_counter()
        self._answered: asyncio.Future[tuple[Submission, int]] = asyncio.Future()

    async def prepare(self) -> None:
        """Look at all that can be known before the body comes; it is not read meanwhile."""
        if not self.accepts_origin():
            return
        token = self.authorise(self.connections.tokens, Scope.INGEST)
        if token is None:
            return
        self._source = token.name
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        connection.set_max_body_size(_NO_LIMIT)
        if self.get_query_argument("ack", AckMode.BATCH) != AckMode.BATCH:
            self._refuse(400, "bad_request", "over HTTP ack can only be batch")
        elif not await self._may_enter():
            self._refuse(503, "busy", "the server is too busy now", retry_after=RETRY_SECONDS)
        else:
            self._open_body()

    def data_received(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        if self._body is None:
            self._throw_away(len(chunk))
            return
        before = self._body.size
        try:
            self._body.feed(chunk)
        except BodyTooLarge as error:
            self._refuse(413, "too_large", str(error))
        except DamagedBody as error:
            self._refuse(400, "damaged_body", str(error))
        else:
            self._hold(self._body.size - before)

    async def post(self) -> None:
        """Store what came and answer once it is durable."""
        if self._body is None:
            self._tell_refusal()
            return
        try:
            content = self._body.whole()
        except DamagedBody as error:
            self.fail(400, "damaged_body", str(error))
            return
        finally:
            self._drop_body()
        size = len(content)
        if seconds := self.connections.limits.ask(self._source, size):
            reason = "this token has sent as much as it may for now"
            self.fail(429, "too_many_bytes", reason, retry_after=seconds)
            return
        batch = read_frames([content], self._source, measured=self.connections.measured)
        del content
        self.connections.submit(Submission(batch, size, self._received, self))
        self._reply(*await self._answered)

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Hear that the logs were stored or refused."""
        if not self._answered.done():
            self._answered.set_result((submission, committed_at))

    def on_connection_close(self) -> None:
        """Let go of what a client that broke off had sent."""
        self._drop_body()
        super().on_connection_close()

    async def _may_enter(self) -> bool:
        """Wait a while for room; say whether there is any and the server does not stop."""
        connections = self.connections
        try:
            await asyncio.wait_for(connections.gate.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            return False
        return not connections.draining

    def _open_body(self) -> None:
        headers = self.request.headers
        try:
            self._body = Body(headers.get("Content-Encoding", ""), MAX_MESSAGE_SIZE)
            self._body.announce(int(headers.get("Content-Length", "0")))
        except UnknownEncoding as error:
            self._refuse(415, "unsupported_encoding", str(error))
        except BodyTooLarge as error:
            self._refuse(413, "too_large", str(error))

    def _hold(self, size: int) -> None:
        """Count a piece against what all bodies in flight may take together."""
        self._held += size
        self.connections.in_flight += size
        if self.connections.in_flight > self.connections.most_in_flight:
            self._refuse(503, "busy", "more is sent than fits", retry_after=RETRY_SECONDS)

    def _refuse(
        self, status: int, error: str, message: str, retry_after: float | None = None
    ) -> None:
        """Take no more of the body; it is answered once it has ended."""
        self._drop_body()
        self._refusal = partial(self.fail, status, error, message, retry_after=retry_after)

    def _throw_away(self, size: int) -> None:
        self._unwanted += size
        if self._unwanted > MOST_UNWANTED:
            self._tell_refusal()

    def _tell_refusal(self) -> None:
        if self._refusal is not None and not self._finished:
            self._refusal()

    def _drop_body(self) -> None:
        self.connections.in_flight -= self._held
        self._held, self._body = 0, None

    def _reply(self, submission: Submission, committed_at: int) -> None:
        (reply,) = batch_replies(submission, committed_at)
        if submission.refusal is not None:
            self.set_status(503)
            self.set_header("Retry-After", str(RETRY_SECONDS))
        elif not submission.batch.ids:
            self.set_status(400)
            reply = _nothing_valid(submission)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(reply))


def _nothing_valid(submission: Submission) -> dict[str, object]:
    (reply,) = batch_replies(submission, 0)
    frames = submission.batch.frames
    assert frames
    ((_, first), *_) = frames[0].rejected
    message = f"no log in this body is valid; of the first: {first.reason}"
    return {"type": "error", "error": "invalid_log", "message": message, "errors": reply["errors"]}
