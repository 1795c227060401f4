"""Bodies of text, such as a log file: lines that belong together are one log."""

import codecs
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from server.decode.objects import OBJECTS
from server.ingest.bodies import UnknownEncoding
from server.ingest.entries import SIZE_AT_ONCE, Entries, columns_of, in_turns
from server.ingest.lines import lines_in
from waterline.recognition.json_text import object_in
from waterline.recognition.multiline import Joiner, Multiline
from waterline.recognition.own_logs import is_ours
from waterline.recognition.recognized import Parts, Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.records import MAX_ID_LENGTH

TEXT: Final = "text/plain"
_ENDING: Final = re.compile(r"[\r\n]+")
_UTF_8: Final = ("utf-8", "ascii")
# They are of Python's own, and no encodings of text on the web.
_NO_CHARSETS: Final = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")


class _Log(NamedTuple):
    """What some lines say."""

    said: Parts | Recognized
    log_id: str | None = None


def read_text(content: bytes, charset: str = "") -> Iterator[Entries]:
    """Return the logs of a body of text; each line that is not blank is part of one.

    A time without its year is of the last twelve months, and one without a zone is UTC.

    Args:
        content: lines.
        charset: the encoding that the type of the body names. If it names none, a line that is not
            UTF-8 is read as Latin-1.

    Raises:
        UnknownEncoding: there is no such encoding of text.
    """
    return _read(_lines(content, charset))


def _read(lines: Iterator[str | None]) -> Iterator[Entries]:
    reader = _TextReader()
    for held, size in in_turns(lines, len):
        yield _entries([log for line in held if line.strip() for log in reader.add(line)], size)
    yield _entries(reader.end(), 0)


def _lines(content: bytes, charset: str) -> Iterator[str | None]:
    try:
        codec = codecs.lookup(charset or "utf-8")
        if codec.name in _NO_CHARSETS:
            raise LookupError(charset)
        b"-".decode(codec.name, "replace")  # some codecs are none of text
    except LookupError as error:
        raise UnknownEncoding(f"charset={charset!r} is unknown; send the text in UTF-8") from error
    if codec.name in _UTF_8:
        return (None if each is None else _decoded(each) for each in lines_in(content))
    return _decoded_lines(content, codecs.getincrementaldecoder(codec.name)("replace"))


def _decoded_lines(content: bytes, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    begun: list[str] = []
    for start in range(0, len(content), SIZE_AT_ONCE):
        piece = content[start : start + SIZE_AT_ONCE]
        first, *others = _ENDING.split(decoder.decode(piece))
        begun.append(first)
        if others:
            yield "".join(begun)
            *whole, last = others
            yield from whole
            begun = [last]
    yield "".join([*begun, decoder.decode(b"", final=True)])


class _TextReader:
    """Reads lines; what may go on is held back."""

    def __init__(self) -> None:
        self._joiner = Joiner[None](Recognizer(reference=datetime.now(UTC)), Multiline.JOIN)

    def add(self, text: str) -> list[_Log]:
        """Take the next line, and return the logs that are whole with it."""
        value = object_in(text) if text[:1] == "{" else None
        if value is None or not is_ours(value):
            return [_Log(each.recognized) for each in self._joiner.add(text, None)]
        log_id = value.pop("id", None)
        if not isinstance(log_id, str) or not 0 < len(log_id) <= MAX_ID_LENGTH:
            log_id = None
        return [*self.end(), _Log(OBJECTS.read(value), log_id)]

    def end(self) -> list[_Log]:
        """Return what is held back."""
        return [_Log(each.recognized) for each in self._joiner.flush()]


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _entries(logs: Sequence[_Log], size: int) -> Entries:
    return Entries(columns_of([each.said for each in logs]), size, [each.log_id for each in logs])
