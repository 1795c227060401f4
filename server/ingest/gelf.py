"""POST /gelf: the Graylog Extended Log Format over HTTP (go2docs.graylog.org, GELF 1.1)."""

from collections.abc import Iterator
from typing import Final

import msgspec

from server.ingest.entries import NO_JSON, Entries, Unreadable, decoded, in_turns, read_objects
from server.ingest.post import Reply
from server.ingest.shipper import ShipperPost
from waterline.recognition.json_text import decode_json

_decode_lines: Final = msgspec.json.Decoder().decode_lines


class GelfPost(ShipperPost):
    """Request with a message, an array of messages, or one a line; answered by 202."""

    endpoint = "/gelf"

    def entries(self, content: bytes) -> Iterator[Entries]:
        """Yield the messages.

        Raises:
            Unreadable: the body is no message of GELF.
        """
        values = _values(content)
        share = len(content) // max(1, len(values))
        for held, size in in_turns(values, lambda _: share):
            yield Entries(read_objects(held), size)

    def respond(self, reply: Reply) -> None:
        """Answer 202, as Graylog does."""
        if not self.refuses(reply):
            self.set_status(202)
            self.finish()


def _values(content: bytes) -> list[dict[str, object]]:
    try:
        value = decode_json(content)
    except NO_JSON:
        try:
            value = decoded(_decode_lines, content)
        except NO_JSON as error:
            raise Unreadable(f"this is no message of GELF: {error}") from error
    values = value if isinstance(value, list) else [value]
    found = [each for each in values if isinstance(each, dict)]
    if len(found) < len(values):
        raise Unreadable("a message of GELF is a JSON object with short_message")
    return found
