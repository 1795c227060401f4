"""Committed logs read by seq, page by page, each in a short read transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import apsw
import msgspec

from waterline.records import StoredLog
from waterline.storage.sqlite import one_moment, open_reader, sqlite_errors

# Such a page takes well under a millisecond to read, so the event loop can do it in passing.
MAX_PAGE_LOGS: Final = 500
# What a log takes besides its message and attributes: names and columns of little length.
LOG_OVERHEAD: Final = 200

_SELECT: Final = """
    SELECT seq, id, type, timestamp, received_at, source, message, attributes
    FROM logs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
_ARCHIVED_THROUGH: Final = "SELECT archived_through FROM seam"


@dataclass(frozen=True, slots=True)
class Page:
    """The logs of a range of seqs: all above `begin` and up to `end`, both of them seqs.

    `begin` is what was asked for, or the last archived seq where that is higher.
    """

    begin: int
    end: int
    logs: list[StoredLog]


class LogPages:
    """Reads logs.db beside its writer; keeps no transaction open between two pages.

    Args:
        path: logs.db, which the writer has open.

    Raises:
        DataFolderError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = open_reader(path)

    @property
    def is_open(self) -> bool:
        """Whether pages can be read."""
        return self._connection is not None

    def close(self) -> None:
        """End it; may be called twice.

        It must be closed before the writer: whoever closes the file last empties its WAL, and who
        only reads cannot.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def read(self, after: int, through: int, size: int) -> Page:
        """Return the logs above one seq up to another, as many as fit into a page.

        What is archived is left out, also where its rows are still there.

        Args:
            after: the seq to begin behind.
            through: the last seq, not before `after`.
            size: about how many bytes to return; one log always fits.

        Raises:
            DataFolderError: the file cannot be read.
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
    """Return logs up to the one that makes them as large as that."""
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
