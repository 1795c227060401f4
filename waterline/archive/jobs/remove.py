"""Removal of archived rows from logs.db, in slices short enough not to delay commits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import apsw

from waterline.archive.progress import Progress
from waterline.storage.sqlite import transaction

# Seconds that a slice may hold the write lock, which commits of the server wait for.
SLICE_SECONDS: Final = 0.002
# Rows or pages in the first slice; later sizes follow from measured times.
FIRST_SLICE: Final = 200
LARGEST_SLICE: Final = 20_000
# The pause after a slice, as a multiple of its duration.
PAUSE_FACTOR: Final = 3.0

_UPPER: Final = """
    SELECT ifnull(max(seq), 0) FROM (SELECT seq FROM logs WHERE seq <= ? ORDER BY seq LIMIT ?)
"""
# Ids of young logs, so that a log sent again is recognised without its row.
_REMEMBER: Final = """
    INSERT OR REPLACE INTO archived_ids (source, id, seq, received_at)
    SELECT source, id, seq, received_at FROM logs WHERE seq <= ? AND received_at >= ?
"""
_FORGET: Final = """
    DELETE FROM archived_ids WHERE (source, id) IN
    (SELECT source, id FROM archived_ids WHERE received_at < ? LIMIT ?)
"""


@dataclass(slots=True)
class Removed:
    """Result of a removal."""

    rows: int = 0
    rows_seconds: float = 0.0
    size: int = 0
    """Bytes by which logs.db shrinks, at the next checkpoint at the latest."""
    size_seconds: float = 0.0


class RowRemover:
    """Removes rows below the watermark and shrinks logs.db.

    Args:
        connection: a connection that writes logs.db; the server has its own.
        dedupe_window: milliseconds after receipt in which an archived log is recognised.
        clock: returns milliseconds UTC.
        progress: called with the work done and the total.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        dedupe_window: int,
        clock: Callable[[], int],
        progress: Progress,
    ) -> None:
        self._connection = connection
        self._dedupe_window = dedupe_window
        self._clock = clock
        self._progress = progress
        self.removed = Removed()
        """Sum over all runs so far."""

    def run(self) -> None:
        """Remove all archived rows, forget old ids and free pages.

        Raises:
            apsw.Error: the database refuses; the next run removes the rest.
        """
        removed = self.removed
        # A slice lost in a power cut is removed again, so there is no need to wait for the disk.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            begun = time.perf_counter()
            removed.rows += self._remove_rows()
            self._forget_ids()
            done = time.perf_counter()
            removed.rows_seconds += done - begun
            removed.size += self._shrink()
            removed.size_seconds += time.perf_counter() - done
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")

    def _remove_rows(self) -> int:
        through = self._number("SELECT archived_through FROM seam")
        total = self._number(
            "SELECT ifnull(?1 - min(seq) + 1, 0) FROM logs WHERE seq <= ?1", through
        )
        removed, slices = 0, _Slices()
        while upper := self._number(_UPPER, through, slices.size):
            with slices.timed(), transaction(self._connection):
                since = self._clock() - self._dedupe_window
                self._connection.execute(_REMEMBER, (upper, since))
                self._connection.execute("DELETE FROM logs WHERE seq <= ?", (upper,))
                removed += self._connection.changes()
            self._progress("removed", min(removed, total), total)
        return removed

    def _forget_ids(self) -> None:
        slices = _Slices()
        while True:
            with slices.timed(), transaction(self._connection):
                since = self._clock() - self._dedupe_window
                self._connection.execute(_FORGET, (since, slices.size))
                if not self._connection.changes():
                    return

    def _shrink(self) -> int:
        """Free pages and return their bytes; the file shrinks at its next checkpoint."""
        total = left = self._number("PRAGMA freelist_count")
        slices = _Slices()
        while left:
            with slices.timed():
                # SQLite frees one page a step.
                self._connection.execute(f"PRAGMA incremental_vacuum({slices.size})").fetchall()
            before, left = left, self._number("PRAGMA freelist_count")
            if left >= before:
                break  # a file that was made without incremental vacuum
            self._progress("given back", total - left, total)
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        return (total - left) * self._number("PRAGMA page_size")

    def _number(self, statement: str, *values: int) -> int:
        return cast("int", self._connection.execute(statement, values).get)


class _Slices:
    """Adaptive slice size, so that each slice takes about SLICE_SECONDS."""

    def __init__(self) -> None:
        self.size = FIRST_SLICE

    def timed(self) -> "_Slices":
        """Return a context manager that times one slice and then pauses."""
        return self

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        took = time.perf_counter() - self._begun
        fitting = self.size * SLICE_SECONDS / max(took, 1e-6)
        # At most twice as large: one quick slice says little about the next.
        self.size = max(1, min(LARGEST_SLICE, 2 * self.size, round(fitting)))
        time.sleep(took * PAUSE_FACTOR)
