"""A log file read as logs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import chain, islice
from typing import BinaryIO

import msgspec

from waterline.errors import UsageError
from workbench.clients.json_values import encode_log, to_json
from workbench.clients.log_files.combined import parse_combined
from workbench.clients.log_files.extract import Extraction
from workbench.clients.log_files.formats import LINES_LOOKED_AT, Format, decode_text, detect_format
from workbench.clients.log_files.ids import first_line_hash, line_id
from workbench.clients.log_files.jsonlines import (
    UnfitLine,
    parse_json_line,
    where_id_lacks,
)
from workbench.clients.log_files.rawlines import MAX_LINE_BYTES, RawLine, read_raw_lines
from workbench.clients.log_files.textlines import text_log
from workbench.clients.log_files.timestamps import TimestampFinder

__all__ = ["EncodedLine", "Format", "Line", "read_encoded", "read_logs"]

_ToLog = Callable[[bytes], dict[str, object]]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a line that is not blank: either `log` or `rejected` is None.

    Attributes:
        number: its number in the file, from 1; blank lines count.
        offset: where it starts in the file, in bytes.
        log: the log it holds, with an id.
        rejected: one sentence that says why it holds none.
        end: where the next line starts, in bytes.
    """

    number: int
    offset: int
    log: dict[str, object] | None
    rejected: str | None
    end: int


class EncodedLine(msgspec.Struct, frozen=True, gc=False):
    """What became of a line that is not blank: either `log` or `rejected` is None.

    Attributes:
        number: its number in the file, from 1; blank lines count.
        log: the log it holds as JSON, with an id.
        rejected: one sentence that says why it holds none.
        end: where the next line starts, in bytes.
    """

    number: int
    log: bytes | None
    rejected: str | None
    end: int


def read_logs(
    stream: BinaryIO,
    *,
    name: str,
    format: Format,  # noqa: A002 - what everybody calls it
    reference: datetime,
    timezone: tzinfo = UTC,
    extraction: Extraction | None = None,
) -> Iterator[Line]:
    """Read the logs of a file, one for each line that is not blank, in order.

    A line that does not fit the format is rejected where lines are JSON; elsewhere it is kept as
    plain text. Logs without an id get one that is the same each time the file is read.

    Args:
        stream: the bytes of the file from its start; it need not be seekable.
        name: what to call the file in errors; "-" is standard input.
        format: how to read the lines; AUTO waits for the first 20 lines and looks at them.
        reference: about when the file was written at the latest, with a zone; it gives years to
            times without one.
        timezone: the zone of times that name none.
        extraction: what to take out of the text of the lines; of the `message`, where lines are
            JSON. It replaces nothing that is there already.

    Raises:
        UsageError: the file is no text; raised when the first line is asked for.
    """
    format_, lines = _opened(stream, name, format)
    to_log = _to_log(format_, TimestampFinder(reference=reference, timezone=timezone), extraction)
    first_hash = ""
    for line in lines:
        first_hash = first_hash or first_line_hash(line.content)
        yield _read_line(line, first_hash, to_log)


def read_encoded(
    stream: BinaryIO,
    *,
    name: str,
    format: Format,  # noqa: A002 - what everybody calls it
    reference: datetime,
    timezone: tzinfo = UTC,
    extraction: Extraction | None = None,
) -> Iterator[EncodedLine]:
    """Read the logs of a file as JSON; arguments and logs are those of `read_logs`.

    A line of JSON that is a log as the server takes it is not decoded: it passes as it stands.
    """
    format_, lines = _opened(stream, name, format)
    to_log = _to_log(format_, TimestampFinder(reference=reference, timezone=timezone), extraction)
    may_pass = format_ is Format.JSONL and extraction is None
    first_hash = ""
    for line in lines:
        first_hash = first_hash or first_line_hash(line.content)
        if may_pass and not line.too_long:
            log = line.content
            start = where_id_lacks(log)
            if start:
                made = line_id(first_hash, line.offset, log).encode()
                log = b'%b"id":"%b",%b' % (log[:start], made, log[start:])
            if start is not None:
                yield EncodedLine(line.number, log, None, line.end)
                continue
        yield _encoded(_read_line(line, first_hash, to_log))


def _encoded(line: Line) -> EncodedLine:
    log, rejected = None, line.rejected
    if line.log is not None:
        try:
            log = encode_log(to_json(line.log))
        except UsageError as error:
            rejected = str(error)
    return EncodedLine(line.number, log, rejected, line.end)


def _opened(stream: BinaryIO, name: str, format_: Format) -> tuple[Format, Iterator[RawLine]]:
    """Return the format of a file, and its lines that are not blank."""
    lines: Iterator[RawLine] = (
        line for line in read_raw_lines(stream, name) if line.content.strip()
    )
    if format_ is Format.AUTO:
        looked_at = list(islice(lines, LINES_LOOKED_AT))
        format_ = detect_format([line.content for line in looked_at])
        lines = chain(looked_at, lines)
    return format_, lines


def _read_line(raw: RawLine, first_hash: str, to_log: _ToLog) -> Line:
    if raw.too_long:
        limit = MAX_LINE_BYTES // 1024**2
        return _rejected(raw, f"the line is longer than {limit} MiB, the most a line may have")
    try:
        log = to_log(raw.content)
    except UnfitLine as error:
        return _rejected(raw, error.reason)
    # The server takes null for no id, and would give another one each time the file is sent.
    if log.get("id") is None:
        log["id"] = line_id(first_hash, raw.offset, raw.content)
    return Line(raw.number, raw.offset, log, None, raw.end)


def _rejected(raw: RawLine, reason: str) -> Line:
    return Line(raw.number, raw.offset, None, reason, raw.end)


def _to_log(format_: Format, finder: TimestampFinder, extraction: Extraction | None) -> _ToLog:
    def from_json(line: bytes) -> dict[str, object]:
        log = parse_json_line(line)
        return _with_extracted(log, log.get("message"), extraction)

    def from_combined(line: bytes) -> dict[str, object]:
        text = decode_text(line)
        log = parse_combined(text) or text_log(text, finder)
        return _with_extracted(log, text, extraction)

    def from_text(line: bytes) -> dict[str, object]:
        text = decode_text(line)
        return _with_extracted(text_log(text, finder), text, extraction)

    readers = {Format.JSONL: from_json, Format.COMBINED: from_combined}
    return readers.get(format_, from_text)


def _with_extracted(
    log: dict[str, object], text: object, extraction: Extraction | None
) -> dict[str, object]:
    if extraction and isinstance(text, str):
        for name, value in extraction.attributes(text).items():
            log.setdefault(name, value)
    return log
