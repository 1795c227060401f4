"""A log file read as logs."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import BinaryIO, Final

from waterline.recognition.recognizer import Recognizer
from waterline.recognition.rollover import FileTurns
from workbench.clients.log_files.formats import Format, decode_text
from workbench.clients.log_files.line_reader import (
    EncodedLine,
    EncodedReader,
    Line,
    LogReader,
    Reading,
)
from workbench.clients.log_files.rawlines import read_contents, read_live_lines
from workbench.clients.log_files.text_encoding import TextEncoding, keeps_ascii
from workbench.clients.log_files.unpacking import as_text

__all__ = ["EncodedLine", "Format", "Line", "Reading", "read_encoded", "read_logs"]

# The first lines of a file tell whether its times lack something that only all of it tells.
_LINES_LOOKED_AT: Final = 50


def read_logs(
    stream: BinaryIO, *, name: str, reading: Reading, reference: datetime
) -> Iterator[Line]:
    """Read the logs of a file in order: one a line, or one of lines that belong together.

    Every line that is not blank is part of a log, but where the format takes objects alone. Logs
    without an id get one that is the same each time the file is read.

    Args:
        stream: the bytes of the file from its start; packed ones are unpacked. One that can be
            read twice is looked through first where its times lack years or days.
        name: what to call the file in errors; "-" is standard input.
        reading: how to read the lines.
        reference: about when the file was written at the latest, with a zone; it gives years to
            times without one.

    Raises:
        UsageError: the file is no text; raised when the first line is asked for.
    """
    text, encoding = as_text(stream, name, reading.encoding), encoding_of(reading)
    reader = LogReader(reading, recognizer_of(text, name, reading, reference), encoding)
    yield from reader.read(read_live_lines(text, name, encoding))
    yield from reader.end()


def read_encoded(
    stream: BinaryIO, *, name: str, reading: Reading, reference: datetime
) -> Iterator[EncodedLine]:
    """Read the logs of a file as JSON, the same logs; see `read_logs`.

    A line of JSON that is a log as the server takes it is not decoded: it passes as it stands.
    """
    text, encoding = as_text(stream, name, reading.encoding), encoding_of(reading)
    reader = EncodedReader(reading, recognizer_of(text, name, reading, reference), encoding)
    yield from reader.read(read_live_lines(text, name, encoding))
    yield from reader.end()


def encoding_of(reading: Reading) -> TextEncoding:
    """Return how to read the lines of a file, once `as_text` has made it their stream."""
    converted = reading.encoding is not None and not keeps_ascii(reading.encoding)
    return TextEncoding("utf-8" if converted else reading.encoding)


def new_recognizer(
    reading: Reading, reference: datetime, turns: FileTurns | None = None
) -> Recognizer:
    """Return what recognises the lines of a file.

    Args:
        reading: how to read them.
        reference: about when the file was written at the latest, with a zone.
        turns: of its years or days.
    """
    return Recognizer(
        reference=reference,
        timezone=reading.timezone,
        turns=turns,
        formats=reading.formats,
        overrides=reading.overrides,
    )


def recognizer_of(stream: BinaryIO, name: str, reading: Reading, reference: datetime) -> Recognizer:
    """Return what recognises the lines of a file, which knows of its years and days.

    Args:
        stream: the text; one that can be read twice is looked through.
        name: what to call it in errors.
        reading: how to read it.
        reference: about when it was written at the latest, with a zone.
    """
    probe = new_recognizer(reading, reference)
    if reading.format is Format.JSONL or not stream.seekable():
        return probe
    start = stream.tell()
    first = islice(read_contents(stream, name), _LINES_LOOKED_AT)
    turns = probe.turns_in(_texts(first, reading))
    if turns != FileTurns():
        stream.seek(start)
        probe = new_recognizer(reading, reference)
        turns = probe.turns_in(_texts(read_contents(stream, name), reading))
    stream.seek(start)
    return new_recognizer(reading, reference, turns)


def _texts(contents: Iterable[bytes], reading: Reading) -> Iterator[str]:
    """Yield the lines of which years and days may be told.

    Objects are none: what their times leave out is not looked for, but by formats of the user's.
    """
    for content in contents:
        if content[:1] != b"{" or reading.formats:
            yield decode_text(content.removeprefix(BOM_UTF8).removesuffix(b"\r"))
