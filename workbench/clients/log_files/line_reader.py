"""Lines of a file turned into logs, each with an id by its place."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Generic, TypeVar

import msgspec

from waterline.errors import UsageError
from waterline.recognition.json_text import object_in
from waterline.recognition.levels import says_more, type_of_word
from waterline.recognition.line_dialects import LineDialect
from waterline.recognition.multiline import Joined, Joiner, Multiline
from waterline.recognition.object_plans import Overrides
from waterline.recognition.objects import ObjectReader
from waterline.recognition.own_logs import ENVELOPE
from waterline.recognition.recognized import Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.recognition.time_values import read_time
from waterline.records import log_of
from workbench.clients.json_values import encode_log
from workbench.clients.log_files.extract import Extraction
from workbench.clients.log_files.formats import Format, decode_text
from workbench.clients.log_files.ids import first_line_hash, line_id
from workbench.clients.log_files.jsonlines import (
    EnvelopedLog,
    OwnLog,
    UnfitLine,
    is_exported,
    own_log,
    parse_json_line,
    where_id_lacks,
)
from workbench.clients.log_files.rawlines import MAX_LINE_BYTES, RawLine
from workbench.clients.log_files.text_encoding import TextEncoding

# What a step needs for one line is at hand for the next few; for a whole file it is not.
_LINES_AT_ONCE: Final = 50

_decode: Final = msgspec.json.Decoder().decode

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read files.

    Attributes:
        format: how to read the lines.
        timezone: the zone of times that name none.
        extraction: what to take out of the text of the lines; of the `message`, where lines are
            JSON. It replaces nothing that is there already.
        multiline: what becomes of lines that continue a log.
        formats: dialects of the user's, which are tried first.
        overrides: members of objects that the user names.
        encoding: of files that are neither UTF-8 nor UTF-16; None judges each by its own bytes.
    """

    format: Format = Format.AUTO
    timezone: tzinfo = UTC
    extraction: Extraction | None = None
    multiline: Multiline = Multiline.JOIN
    formats: Sequence[LineDialect] = ()
    overrides: Overrides | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a line that is not blank: either `log` or `rejected` is None.

    Attributes:
        number: its number in the file, from 1; blank lines count. The first of several.
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
        number: its number in the file, from 1; blank lines count. The first of several.
        log: the log it holds as JSON, with an id.
        rejected: one sentence that says why it holds none.
        end: where the next line starts, in bytes.
    """

    number: int
    log: bytes | None
    rejected: str | None
    end: int


class LineReader(ABC, Generic[R]):
    """Reads the lines of one file."""

    def __init__(
        self, reading: Reading, recognizer: Recognizer, encoding: TextEncoding | None = None
    ) -> None:
        """Say how lines are read.

        Args:
            reading: as the user wants it.
            recognizer: knows of the years and days of the file.
            encoding: of the lines; UTF-8 by default.
        """
        self._format = reading.format
        self._extraction = reading.extraction
        self._recognizer = recognizer
        self._encoding = encoding or TextEncoding()
        self._joiner = Joiner[RawLine](recognizer, reading.multiline)
        self._named = ObjectReader(reading.overrides) if reading.overrides else None
        self._first_hash = ""
        # Time of the last log of our own contract, before which nothing waits.
        self._passed: msgspec.Raw | None = None

    def read(self, lines: Iterable[Sequence[RawLine] | None]) -> Iterator[R]:
        """Read the next lines; a log that may go on is held back until the next, or a silence.

        Args:
            lines: as they come; None each time they fall silent.
        """
        for raws in lines:
            if raws is None:
                yield from self.end()
                continue
            for start in range(0, len(raws), _LINES_AT_ONCE):
                yield from self._read_some(raws[start : start + _LINES_AT_ONCE])

    def _read_some(self, raws: Iterable[RawLine]) -> list[R]:
        """Read some lines; what may go on is held back."""
        joiner, encoding = self._joiner, self._encoding
        done: list[R] = []
        joined: list[Joined[RawLine]] = []
        for raw in raws:
            content = raw.content
            stripped = content.strip()
            if not stripped:
                continue
            if not self._first_hash:
                self._first_hash = first_line_hash(content)
            if not encoding.is_utf_8:
                content = encoding.utf_8(content)
            if raw.too_long:
                done += self._finished([*joined, *joiner.flush()])
                joined.clear()
                limit = MAX_LINE_BYTES // 1024**2
                done.append(
                    self._rejected(raw, f"the line is longer than {limit} MiB, the limit of a line")
                )
            elif self._format is Format.LINES:
                joined.append(self._plain(raw, content))
            elif stripped[:1] == b"{" and (own := own_log(content)) and self._is_own(content):
                if joined or joiner.waits:
                    done += self._finished([*joined, *joiner.flush()])
                    joined.clear()
                self._passed = own.timestamp
                done.append(self._own(raw, content, own))
            elif self._format is Format.JSONL and (reason := _unfit(content)):
                done += self._finished(joined)
                joined.clear()
                done.append(self._rejected(raw, reason))
            else:
                if self._passed is not None:
                    joiner.date(read_time(_decode(self._passed)))
                    self._passed = None
                joined += joiner.add(decode_text(content), raw)
        done += self._finished(joined)
        return done

    def refer(self, written: datetime) -> None:
        """Say when the next lines were written at the latest; for files that are written still."""
        self._recognizer.refer(written)

    def held(self) -> list[RawLine]:
        """Return the first line of each log that is held back."""
        return list(self._joiner.held())

    def end(self) -> list[R]:
        """Return the logs that are held back, as they are whole."""
        return self._finished(self._joiner.flush())

    def _is_own(self, content: bytes) -> bool:
        """Return whether a log of our own contract has no member that the user names."""
        if self._named is None:
            return True
        value = object_in(decode_text(content))
        return value is None or not self._named.is_for(value)

    def _plain(self, raw: RawLine, content: bytes) -> Joined[RawLine]:
        text = decode_text(content)
        found = self._recognizer.line(text)
        level = found.attributes.get("level")
        attributes = {} if level is None else {"level": level}
        return Joined(Recognized(text, found.timestamp, found.type, attributes), [raw])

    def _finished(self, joined: Sequence[Joined[RawLine]]) -> list[R]:
        """Make logs: with ids, and with what is extracted from their texts."""
        contents = [
            each.lines[0].content
            if len(each.lines) == 1
            else b"\n".join([line.content for line in each.lines])
            for each in joined
        ]
        ids = [
            line_id(self._first_hash, each.lines[0].offset, content)
            + (f"-{each.part}" if each.part else "")
            for each, content in zip(joined, contents, strict=True)
        ]
        if self._extraction:
            for each, content in zip(joined, contents, strict=True):
                found = each.recognized
                is_object = self._format is not Format.LINES and content[:1] == b"{"
                text = found.message if is_object else self._encoding.text(content)
                self._extract(found.attributes, text)
        return [
            self._made(each.lines[0], log_of(each.recognized, log_id), each.lines[-1].end)
            for each, log_id in zip(joined, ids, strict=True)
        ]

    def _own(self, raw: RawLine, content: bytes, own: OwnLog) -> R:
        """Read a log of our own contract, which stays as it is."""
        try:
            log = parse_json_line(content)
        except UnfitLine as error:
            return self._rejected(raw, error.reason)
        # The server takes null for no id, and would give another one each time the file is sent.
        if log.get("id") is None:
            log["id"] = line_id(self._first_hash, raw.offset, raw.content)
        if level := _level_of(own, content):
            log["type"] = level
            if says_more(own.type):
                log.setdefault("level", own.type)
        self._extract(_attributes_in(log, own), own.message)
        return self._made(raw, log, raw.end)

    def _extract(self, log: dict[str, object], text: object) -> None:
        if self._extraction and isinstance(text, str):
            for name, value in self._extraction.attributes(text).items():
                log.setdefault(name, value)

    @abstractmethod
    def _made(self, first: RawLine, log: dict[str, object], end: int) -> R:
        """Return a log of lines from the first up to an end."""

    @abstractmethod
    def _rejected(self, raw: RawLine, reason: str) -> R:
        """Return a line that holds no log."""


class LogReader(LineReader[Line]):
    """Makes logs as Python has them."""

    def _made(self, first: RawLine, log: dict[str, object], end: int) -> Line:
        return Line(first.number, first.offset, log, None, end)

    def _rejected(self, raw: RawLine, reason: str) -> Line:
        return Line(raw.number, raw.offset, None, reason, raw.end)


class EncodedReader(LineReader[EncodedLine]):
    """Makes logs as JSON; one of our own contract passes as it stands."""

    def _made(self, first: RawLine, log: dict[str, object], end: int) -> EncodedLine:
        try:
            return EncodedLine(first.number, encode_log(log), None, end)
        except UsageError as error:
            return EncodedLine(first.number, None, str(error), end)

    def _own(self, raw: RawLine, content: bytes, own: OwnLog) -> EncodedLine:
        may_pass = self._extraction is None and _level_of(own, content) is None
        start = where_id_lacks(content, own) if may_pass else None
        if start is None:
            return super()._own(raw, content, own)
        if start:
            made = line_id(self._first_hash, raw.offset, raw.content).encode()
            content = b'%b"id":"%b",%b' % (content[:start], made, content[start:])
        return EncodedLine(raw.number, content, None, raw.end)

    def _rejected(self, raw: RawLine, reason: str) -> EncodedLine:
        return EncodedLine(raw.number, None, reason, raw.end)


def _level_of(own: OwnLog, content: bytes) -> str | None:
    """Return the level that a type in capitals is, as other programs write theirs.

    A log that was stored already, or is in an envelope, has the type that it was given.
    """
    if len(own.type) == 1 or not own.type.isupper() or isinstance(own, EnvelopedLog):
        return None
    return None if is_exported(content) else type_of_word(own.type)


def _attributes_in(log: dict[str, Any], own: OwnLog) -> dict[str, object]:
    """Return where the attributes of a log are."""
    if not isinstance(own, EnvelopedLog):
        return log
    attributes: dict[str, object] = log[ENVELOPE].setdefault("attributes", {})
    return attributes


def _unfit(content: bytes) -> str | None:
    try:
        parse_json_line(content)
    except UnfitLine as error:
        return error.reason
    return None
