"""Feed of committed logs from logs.db, from a time in the past on, in pages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import apsw
import msgspec

from server.alerts.tally import SeenLog
from waterline.storage.sqlite import one_moment, open_reader, sqlite_errors

PAGE_LOGS: Final = 2_000
"""Logs of a page, which take some milliseconds."""
MOST_BEHIND: Final = 1_000_000
"""Logs of the past that are looked at after a start; older ones are left out."""

_ENDS: Final = """
    SELECT coalesce(min(seq), 0), coalesce(max(seq), 0), (SELECT archived_through FROM seam)
    FROM logs
"""
_AT: Final = "SELECT seq, received_at FROM logs WHERE seq >= ? ORDER BY seq LIMIT 1"
_PAGE: Final = """
    SELECT seq, type, source, received_at, {message}, {attributes}
    FROM logs WHERE seq > ? AND seq <= ?{types} ORDER BY seq LIMIT ?
"""
_OF_TYPES: Final = " AND type IN (SELECT value FROM json_each(?))"

_Row = tuple[int, str, str, int, str, str]
_decode: Final = msgspec.json.Decoder(dict[str, object]).decode


class LogFeed:
    """Reads hot logs by seq beside their writer, without a transaction between two pages.

    Args:
        path: logs.db.
        types: the types that are read; None is all.
        needs_message: whether messages are read.
        needs_attributes: whether attributes are read.

    Raises:
        DataFolderError: logs.db cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        types: Sequence[str] | None,
        *,
        needs_message: bool,
        needs_attributes: bool,
    ) -> None:
        self._path = path
        self._connection: apsw.Connection = open_reader(path)
        self._needs_attributes = needs_attributes
        self._types = None if types is None else msgspec.json.encode(types).decode()
        self._statement = _PAGE.format(
            message="message" if needs_message else "''",
            attributes="attributes" if needs_attributes else "'{}'",
            types="" if types is None else _OF_TYPES,
        )
        self.after = 0
        """Seq up to which all was read."""
        self.missed_through = 0
        """Highest seq of logs that were archived and gone from here before they were read."""

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def begin(self, since: int) -> int:
        """Go to the first log that was received at a time or later, but not too far back.

        Args:
            since: milliseconds UTC.

        Returns:
            The time since which all logs will be read, milliseconds UTC.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        with sqlite_errors(self._path):
            first, last, archived = self._ends()
            oldest = max(first, last - MOST_BEHIND)
            low, high = oldest, last + 1
            # No log was received before one of a lower seq.
            while low < high:
                middle = (low + high) // 2
                found = self._at(middle)
                if found is None or found[1] >= since:
                    high = middle
                else:
                    low = found[0] + 1
            self.after = max(low - 1, archived if low == first else 0)
            begin = self._at(low)
            is_cut = begin is not None and low == oldest and (oldest > first or archived > 0)
        return begin[1] if begin is not None and is_cut else since

    def received_behind(self, seq: int) -> int | None:
        """Return when the first log above a seq was received; None without one.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        with sqlite_errors(self._path):
            found = self._at(seq + 1)
        return None if found is None else found[1]

    def read(self) -> list[SeenLog]:
        """Return the next logs; none if all that are committed were read.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        chosen = () if self._types is None else (self._types,)
        with sqlite_errors(self._path), one_moment(self._connection):
            first, last, archived = self._ends()
            bindings = (self.after, last, *chosen, PAGE_LOGS)
            rows = cast(
                "list[_Row]", self._connection.execute(self._statement, bindings).fetchall()
            )
        if archived > self.after and not 0 < first <= archived:
            self.missed_through = self.after = archived
        # What lies between is of other types.
        self.after = rows[-1][0] if len(rows) == PAGE_LOGS else max(self.after, last)
        empty: dict[str, object] = {}
        return [
            SeenLog(*row[:5], _decode(row[5]) if self._needs_attributes else empty) for row in rows
        ]

    def _ends(self) -> tuple[int, int, int]:
        """Return the first and last seq of the table, 0 without rows, and the last archived one."""
        return cast("tuple[int, int, int]", self._connection.execute(_ENDS).fetchall()[0])

    def _at(self, seq: int) -> tuple[int, int] | None:
        rows = self._connection.execute(_AT, (seq,)).fetchall()
        return cast("tuple[int, int]", rows[0]) if rows else None
