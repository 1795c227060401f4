"""Objects of other programs among the logs of frames, and the lines that they forward."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import compress
from operator import not_
from time import monotonic
from typing import Final

from server.decode.columns import LogColumns, OddLog, take_ours
from server.decode.ids import MakeIds
from waterline.recognition.objects import ObjectReader
from waterline.recognition.recognized import Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.records import DEFAULT_TYPE, MEMBERS, says_nothing

_AN_HOUR: Final = 3600.0


class ForwardedLines:
    """Reads lines of text that objects forward, such as Docker's; each by itself."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lines: Recognizer | None = None

    def __call__(self, text: str) -> Recognized:
        """Return what a line says; a time without its year is of the last twelve months."""
        now = monotonic()
        if self._lines is None or now > self._until:
            self._until = now + _AN_HOUR
            self._lines = Recognizer(reference=datetime.now(UTC), mixed=True)
        return self._lines.headed(text)


read_forwarded_line: Final = ForwardedLines()
OBJECTS: Final = ObjectReader(read_line=read_forwarded_line)
"""Reader of objects of other programs, by their own shape alone."""


def read_mixed(
    logs: Sequence[dict[str, object]], reader: ObjectReader, name_foreign: MakeIds | None
) -> LogColumns:
    """Read logs that may be ours or of other programs.

    Args:
        logs: the logs.
        reader: recognises objects of other programs.
        name_foreign: returns ids for logs of other programs; None leaves them to be made.

    Raises:
        OddLog: one of them breaks a rule, holds several, or nothing.
    """
    foreign = reader.are_for(logs)
    theirs = list(compress(logs, foreign))
    nothing = min(map(len, logs)) <= len(MEMBERS) and any(map(says_nothing, theirs))
    found = None if nothing else reader.read_many(theirs)
    if found is None:
        raise OddLog
    types = [each or DEFAULT_TYPE for each in found.types]
    ids = [None] * len(theirs) if name_foreign is None else name_foreign(found.timestamps)
    read = LogColumns(ids, types, found.timestamps, found.messages, found.attributes)
    if len(theirs) == len(logs):
        return read
    ours = zip(*take_ours(list(compress(logs, map(not_, foreign))), told=True), strict=True)
    rows = zip(*read, strict=True)
    mixed = [next(rows if is_foreign else ours) for is_foreign in foreign]
    return LogColumns(*map(list, zip(*mixed, strict=True)))
