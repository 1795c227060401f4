"""Bodies of text, such as a log file: lines that belong together are one log."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from server.decode import OBJECTS
from server.ingest.entries import Entries, columns_of, in_turns
from waterline.recognition.json_text import object_in
from waterline.recognition.multiline import Joiner, Multiline
from waterline.recognition.objects import is_ours
from waterline.recognition.recognized import Parts, Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.records import MAX_ID_LENGTH

TEXT: Final = "text/plain"
_LINE: Final = re.compile(rb"[^\r\n]+")


class _Log(NamedTuple):
    """What some lines say."""

    parts: Parts
    log_id: str | None = None


def read_text(content: bytes) -> Iterator[Entries]:
    """Yield the logs of a body of text; each line that is not blank is part of one.

    A time without its year is of the last twelve months, and one without a zone is UTC.

    Args:
        content: lines; what is not UTF-8 in them is replaced.
    """
    reader = _TextReader()
    lines = (found[0] for found in _LINE.finditer(content))
    for held, size in in_turns(lines, len):
        yield _entries([log for line in held if line.strip() for log in reader.add(line)], size)
    yield _entries(reader.end(), 0)


class _TextReader:
    """Reads lines; what may go on is held back."""

    def __init__(self) -> None:
        self._joiner = Joiner[None](Recognizer(reference=datetime.now(UTC)), Multiline.JOIN)

    def add(self, line: bytes) -> list[_Log]:
        """Take the next line, and return the logs that are whole with it."""
        text = line.decode(errors="replace")
        value = object_in(text) if text[:1] == "{" else None
        if value is None or not is_ours(value):
            return [_log(each.recognized) for each in self._joiner.add(text, None)]
        log_id = value.pop("id", None)
        if not isinstance(log_id, str) or not 0 < len(log_id) <= MAX_ID_LENGTH:
            log_id = None
        return [*self.end(), _Log(OBJECTS.read(value), log_id)]

    def end(self) -> list[_Log]:
        """Return what is held back."""
        return [_log(each.recognized) for each in self._joiner.flush()]


def _log(said: Recognized) -> _Log:
    return _Log(Parts(said.message, said.timestamp, said.type, said.attributes))


def _entries(logs: Sequence[_Log], size: int) -> Entries:
    return Entries(columns_of([each.parts for each in logs]), size, [each.log_id for each in logs])
