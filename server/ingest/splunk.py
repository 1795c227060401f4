"""POST /services/collector: Splunk's HTTP Event Collector (docs.splunk.com, HEC endpoints)."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import tornado.web

from server.ingest.entries import Entries, Unreadable, columns_of, in_turns, read_objects
from server.ingest.lines import read_lines
from server.ingest.post import Reply
from server.ingest.shipper import ShipperPost
from waterline.recognition.levels import type_of_otel, type_of_word
from waterline.recognition.object_shapes import Members, merged
from waterline.recognition.recognized import Columns
from waterline.recognition.time_values import read_time
from waterline.responses import Fault

# Codes of HEC by HTTP status; others are 8, internal error.
_CODES: Final = {400: 6, 401: 4, 403: 4, 408: 6, 413: 6, 415: 6, 429: 9, 503: 9}
_MEMBERS: Final = ("event", "time", "fields")
# Members of the events of Docker's driver, which holds a line of its container.
_OF_DOCKER: Final = {"line", "source", "tag", "attrs"}
_KEPT_OF_DOCKER: Final = ("tag", "attrs")
_SEVERITY_TEXT: Final = "otel.log.severity.text"
_SEVERITY_NUMBER: Final = "otel.log.severity.number"
# Characters of a word for a level.
_LONGEST_LEVEL: Final = 32
_SPACE: Final = " \t\r\n"
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
_decoder: Final = json.JSONDecoder()


class Event(NamedTuple):
    """One event."""

    event: object
    """A line, an object, or another JSON value."""
    time: object
    """Seconds since 1970, as a number or text; None if it says none."""
    members: Members
    """Host, source, sourcetype and index, and indexed fields."""
    size: int
    """Bytes in the body."""


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
        members: Members = {
            name: given for name in names if (given := self.get_query_argument(name, ""))
        }
        lines = (each for each in content.split(b"\n") if each.strip())
        for held, size in in_turns(lines, len):
            said = read_lines([each.decode(errors="replace").rstrip("\r") for each in held])
            attributes = [merged(each, members) for each in said.attributes]
            yield Entries(said._replace(attributes=attributes), size)


class SplunkHealth(tornado.web.RequestHandler):
    """GET /services/collector/health."""

    def get(self) -> None:
        """Answer as the collector does."""
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode({"text": "HEC is healthy", "code": 17}))


def read_events(content: bytes) -> Iterator[Event]:
    """Yield the events of a body.

    Raises:
        Unreadable: it is no sequence of JSON objects.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"the events are not encoded as UTF-8: {error}") from error
    has_halves = _HALF.search(text) is not None
    at = number = 0
    end = len(text.rstrip(_SPACE))
    while at < end:
        begin = at
        try:
            value, at = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"Invalid data format: event {number} is no JSON: {error}") from error
        if has_halves:
            value = _whole(value)
        values = value if isinstance(value, list) else [value]
        for each in values:
            yield _event(each, (at - begin) // len(values))
        number += 1
        while at < end and text[at] in _SPACE:
            at += 1


def _whole(value: object) -> object:
    """Return a JSON value with `?` for each half of a surrogate pair, which has no UTF-8."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _event(value: object, size: int) -> Event:
    if not isinstance(value, dict) or "event" not in value:
        return Event(value, None, {}, size)
    event = value["event"]
    fields = value.get("fields")
    members = {name: each for name, each in value.items() if name not in _MEMBERS}
    named = fields if isinstance(fields, dict) else {} if fields is None else {"fields": fields}
    if isinstance(event, dict) and "line" in event and event.keys() <= _OF_DOCKER:
        named = {**named, **{name: each for name, each in event.items() if name in _KEPT_OF_DOCKER}}
        if "source" in event:
            named["stream"] = event["source"]
        event = event["line"]
    return Event(event, value.get("time"), merged(members, named), size)


def columns(events: Sequence[Event]) -> Columns:
    """Return what events say: the time of the collector's envelope counts, if it has one."""
    texts = [isinstance(each.event, str) for each in events]
    if all(texts):
        found = read_lines([str(each.event) for each in events])
    elif not any(texts):
        found = read_objects([_object(each.event) for each in events])
    else:
        alone = [columns([each]) for each in events]
        return columns_of([row for each in alone for row in each.rows()])
    timestamps = [
        own if (given := read_time(each.time)) is None else given
        for each, own in zip(events, found.timestamps, strict=True)
    ]
    attributes = [
        merged(own, each.members) for each, own in zip(events, found.attributes, strict=True)
    ]
    types = [own or _severity(each.members) for each, own in zip(events, found.types, strict=True)]
    return found._replace(timestamps=timestamps, types=types, attributes=attributes)


def _severity(members: Members) -> str | None:
    """Return the type that OpenTelemetry's Collector names in the fields of an event."""
    word, number = members.get(_SEVERITY_TEXT), members.get(_SEVERITY_NUMBER)
    found = type_of_word(word) if isinstance(word, str) and len(word) <= _LONGEST_LEVEL else None
    return found or (type_of_otel(number) if isinstance(number, int) else None)


def _object(event: object) -> dict[str, object]:
    return event if isinstance(event, dict) else {"event": event}
