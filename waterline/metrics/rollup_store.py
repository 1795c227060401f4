"""Writer of metrics.db: rows by second, and minutes and hours merged from them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import apsw

from waterline.metrics.recorder import Series
from waterline.metrics.sketch import DamagedSketch, Sketch
from waterline.metrics.spans import HOUR, MINUTE, SECOND, Table
from waterline.metrics.summary import Summary
from waterline.storage.schema import METRICS
from waterline.storage.sqlite import open_writer, sqlite_errors, transaction

logger = logging.getLogger(__name__)

# Rows pruned at once, so that no flush takes long.
PRUNE_SLICE: Final = 1_000

Rows = Mapping[tuple[int, Series], Summary]
"""Summaries by begin of step and series."""

_MERGE: Final = """
    INSERT INTO {table} (begin, series, count, sum, min, max, sketch) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (begin, series) DO UPDATE SET
        count = count + excluded.count,
        sum = sum + excluded.sum,
        min = min(min, excluded.min),
        max = max(max, excluded.max),
        sketch = merged_sketch(sketch, excluded.sketch)
"""
_CLOSE: Final = """
    INSERT INTO {table} (begin, series, count, sum, min, max, sketch)
    SELECT
        begin / {step} * {step} AS whole, series,
        sum(count), sum(sum), min(min), max(max), merged_sketches(sketch)
    FROM {finer} WHERE begin >= ? AND begin < ? GROUP BY whole, series
"""
_PRUNE: Final = """
    DELETE FROM {table} WHERE (begin, series) IN
    (SELECT begin, series FROM {table} WHERE begin < ? ORDER BY begin, series LIMIT ?)
"""
_HEARD: Final = """
    INSERT INTO sources (source, first_seen, last_seen) VALUES (?, ?, ?)
    ON CONFLICT (source) DO UPDATE SET
        first_seen = min(first_seen, excluded.first_seen),
        last_seen = max(last_seen, excluded.last_seen)
"""
_STEPS: Final[tuple[tuple[Table, Table, int], ...]] = (
    ("minutes", "seconds", MINUTE),
    ("hours", "minutes", HOUR),
)
"""Table, finer table that it is merged from, and step in milliseconds."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Milliseconds that the rows of each table are kept."""

    seconds: int
    minutes: int
    hours: int


