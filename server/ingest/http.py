"""HTTP endpoint POST /ingest: logs of our own contract and objects of other programs."""

from collections.abc import Iterator
from email.message import Message
from typing import Final

import msgspec
import tornado.routing
from tornado.httputil import HTTPServerRequest

from server.decode.frames import read_frames, read_sound
from server.ingest.bodies import UnknownEncoding
from server.ingest.entries import Entries, read_objects
from server.ingest.forms import FORM, read_form
from server.ingest.intake import take_message
from server.ingest.overrides import object_reader
from server.ingest.post import RETRY_SECONDS, Post, Reply
from server.ingest.repeats import RepeatableIds
from server.ingest.replies import AckMode, batch_replies
from server.ingest.slices import RUN_SIZE, is_small
from server.ingest.text import TEXT, read_text
from server.submissions import Submission

# Some clients call JSON text; an empty body is refused in the same words.
_NO_TEXT: Final = (b"{", b"[")
_NO_JSON: Final = "this is no JSON"
_HINT: Final = "; lines of text are logs with Content-Type: text/plain"


class IsPost(tornado.routing.Matcher):
    """Matches POST requests; a GET of the same path is a WebSocket."""

    def match(self, request: HTTPServerRequest) -> dict[str, object] | None:
        """Return no arguments for a POST to our paths, else None."""
        return {} if request.method == "POST" and request.path in ("/", "/ingest") else None


class IngestPost(Post):
    """Request with a log, a JSON array of logs, one log a line, text or a form; a batch ack."""

    endpoint = "/ingest"

    def accepts_query(self) -> bool:
        """Return whether the ack mode is valid, else end the request with 400."""
        is_batch = self.get_query_argument("ack", AckMode.BATCH) == AckMode.BATCH
        if not is_batch:
            self.fail(400, "bad_request", "over HTTP ack can only be batch")
        return is_batch

    async def take(self, content: bytes) -> None:
        """Store a body and answer with a batch ack."""
        try:
            entries = self._entries(content)
        except UnknownEncoding as error:
            self.fail(415, "unsupported_encoding", str(error))
            return
        if entries is None:
            await self._take_json(content)
        else:
            await self.store(entries, content)
        self._reply(await self.reply)

    def _entries(self, content: bytes) -> Iterator[Entries] | None:
        """Return the logs of a body that its type names as something else than JSON."""
        if (
            self.content_type == TEXT
            and content.strip()
            and not content.lstrip().startswith(_NO_TEXT)
        ):
            return read_text(content, self._charset())
        if self.content_type == FORM and (form := read_form(content)) is not None:
            return iter([Entries(read_objects([form]), len(content))])
        return None

    def _charset(self) -> str:
        head = Message()
        head["Content-Type"] = self.request.headers.get("Content-Type", "")
        return str(head.get_content_charset(""))

    async def _take_json(self, content: bytes) -> None:
        decoded, measured = None, self.connections.measured
        reader = object_reader(self.get_query_argument)
        name = RepeatableIds(content) if self.connections.recognises_repeats else None
        if is_small(content):
            decoded = read_frames(
                [content], self.source, measured=measured, reader=reader, name_foreign=name
            )
        elif len(content) <= RUN_SIZE:
            decoded = read_sound(
                [content], self.source, measured=measured, reader=reader, name_foreign=name
            )
        if decoded is not None:
            self.connections.submit(Submission(decoded, len(content), self.received, self))
        else:
            await take_message(
                self.connections,
                self.source,
                content,
                self.received,
                self,
                self.hear,
                reader=reader,
                name_foreign=name,
            )

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Handle the result of the commit."""
        (reply,) = batch_replies(submission, committed_at)
        self.hear(reply)

    def _reply(self, reply: Reply) -> None:
        if self._finished:  # refused, or the client has gone
            return
        if reply["type"] == "error":
            self.set_status(503)
            self.set_header("Retry-After", str(RETRY_SECONDS))
        elif not reply["count"]:
            self.set_status(400)
            reply = _nothing_valid(reply)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(reply))


def _nothing_valid(reply: Reply) -> dict[str, object]:
    errors = reply["errors"]
    first = errors[0]["message"]
    message = f"no log in this body is valid; of the first: {first}"
    if first.startswith(_NO_JSON):
        message += _HINT
    counted = {"rejected": reply["rejected"]} if "rejected" in reply else {}
    return {"type": "error", "error": "invalid_log", "message": message, "errors": errors} | counted
