"""POST /services/collector: Splunk's HTTP Event Collector (docs.splunk.com, HEC endpoints)."""

from collections.abc import Iterator
from typing import Final

import msgspec
import tornado.web

from server.ingest.entries import Entries, in_turns
from server.ingest.lines import lines_in, read_lines
from server.ingest.post import Reply
from server.ingest.shipper import ShipperPost
from server.ingest.splunk_events import columns, read_events
from waterline.recognition.object_shapes import Members, merged
from waterline.responses import Fault

# Codes of HEC by HTTP status; others are 8, internal error.
_CODES: Final = {400: 6, 401: 4, 403: 4, 408: 6, 413: 6, 415: 6, 429: 9, 503: 9}


class _Collector(ShipperPost):
    """Request to the collector, answered by a text and a code."""

    def options(self, *_: str) -> None:
        """Answer Docker's driver, which finds out so, without a token, whether this is here."""
        self._tell("Success", 0)

    def respond(self, reply: Reply) -> None:
        """Answer that all is stored, or that nothing of it could be."""
        if self.refuses(reply):
            return
        if not reply["count"]:
            self.set_status(400)
            self._tell("No data", 5)
        else:
            self._tell("Success", 0)

    def fault_body(self, status: int, fault: Fault) -> tuple[str, bytes]:
        """Return the text and the code of an error."""
        code = _CODES.get(status, 8)
        return "application/json", msgspec.json.encode({"text": fault.message, "code": code})

    def _tell(self, text: str, code: int) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode({"text": text, "code": code}))


class SplunkEvents(_Collector):
    """POST /services/collector and /event: objects with an event each, one behind the other."""

    endpoint = "/services/collector"

    def entries(self, content: bytes) -> Iterator[Entries]:
        """Yield the events.

        Raises:
            Unreadable: the body is no sequence of JSON objects.
        """
        for held, size in in_turns(read_events(content), lambda event: event.size):
            yield Entries(columns(held), size)


class SplunkRaw(_Collector):
    """POST /services/collector/raw: a line of text is an event."""

    endpoint = "/services/collector/raw"

    def entries(self, content: bytes) -> Iterator[Entries]:
        """Yield the lines; each gets the metadata of the query."""
        names = ("host", "source", "sourcetype", "index")
        names_given = {
            name: given for name in names if (given := self.get_query_argument(name, ""))
        }
        members: Members = {**names_given}
        shared = sum(len(name) + len(each) for name, each in names_given.items())
        for held, size in in_turns(lines_in(content), len, lambda _: shared):
            said = read_lines([each.decode(errors="replace") for each in held])
            attributes = [merged(each, members) for each in said.attributes]
            repeated = shared * len(held)
            yield Entries(said._replace(attributes=attributes), size, repeated=repeated)


class SplunkHealth(tornado.web.RequestHandler):
    """GET /services/collector/health."""

    def get(self) -> None:
        """Answer as the collector does."""
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode({"text": "HEC is healthy", "code": 17}))
