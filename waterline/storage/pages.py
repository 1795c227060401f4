"""Pages of committed logs by seq, each read in a short transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import apsw
import msgspec

from waterline.records import StoredLog
from waterline.storage.sqlite import one_moment, open_reader, sqlite_errors

# Logs. A page takes well under a millisecond to read, so the event loop can read it itself.
MAX_PAGE_LOGS: Final = 500
# Bytes of a log besides message and attributes.
LOG_OVERHEAD: Final = 200

_SELECT: Final = """
    SELECT seq, id, type, timestamp, received_at, source, message, attributes
    FROM logs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
_ARCHIVED_THROUGH: Final = "SELECT archived_through FROM seam"


@dataclass(frozen=True, slots=True)
class Page:
    """Logs in `(begin, end]`, by seq.

    Attributes:
        begin: the requested seq, or the last archived seq if that is higher.
        end: the last seq that the page covers.
        logs: the hot logs between, by seq.
    """

    begin: int
    end: int
    logs: list[StoredLog]


class LogPages:
    """Reader of logs.db beside its writer, without a transaction between two pages.

    Args:
        path: logs.db, open in the writer.

    Raises:
        DataFolderError: logs.db cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = open_reader(path)

    @property
    def is_open(self) -> bool:
        """Whether pages can be read."""
        return self._connection is not None

    def close(self) -> None:
        """Close the connection, before the writer does; safe to call twice.

        The last connection to close empties the WAL, and a reader cannot.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def read(self, after: int, through: int, size: int) -> Page:
        """Return the hot logs in `(after, through]` that fit into a page.

        Archived logs are left out, also while their rows are still in the table.

        Args:
            after: a seq, exclusive.
            through: a seq, inclusive, not below `after`.
            size: about the bytes to return; one log always fits.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        connection = self._connection
        assert connection is not None, "the pages are closed"
        with sqlite_errors(self._path), one_moment(connection):
            archived_through = cast("int", connection.execute(_ARCHIVED_THROUGH).get)
            begin = max(after, min(archived_through, through))
            logs = _logs(connection, begin, through, size)
        is_cut = bool(logs) and (len(logs) == MAX_PAGE_LOGS or _size(logs) >= size)
        return Page(begin, logs[-1].seq if is_cut else through, logs)


def _logs(connection: apsw.Connection, after: int, through: int, size: int) -> list[StoredLog]:
    """Return logs in `(after, through]` until their size reaches a bound.

    Args:
        connection: a connection to logs.db.
        after: a seq, exclusive.
        through: a seq, inclusive.
        size: bytes.
    """
    logs: list[StoredLog] = []
    rows = connection.execute(_SELECT, (after, through, MAX_PAGE_LOGS))
    for row in rows:
        seq, log_id, log_type, timestamp, received_at, source, message, attributes = cast(
            "tuple[int, str, str, int, int, str, str, str]", row
        )
        raw = msgspec.Raw(attributes)
        logs.append(StoredLog(seq, log_id, log_type, timestamp, received_at, source, message, raw))
        size -= _size(logs[-1:])
        if size <= 0:
            rows.close()
            break
    return logs


def _size(logs: Sequence[StoredLog]) -> int:
    return sum(LOG_OVERHEAD + len(log.message) + len(log.attributes) for log in logs)
