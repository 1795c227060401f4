"""Exports of Loki: `logcli query -o jsonl`, and answers of `/loki/api/v1/query_range`."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from waterline.errors import UsageError
from waterline.recognition.json_text import object_in
from waterline.recognition.loki_entries import Entry, Labels, labelled
from waterline.recognition.recognized import Columns
from waterline.recognition.time_values import parse_rfc3339
from waterline.units import human_size
from workbench.migration.entries import OldLog
from workbench.migration.export_files import ExportFile, id_of

_LARGEST: Final = 256 * 2**20
_READ_BYTES: Final = 2**20
# Members of a line of logcli, besides the `line`.
_MARKS: Final = frozenset(("labels", "timestamp"))
_FRACTION: Final = re.compile(r"\.(\d{1,9})\d*")
_NANOSECONDS: Final = 1_000_000_000


class _Stream(msgspec.Struct):
    stream: dict[str, str]
    values: list[list[object]]


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: list[msgspec.Raw]


class _Answer(msgspec.Struct):
    data: _Data


_decode_answer: Final = msgspec.json.Decoder(_Answer).decode
_decode_stream: Final = msgspec.json.Decoder(_Stream).decode


def read_loki(file: ExportFile) -> Iterator[OldLog]:
    """Yield the logs of such a file.

    Entries of one time, with equal labels and lines, are one log, as they are to Loki.

    Raises:
        UsageError: the file is an answer of another kind, or too large for one, or ends amid an
            entry, or is none of Loki.
    """
    first = next(file.lines(), None)
    if first is None:
        return
    names = object_in(first[1]) or {}
    is_of_logcli = "line" in names and not _MARKS.isdisjoint(names)
    entries = _of_lines(file) if is_of_logcli else _of_answer(file)
    for number, entry in entries:
        said = file.headed(entry.line)
        columns = Columns([said.message], [said.timestamp], [said.type], [said.attributes])
        labels = {**entry.labels.values, **entry.metadata}
        log_id = id_of("loki", entry.time, labels, entry.line)
        for parts in labelled([entry], columns).rows():
            yield file.log(parts, log_id, number)


def _of_lines(file: ExportFile) -> Iterator[tuple[int, Entry]]:
    """Yield the entries of lines with `labels`, `line` and `timestamp`."""
    for number, value in file.objects_of_lines():
        line, labels = value.get("line", value.get("message")), value.get("labels")
        named = labels if isinstance(labels, dict) else {}
        time = _nanoseconds(value.get("timestamp"))
        yield number, _entry(time, line if isinstance(line, str) else "", named, {})


def _of_answer(file: ExportFile) -> Iterator[tuple[int, Entry]]:
    """Yield the entries of an answer of the API."""
    content = _content(file)
    try:
        data = _decode_answer(content).data
        if data.result_type != "streams":
            raise UsageError(
                f"{file.name} is the answer to a query for {data.result_type}; ask for logs, with "
                "a query that counts nothing"
            )
        number = 0
        for raw in data.result:
            stream = _decode_stream(raw)
            for value in stream.values:
                number += 1
                yield number, _of_value(value, stream.stream)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file.name} is neither of `logcli query -o jsonl` nor of /loki/api/v1/query_range: "
            f"{error}"
        ) from error


def _of_value(value: list[object], labels: Mapping[str, object]) -> Entry:
    """Return an entry `[time, line]`, or with metadata as a third, in one part or two."""
    time, line, *rest = [*value, "", ""][: max(len(value), 2)]
    more = rest[0] if rest and isinstance(rest[0], dict) else {}
    parts = [more.get(name) for name in ("structuredMetadata", "parsed")]
    named = [each for each in parts if isinstance(each, dict)]
    if named:
        more = {name: each for part in named for name, each in part.items()}
    text = line if isinstance(line, str) else msgspec.json.encode(line).decode()
    given = int(time) if isinstance(time, str) and time.isascii() and time.isdecimal() else time
    return _entry(given, text, labels, more)


def _entry(
    time: object, line: str, labels: Mapping[str, object], metadata: Mapping[str, object]
) -> Entry:
    return Entry(time, line, Labels(labels, 0), metadata, 0)


def _nanoseconds(time: object) -> object:
    """Return an RFC 3339 time in nanoseconds, as the API has it; anything else as it is."""
    if not isinstance(time, str):
        return time
    found = _FRACTION.search(time)
    fraction = int(found[1].ljust(9, "0")) if found else 0
    try:
        whole = parse_rfc3339(_FRACTION.sub("", time))
    except (ValueError, OverflowError):
        return time
    return whole // 1000 * _NANOSECONDS + fraction


def _content(file: ExportFile) -> bytes:
    pieces: list[bytes] = []
    size = 0
    with file.open() as stream:
        while piece := stream.read(_READ_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST:
                raise UsageError(
                    f"{file.name} has more than {human_size(_LARGEST)} in one answer; export with "
                    "`logcli query -o jsonl`, or shorter ranges"
                )
    return b"".join(pieces)
