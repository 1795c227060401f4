"""POST /loki/api/v1/push: Grafana Loki's push API, JSON and protobuf."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import tornado.web

from server.ingest.entries import (
    IN_JSON,
    NO_JSON,
    Entries,
    Unreadable,
    decoded,
    in_turns,
    refuse_crowded,
    refuse_crowded_protobuf,
)
from server.ingest.lines import read_lines
from server.ingest.post import Reply
from server.ingest.raw_pairs import Pair, RawPairs
from server.ingest.shipper import ShipperPost
from waterline.recognition.loki_entries import Entry, Labels, labelled
from waterline.recognition.recognized import Columns
from waterline.recognition.time_values import MICROSECONDS_BELOW

# Seconds since 1970 from which a number of nanoseconds is told by its size.
_FIRST_IN_NANOSECONDS: Final = MICROSECONDS_BELOW // 1_000_000_000
# Characters of the labels of a stream that are told apart.
_LONGEST_LABELS: Final = 2**16
_LABEL: Final = re.compile(r'\s*([A-Za-z_][\w.]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


class _Stream(msgspec.Struct, gc=False):
    stream: object = None
    values: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    labels: str | None = None
    entries: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


class _Push(msgspec.Struct):
    streams: list[_Stream]


class _OldEntry(msgspec.Struct):
    line: str
    ts: str | int = 0
    timestamp: str | int = 0


_decode_push: Final = msgspec.json.Decoder(_Push).decode
_decode_old: Final = msgspec.json.Decoder(_OldEntry).decode
_decode: Final = msgspec.json.Decoder().decode
_decode_array: Final = msgspec.json.Decoder(list[object]).decode


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
        for held, size in in_turns(found, _size, _repeated):
            yield Entries(columns(held), size, repeated=sum(map(_repeated, held)))

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


def read_json(content: bytes) -> Iterator[Entry | None]:
    """Yield the entries of a push request in JSON, of either version, and None for each stream.

    Raises:
        Unreadable: it is none.
        TooMuch: it has too many values.
    """
    refuse_crowded(content, IN_JSON)
    try:
        push = decoded(_decode_push, content)
    except NO_JSON as error:
        raise Unreadable(f"this is no push request of Loki in JSON: {error}") from error
    if push.streams and all(
        each.values is msgspec.UNSET and each.entries is msgspec.UNSET for each in push.streams
    ):
        raise Unreadable("no stream of this push request of Loki has values")
    for stream in push.streams:
        yield None
        labels = _labels(stream)
        yield from _entries(stream.values or (), labels)
        for raw in stream.entries or ():
            yield _old_entry(raw, labels)


def _labels(stream: _Stream) -> Labels:
    text = stream.labels or ""
    if not stream.stream:
        return Labels(labels_of(text), len(text))
    names = stream.stream if isinstance(stream.stream, dict) else {"labels": stream.stream}
    return Labels(names, len(msgspec.json.encode(names)))


def _entries(values: Sequence[msgspec.Raw], labels: Labels) -> Iterator[Entry]:
    """Yield the entries of a stream, decoded some at a time."""
    for held, _ in in_turns(values, len):
        try:
            found = decoded(_decode_array, b"[%b]" % b",".join(held))
        except NO_JSON:
            for raw in held:
                yield _entry(_decoded(raw), raw, labels)
        else:
            for value, raw in zip(found, held, strict=True):
                yield _entry(value, raw, labels)


def read_protobuf(content: bytes) -> Iterator[Entry | None]:
    """Yield the entries of a push request in protobuf, and None for each stream.

    Raises:
        Unreadable: it is none.
        TooMuch: it has too many values.
    """
    from server.ingest import protobuf  # most servers never need its 8 MB

    refuse_crowded_protobuf(content)
    push = protobuf.RawPushRequest()
    try:
        push.ParseFromString(content)
    except protobuf.DecodeError as error:
        raise Unreadable(f"this is no push request of Loki in protobuf: {error}") from error
    pair_of = RawPairs(_pair, _short_value).__getitem__
    try:
        for stream in push.streams:
            yield None
            labels = Labels(labels_of(stream.labels), len(stream.labels))
            for entry in stream.entries:
                time, raw = entry.timestamp, entry.structuredMetadata[:]
                moment: object = time.seconds * 1_000_000_000 + time.nanos
                if time.seconds < _FIRST_IN_NANOSECONDS:  # its size would mean another unit
                    moment = {"seconds": time.seconds, "nanos": time.nanos}
                line = entry.line
                size = len(line) + sum(map(len, raw))
                yield Entry(moment, line, labels, dict(map(pair_of, raw)), size)
    except (protobuf.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"this is no push request of Loki in protobuf: {error}") from error


def _pair(raw: bytes) -> Pair:
    from server.ingest import protobuf  # as above

    pair = protobuf.LabelPair.FromString(raw)
    return pair.name, pair.value


def _short_value(raw: bytes, begin: int, _: int) -> str:
    return raw[begin:].decode()


def labels_of(text: str) -> dict[str, object]:
    """Return the labels of a selector such as `{job="web", level="info"}`."""
    if len(text) > _LONGEST_LABELS:
        return {"labels": text}
    inner = text.strip().removeprefix("{").removesuffix("}")
    labels: dict[str, object] = {}
    at = 0
    while found := _LABEL.match(inner, at):
        labels[found[1]] = _ESCAPED.sub(lambda each: _ESCAPES.get(each[1], each[1]), found[2])
        at = found.end()
    if inner[at:].strip():
        labels["labels"] = text
    return labels


def _decoded(raw: msgspec.Raw) -> object:
    try:
        return decoded(_decode, bytes(raw))
    except NO_JSON:
        return None


def _entry(value: object, raw: msgspec.Raw, labels: Labels) -> Entry:
    """Return an entry `[time, line]` or `[time, line, metadata]`; of another shape, all as line."""
    # A match statement would take six times as long.
    if isinstance(value, list) and 2 <= len(value) <= 3 and isinstance(value[1], str):
        metadata = value[2] if len(value) == 3 else None
        if metadata is None or isinstance(metadata, dict):
            return Entry(value[0], value[1], labels, metadata or {}, len(raw))
    return _otherwise(raw, labels)


def _old_entry(raw: msgspec.Raw, labels: Labels) -> Entry:
    try:
        found = decoded(_decode_old, bytes(raw))
    except NO_JSON:
        return _otherwise(raw, labels)
    return Entry(found.ts or found.timestamp, found.line, labels, {}, len(raw))


def _otherwise(raw: msgspec.Raw, labels: Labels) -> Entry:
    text = bytes(raw).decode(errors="replace")
    return Entry(None, text, labels, {}, len(raw))


def _size(entry: Entry) -> int:
    return entry.size


def _repeated(entry: Entry) -> int:
    return entry.labels.size


def columns(entries: Sequence[Entry]) -> Columns:
    """Return what entries say: their line, completed by time, labels and metadata."""
    return labelled(entries, read_lines([entry.line for entry in entries]))
