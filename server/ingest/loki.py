"""POST /loki/api/v1/push: Grafana Loki's push API, JSON and protobuf."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
import tornado.web

from server.ingest.entries import Entries, Unreadable, in_turns
from server.ingest.lines import read_lines
from server.ingest.post import Reply
from server.ingest.shipper import ShipperPost
from waterline.recognition.levels import says_more, type_of_word
from waterline.recognition.object_shapes import merged
from waterline.recognition.recognized import Columns
from waterline.recognition.time_values import BeyondYears, read_time, within_years

# Labels that name the level, the first that there is.
_LEVELS: Final = ("level", "severity", "detected_level")
# Milliseconds that the time of a line may differ from that of its entry. Some clients give the time
# of sending, and the line knows better; but a line without its zone may be hours off.
_TOLERANCE: Final = 600_000
# Digits of nanoseconds.
_LONGEST_TIME: Final = 21
# Characters of a word for a level.
_LONGEST_LEVEL: Final = 32
_LABEL: Final = re.compile(r'\s*([A-Za-z_][\w.]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


class Entry(NamedTuple):
    """One line of a stream."""

    time: object
    """Nanoseconds, as a number or text; RFC 3339 in the first version of the API."""
    line: str
    labels: Mapping[str, object]
    metadata: Mapping[str, object]
    """Structured metadata."""
    size: int
    """Bytes in the body."""


class _Stream(msgspec.Struct):
    stream: dict[str, object] = {}
    values: list[msgspec.Raw] = []
    labels: str = ""
    entries: list[msgspec.Raw] = []


class _Push(msgspec.Struct):
    streams: list[_Stream]


class _OldEntry(msgspec.Struct):
    line: str
    ts: str | int = 0
    timestamp: str | int = 0


_decode_push: Final = msgspec.json.Decoder(_Push).decode
_decode_old: Final = msgspec.json.Decoder(_OldEntry).decode
_decode: Final = msgspec.json.Decoder().decode


class LokiPush(ShipperPost):
    """Request with streams of lines, answered by 204 without a body."""

    endpoint = "/loki/api/v1/push"

    def encoding(self) -> str:
        """Return the Content-Encoding: protobuf is compressed by snappy, which no header says."""
        return "snappy" if self._is_protobuf() else super().encoding()

    def entries(self, content: bytes) -> Iterator[Entries]:
        """Yield the lines of all streams.

        Raises:
            Unreadable: the body is no push request.
        """
        found = read_protobuf(content) if self._is_protobuf() else read_json(content)
        for held, size in in_turns(found, lambda entry: entry.size):
            yield Entries(columns(held), size)

    def respond(self, reply: Reply) -> None:
        """Answer 204: some clients take nothing else for success."""
        if not self.refuses(reply):
            self.set_status(204)
            self.finish()

    def _is_protobuf(self) -> bool:
        return self.content_type == "application/x-protobuf"


class LokiReady(tornado.web.RequestHandler):
    """GET /ready, which shippers ask for before they send."""

    def get(self) -> None:
        """Answer as Loki does."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("ready\n")


def read_json(content: bytes) -> Iterator[Entry]:
    """Yield the entries of a push request in JSON, of either version.

    Raises:
        Unreadable: it is none.
    """
    try:
        push = _decode_push(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable(f"this is no push request of Loki in JSON: {error}") from error
    for stream in push.streams:
        labels: Mapping[str, object] = stream.stream or labels_of(stream.labels)
        for raw in stream.values:
            yield _entry(raw, labels)
        for raw in stream.entries:
            yield _old_entry(raw, labels)


def read_protobuf(content: bytes) -> Iterator[Entry]:
    """Yield the entries of a push request in protobuf.

    Raises:
        Unreadable: it is none.
    """
    from server.ingest import protobuf  # most servers never need its 8 MB

    push = protobuf.PushRequest()
    try:
        push.ParseFromString(content)
    except protobuf.DecodeError as error:
        raise Unreadable(f"this is no push request of Loki in protobuf: {error}") from error
    for stream in push.streams:
        labels = labels_of(stream.labels)
        for entry in stream.entries:
            moment = entry.timestamp.seconds * 1_000_000_000 + entry.timestamp.nanos
            metadata = {pair.name: pair.value for pair in entry.structuredMetadata}
            yield Entry(moment, entry.line, labels, metadata, len(entry.line) + len(metadata))


def labels_of(text: str) -> dict[str, object]:
    """Return the labels of a selector such as `{job="web", level="info"}`."""
    inner = text.strip().removeprefix("{").removesuffix("}")
    labels: dict[str, object] = {}
    at = 0
    while found := _LABEL.match(inner, at):
        labels[found[1]] = _ESCAPED.sub(lambda each: _ESCAPES.get(each[1], each[1]), found[2])
        at = found.end()
    if inner[at:].strip():
        labels["labels"] = text
    return labels


def _entry(raw: msgspec.Raw, labels: Mapping[str, object]) -> Entry:
    """Return an entry `[time, line]` or `[time, line, metadata]`; of another shape, all as line."""
    try:
        match _decode(raw):
            case [time, str(line)]:
                return Entry(time, line, labels, {}, len(raw))
            case [time, str(line), dict(metadata)]:
                return Entry(time, line, labels, metadata, len(raw))
            case [time, str(line), None]:
                return Entry(time, line, labels, {}, len(raw))
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    return _otherwise(raw, labels)


def _old_entry(raw: msgspec.Raw, labels: Mapping[str, object]) -> Entry:
    try:
        found = _decode_old(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _otherwise(raw, labels)
    return Entry(found.ts or found.timestamp, found.line, labels, {}, len(raw))


def _otherwise(raw: msgspec.Raw, labels: Mapping[str, object]) -> Entry:
    text = bytes(raw).decode(errors="replace")
    return Entry(None, text, labels, {}, len(raw))


def columns(entries: Sequence[Entry]) -> Columns:
    """Return what entries say: their line, completed by time, labels and metadata."""
    said = read_lines([entry.line for entry in entries])
    timestamps: list[int | None] = []
    types: list[str | None] = []
    attributes: list[dict[str, object]] = []
    for entry, own, type_, inner in zip(
        entries, said.timestamps, said.types, said.attributes, strict=True
    ):
        given = _milliseconds(entry.time)
        is_near = own is not None and (given is None or abs(own - given) <= _TOLERANCE)
        timestamps.append(own if is_near else given)
        labels = {**entry.labels, **entry.metadata}
        types.append(_take_level(labels) or type_)
        others = {name: each for name, each in labels.items() if inner.get(name) != each}
        attributes.append(merged(inner, others))
    return Columns(said.messages, timestamps, types, attributes)


def _milliseconds(time: object) -> int | None:
    """Return the time of an entry; None if it is none, or beyond the years that there are."""
    if isinstance(time, str) and time.isascii() and time.isdecimal() and len(time) < _LONGEST_TIME:
        time = int(time)
    if not isinstance(time, int) or isinstance(time, bool):
        return read_time(time)
    try:
        return within_years(time // 1_000_000)
    except BeyondYears:
        return None


def _take_level(labels: dict[str, object]) -> str | None:
    """Return the type that a label names, and take the label if it says no more than that."""
    for name in _LEVELS:
        word = labels.get(name)
        if isinstance(word, str) and len(word) <= _LONGEST_LEVEL:
            found, more = _meaning(word)
            if found is not None:
                if not more:
                    del labels[name]
                return found
    return None


@lru_cache(maxsize=1000)
def _meaning(word: str) -> tuple[str | None, bool]:
    found = type_of_word(word)
    return found, found is not None and says_more(word)
