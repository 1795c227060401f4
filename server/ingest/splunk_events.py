"""Events of Splunk's collector, one behind the other, and what they say."""

import json
import re
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Final

import msgspec

from server.ingest.entries import SIZE_AT_ONCE, Unreadable, columns_of, read_objects
from server.ingest.lines import read_lines
from waterline.recognition.json_text import NO_NUMBERS
from waterline.recognition.levels import type_of_otel, type_of_word
from waterline.recognition.object_columns import times_of_column
from waterline.recognition.object_shapes import Members, merged
from waterline.recognition.recognized import Columns
from waterline.recognition.time_values import read_time

# Members of the events of Docker's driver, which holds a line of its container.
_OF_DOCKER: Final = {"line", "source", "tag", "attrs"}
_KEPT_OF_DOCKER: Final = ("tag", "attrs")
_SEVERITY_TEXT: Final = "otel.log.severity.text"
_SEVERITY_NUMBER: Final = "otel.log.severity.number"
# Characters of a word for a level.
_LONGEST_LEVEL: Final = 32
_SPACE: Final = " \t\r\n"
_ANY_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
# Where one event ends and another begins, or a text that looks so.
_BETWEEN: Final = re.compile(rb"\}[ \t\r\n]*\{")
_decode_values: Final = msgspec.json.Decoder().decode_lines
_NO_JSON: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def _float(digits: str) -> float | str:
    """Return a number, or its digits where no float is so large."""
    number = float(digits)
    return number if isfinite(number) else digits


_decoder: Final = json.JSONDecoder(parse_constant=NO_NUMBERS.__getitem__, parse_float=_float)


class Event(msgspec.Struct, gc=False):
    """One event."""

    event: object
    """A line, an object, or another JSON value."""
    time: object
    """Seconds since 1970, as a number or text; None if it says none."""
    members: Members
    """Host, source, sourcetype and index, and indexed fields."""
    size: int
    """Bytes in the body."""


def read_events(content: bytes) -> Iterator[Event]:
    """Yield the events of a body.

    Raises:
        Unreadable: it is no sequence of JSON objects.
    """
    at = number = 0
    while at < len(content):
        end = len(content)
        if end - at > 2 * SIZE_AT_ONCE:
            found = _BETWEEN.search(content, at + SIZE_AT_ONCE, at + 2 * SIZE_AT_ONCE)
            end = at if found is None else found.start() + 1
        try:
            values = _decode_values(content[at:end])
        except _NO_JSON:
            values = []
        if not values:
            # It is cut within a text or is one large event, has what only Python reads, or nothing.
            yield from _read_one_by_one(content[at:], number)
            return
        share = (end - at) // len(values)
        for value in values:
            yield from _events(value, share)
        at, number = end, number + len(values)


def _read_one_by_one(content: bytes, number: int) -> Iterator[Event]:
    """Yield the events of a body, or of the rest of one.

    Args:
        content: the events.
        number: the number of those before.
    """
    text = content.decode(errors="replace").strip(_SPACE)
    has_halves = _HALF.search(text) is not None
    at = 0
    end = len(text)
    while at < end:
        begin = at
        try:
            value, at = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"Invalid data format: event {number} is no JSON: {error}") from error
        yield from _events(_whole(value) if has_halves else value, at - begin)
        number += 1
        at = _end_of_space(text, at)


def _end_of_space(text: str, at: int) -> int:
    found = _ANY_SPACE.match(text, at)
    return at if found is None else found.end()


def _events(value: object, size: int) -> Iterator[Event]:
    if not isinstance(value, list):
        yield _event(value, size)
        return
    for each in value:
        yield _event(each, size // len(value))


def _whole(value: object) -> object:
    """Return a JSON value with `?` for each half of a surrogate pair, which has no UTF-8."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _event(value: object, size: int) -> Event:
    if not isinstance(value, dict) or "event" not in value:
        return Event(value, None, {}, size)
    event, time = value.pop("event"), value.pop("time", None)
    fields = value.pop("fields", None)
    named = fields if isinstance(fields, dict) else {} if fields is None else {"fields": fields}
    if isinstance(event, dict) and "line" in event and event.keys() <= _OF_DOCKER:
        named = {**named, **{name: each for name, each in event.items() if name in _KEPT_OF_DOCKER}}
        if "source" in event:
            named["stream"] = event["source"]
        event = event["line"]
    return Event(event, time, merged(value, named) if named else value, size)


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
    timestamps = _times([each.time for each in events], found.timestamps)
    attributes = [
        merged(own, each.members) for each, own in zip(events, found.attributes, strict=True)
    ]
    types = found.types
    if None in types:
        types = [own or _severity(each.members) for each, own in zip(events, types, strict=True)]
    return found._replace(timestamps=timestamps, types=types, attributes=attributes)


def _times(given: Sequence[object], inner: Sequence[int | None]) -> Sequence[int | None]:
    """Return the times of events: those of the envelopes, or else the inner ones."""
    times = None if None in given else times_of_column(given)
    if times is not None:
        return times
    return [
        own if (time := read_time(each)) is None else time
        for each, own in zip(given, inner, strict=True)
    ]


def _severity(members: Members) -> str | None:
    """Return the type that OpenTelemetry's Collector names in the fields of an event."""
    word, number = members.get(_SEVERITY_TEXT), members.get(_SEVERITY_NUMBER)
    found = type_of_word(word) if isinstance(word, str) and len(word) <= _LONGEST_LEVEL else None
    return found or (type_of_otel(number) if isinstance(number, int) else None)


def _object(event: object) -> dict[str, object]:
    return event if isinstance(event, dict) else {"event": event}