class RollupStore:
    """Connection that writes metrics.db; each call is one transaction.

    Args:
        path: metrics.db; created if missing.

    Raises:
        DataFolderError: metrics.db cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # A second lost in a power cut is not worth an fsync each second: its logs are counted
        # again, from the last one written.
        self._connection = open_writer(path, METRICS, "NORMAL")
        self._path = path
        self.counted_through = 0
        """Highest seq counted in the file, once `begin` was called."""
        self._series: dict[Series, int] = {}
        # Both take and return the bytes of a sketch, or None.
        self._connection.create_scalar_function("merged_sketch", _merged, 2, deterministic=True)
        self._connection.create_aggregate_function("merged_sketches", _Merging, 1)

    @property
    def path(self) -> Path:
        """Path of metrics.db."""
        return self._path

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._connection.close()

    def begin(self, incarnation: str, last_seq: int, now: int) -> int:
        """Return the highest counted seq; for a new logs.db, begin after its last one.

        Args:
            incarnation: incarnation of logs.db; a new one has other logs.
            last_seq: highest seq of logs.db.
            now: milliseconds UTC.

        Raises:
            DataFolderError: metrics.db cannot be read or written.
        """
        with sqlite_errors(self._path), transaction(self._connection):
            known, counted = self._connection.execute(
                "SELECT incarnation, counted_through FROM progress"
            ).fetchall()[0]
            if known == incarnation and cast("int", counted) <= last_seq:
                self.counted_through = cast("int", counted)
                return self.counted_through
            self._connection.execute(
                "UPDATE progress SET incarnation = ?, counted_from = ?, measured_from = ?, "
                "counted_through = ?",
                (incarnation, last_seq, now, last_seq),
            )
        self.counted_through = last_seq
        return last_seq

    def rename_incarnation(self, before: str, after: str) -> None:
        """Go on as the measurements of logs whose incarnation is another now.

        Args:
            before: incarnation of the logs that are counted; of others nothing is changed.
            after: the one that they have from now on.

        Raises:
            DataFolderError: metrics.db cannot be written.
        """
        with sqlite_errors(self._path):
            self._connection.execute(
                "UPDATE progress SET incarnation = ? WHERE incarnation = ?", (after, before)
            )

    def write(self, rows: Rows, heard: Mapping[str, tuple[int, int]], counted_through: int) -> None:
        """Merge rows into seconds, and into minutes and hours that are closed already.

        Args:
            rows: the measurements.
            heard: first and last `received_at` by source, milliseconds UTC.
            counted_through: highest seq counted in the rows.

        Raises:
            apsw.Error: nothing was written.
        """
        try:
            with transaction(self._connection):
                self._add(rows)
                self._connection.executemany(
                    _HEARD, [(source, *times) for source, times in heard.items()]
                )
                self._connection.execute(
                    "UPDATE progress SET counted_through = max(counted_through, ?)",
                    (counted_through,),
                )
        except apsw.Error:
            self._series.clear()  # some ids were rolled back
            raise
        self.counted_through = max(self.counted_through, counted_through)

    def replace(self, metric: str, begin: int, end: int, rows: Rows) -> None:
        """Put rows in place of those that a metric has in `[begin, end)`, as often as one likes.

        Args:
            metric: a metric that the server does not measure itself.
            begin: milliseconds UTC, a whole hour.
            end: milliseconds UTC, a whole hour, exclusive.
            rows: the measurements, all of that metric and range.

        Raises:
            apsw.Error: nothing was changed.
        """
        try:
            with transaction(self._connection):
                for table in ("seconds", "minutes", "hours"):
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE begin >= ? AND begin < ? "
                        "AND series IN (SELECT id FROM series WHERE metric = ?)",
                        (begin, end, metric),
                    )
                self._add(rows)
        except apsw.Error:
            self._series.clear()  # some ids were rolled back
            raise

    def counted(self, metric: str) -> int:
        """Return the number of values that the seconds of a metric hold, over all of its series."""
        return cast(
            "int",
            self._connection.execute(
                "SELECT ifnull(sum(count), 0) FROM seconds "
                "WHERE series IN (SELECT id FROM series WHERE metric = ?)",
                (metric,),
            ).get,
        )

    def close_steps(self, before: int) -> None:
        """Write the minutes and hours that ended before a time, in milliseconds UTC.

        Raises:
            apsw.Error: nothing was written.
        """
        with transaction(self._connection):
            for table, finer, step in _STEPS:
                (through,) = self._connection.execute(
                    f"SELECT {table}_through FROM progress"
                ).fetchall()[0]
                end = before // step * step
                if cast("int", through) < end:
                    statement = _CLOSE.format(table=table, finer=finer, step=step)
                    self._connection.execute(statement, (through, end))
                    self._connection.execute(f"UPDATE progress SET {table}_through = ?", (end,))

    def prune(self, now: int, retention: Retention) -> None:
        """Remove a slice of rows beyond their retention.

        Rows that are not merged into minutes or hours yet stay.

        Args:
            now: milliseconds UTC.
            retention: milliseconds to keep the rows of each table.

        Raises:
            apsw.Error: nothing was removed.
        """
        bounds = {
            "seconds": (now - retention.seconds, "minutes_through", MINUTE),
            "minutes": (now - retention.minutes, "hours_through", HOUR),
            "hours": (now - retention.hours, "hours_through", HOUR),
        }
        with transaction(self._connection):
            for table, (bound, through, step) in bounds.items():
                # A clock that was ahead must not remove all later rows. Rows of this hour may be
                # gone; coarser rows hold them.
                known = f"min({table}_from, (?1 + {HOUR - 1}) / {HOUR} * {HOUR})"
                whole = f"min(?2, {through}) / {step} * {step}"
                self._connection.execute(
                    f"UPDATE progress SET {table}_from = max({known}, {whole})", (now, bound)
                )
                (first,) = self._connection.execute(
                    f"SELECT {table}_from FROM progress"
                ).fetchall()[0]
                self._connection.execute(_PRUNE.format(table=table), (first, PRUNE_SLICE))

    def _add(self, rows: Rows) -> None:
        (minutes_through, hours_through) = self._connection.execute(
            "SELECT minutes_through, hours_through FROM progress"
        ).fetchall()[0]
        for table, step, through in (
            ("seconds", SECOND, None),
            ("minutes", MINUTE, cast("int", minutes_through)),
            ("hours", HOUR, cast("int", hours_through)),
        ):
            self._connection.executemany(
                _MERGE.format(table=table),
                (
                    (begin // step * step, self._id_of(series), *_columns(summary))
                    for (begin, series), summary in rows.items()
                    if through is None or begin < through
                ),
            )

    def _id_of(self, series: Series) -> int:
        known = self._series.get(series)
        if known is None:
            known = self._series[series] = cast(
                "int",
                self._connection.execute(
                    "INSERT INTO series (metric, dimension, label) VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET label = label RETURNING id",
                    series,
                ).get,
            )
        return known


def _columns(summary: Summary) -> tuple[object, ...]:
    sketch = summary.sketch
    data = None if sketch is None else sketch.to_bytes()
    return summary.count, float(summary.sum), summary.min, summary.max, data


def _merged(*sketches: object) -> bytes | None:
    """Merge stored sketches; null ones are empty."""
    merging = _Merging()
    for each in sketches:
        merging.step(each)
    return merging.final()


def read_sketch(data: bytes) -> Sketch | None:
    """Decode a stored sketch; log a damaged one and return None.

    Counts and sums beside it are sound, and later rows must be read and written.
    """
    try:
        return Sketch.from_bytes(data)
    except DamagedSketch as error:
        logger.error("metrics.db holds a measurement that is damaged: %s", error)
        return None


def merge_stored(sketch: Sketch | None, data: bytes) -> Sketch | None:
    """Add a stored sketch to another, made if there is none; see `read_sketch`."""
    try:
        merged = Sketch() if sketch is None else sketch
        merged.merge_bytes(data)
    except DamagedSketch as error:
        logger.error("metrics.db holds a measurement that is damaged: %s", error)
        return sketch
    return merged


class _Merging:
    """SQL aggregate function that merges sketches."""

    def __init__(self) -> None:
        self._sketch: Sketch | None = None

    def step(self, *data: object) -> None:
        """Merge one sketch."""
        for each in data:
            if each is not None:
                self._sketch = merge_stored(self._sketch, cast("bytes", each))

    def final(self) -> bytes | None:
        """Return the merged sketch."""
        return None if self._sketch is None else self._sketch.to_bytes()
