"""Reads log lines of logs.db: the newest, single ones by their seq, the rest of a cut text."""

from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, LargeBinary, Select, cast, func, literal_column, select

from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.tables import logs, seam
from workbench.dashboard.snapshot import RECENT_LOGS, LogLine, RecentLogs
from workbench.query.database import Database, View

MAX_TEXT: Final = 1000
"""Characters of a message, and of its attributes, that are kept; the rest is read on demand."""
_MAX_BYTES: Final = 4 * MAX_TEXT
_decoder: Final = getincrementaldecoder("utf-8")


class RecentReader:
    """Follows the newest logs of one logs.db."""

    def __init__(self) -> None:
        self.recent = RecentLogs()
        self._incarnation: str | None = None
        self._types: Counter[str] = Counter()

    def read(self, view: View) -> RecentLogs:
        """Return the newest logs.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        ((incarnation,),) = view.rows(select(seam.c.incarnation))
        if incarnation != self._incarnation:
            self.forget()
            self._incarnation = incarnation
        fresh = _lines(view, _newest_after(self.recent.last_seq))
        if fresh:
            lines = (*self.recent.lines, *reversed(fresh))
            kept, dropped = lines[-RECENT_LOGS:], lines[:-RECENT_LOGS]
            self._types.update(line.type for line in fresh)
            self._types.subtract(line.type for line in dropped)
            types = dict((+self._types).most_common())
            self.recent = RecentLogs(kept, self.recent.revision, types)
        return self.recent

    def forget(self) -> None:
        """Start again, as the file was replaced or its past rewritten."""
        self.recent = RecentLogs(revision=self.recent.revision + 1)
        self._incarnation = None
        self._types.clear()


def read_lines(view: View, seqs: Sequence[int]) -> list[LogLine]:
    """Return the logs of these seqs that are not archived, newest first.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    return _lines(view, _begins().where(logs.c.seq.in_(seqs)))


def _newest_after(seq: int) -> Select[Any]:
    return _begins().where(logs.c.seq > seq).limit(RECENT_LOGS)


def _begins() -> Select[Any]:
    message, attributes = as_bytes(logs.c.message), as_bytes(logs.c.attributes)
    return select(
        logs.c.seq,
        logs.c.timestamp,
        logs.c.type,
        logs.c.source,
        bytes_of(message, 1, _MAX_BYTES),
        func.length(message),
        bytes_of(attributes, 1, _MAX_BYTES),
        func.length(attributes),
    ).order_by(logs.c.seq.desc())


def as_bytes(text: ColumnElement[str]) -> ColumnElement[bytes]:
    """Return a text as bytes: SQLite's functions end a text at its first NUL."""
    return cast(text, LargeBinary)


def bytes_of(data: ColumnElement[bytes], begin: int, count: int) -> ColumnElement[bytes]:
    """Return `count` bytes from `begin`, counted from 1; empty bytes rather than NULL.

    Args:
        data: a column of bytes.
        begin: place of the first byte, counted from 1.
        count: number of bytes.
    """
    return func.coalesce(func.substr(data, begin, count), literal_column("x''"))


def _lines(view: View, question: Select[Any]) -> list[LogLine]:
    lines = []
    for seq, timestamp, log_type, source, message, size, attributes, attributes_size in view.rows(
        question
    ):
        text, rest = begin_of(message, size)
        pairs, pairs_rest = begin_of(attributes, attributes_size)
        lines.append(LogLine(seq, timestamp, log_type, source, text, pairs, rest, pairs_rest))
    return lines


def begin_of(data: bytes, size: int, limit: int = MAX_TEXT) -> tuple[str, int]:
    """Return the first characters of a text, and the number of bytes behind them.

    Args:
        data: the text in UTF-8, whole or cut anywhere.
        size: number of bytes of the whole text.
        limit: greatest number of characters.
    """
    text = _decoder().decode(data, final=len(data) >= size)[:limit]
    return text, size - len(text.encode())


PIECE_BYTES: Final = 2**18
"""Bytes of a text that are sent at once; a page asks for more."""

Part = Literal["message", "attributes"]


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of a text."""

    text: str
    end: int
    """Offset in bytes at which the next piece begins."""
    rest: int
    """Number of bytes from there on."""


class Lookup:
    """Opens logs.db for each look-up: they are rare, and never delay the poller.

    Args:
        path: the data folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = DataFolder(path).logs

    def lines(self, seqs: Sequence[int]) -> list[LogLine]:
        """Return the logs of these seqs that are not archived, newest first.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        with Database(self._path, LOGS) as database, database.view() as view:
            return read_lines(view, seqs)

    def piece(self, seq: int, part: Part, begin: int) -> Piece | None:
        """Return a piece of a text; None if the log is archived or gone.

        Args:
            seq: seq of the log.
            part: message or attributes.
            begin: offset in bytes, at which a character begins.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        data = as_bytes(logs.c[part])
        question = select(bytes_of(data, begin + 1, PIECE_BYTES), func.length(data)).where(
            logs.c.seq == seq
        )
        with Database(self._path, LOGS) as database, database.view() as view:
            for found, size in view.rows(question):
                text, rest = begin_of(found, max(0, size - begin), PIECE_BYTES)
                return Piece(text, size - rest, rest)
        return None
