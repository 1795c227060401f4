"""metrics.db as it is written: seconds, and the minutes and hours that follow from them."""

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

# Old rows go in small slices, so that no flush takes long.
PRUNE_SLICE: Final = 1_000

Rows = Mapping[tuple[int, Series], Summary]
"""What was measured, by the begin of its step and its series."""

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
"""A table, the one that it follows from, and its step in milliseconds."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows of each table are kept, in milliseconds."""

    seconds: int
    minutes: int
    hours: int


class RollupStore:
    """The connection that writes metrics.db. Each call is one transaction.

    Args:
        path: metrics.db; made where it is missing.

    Raises:
        DataFolderError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # A lost second of measurements at a power cut is no loss worth an fsync each second: logs
        # are then counted again from the last one that was written.
        self._connection = open_writer(path, METRICS, "NORMAL")
        self._path = path
        self.counted_through = 0
        """Logs up to this seq are counted in the file, once `begin` was called."""
        self._series: dict[Series, int] = {}
        # Both take and return bytes or None, as `to_bytes` gives them.
        self._connection.create_scalar_function("merged_sketch", _merged, 2, deterministic=True)
        self._connection.create_aggregate_function("merged_sketches", _Merging, 1)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._path

    def close(self) -> None:
        """Let the file go; may be called twice."""
        self._connection.close()

    def begin(self, incarnation: str, last_seq: int, now: int) -> int:
        """Say up to which seq logs are counted; begin with the next one in a folder that is new.

        Args:
            incarnation: of logs.db: another one has other logs.
            last_seq: the highest that was ever given.
            now: milliseconds UTC.

        Raises:
            DataFolderError: the file cannot be read or written.
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

    def write(self, rows: Rows, heard: Mapping[str, tuple[int, int]], counted_through: int) -> None:
        """Add rows of seconds to what is there, and to minutes and hours that are over already.

        Args:
            rows: what was measured.
            heard: when logs of a source were first and last received, in milliseconds UTC.
            counted_through: the highest seq that is counted in the rows.

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
            self._series.clear()  # some of them were made in vain
            raise
        self.counted_through = max(self.counted_through, counted_through)

    def close_steps(self, before: int) -> None:
        """Write the minutes and hours that are over by a time, in milliseconds UTC.

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
        """Let some of the rows go that are older than they are kept.

        What has not gone into minutes or hours yet stays.

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
                # A clock that was ahead for a while must not make all go that comes after. What is
                # of this hour may have gone: coarser rows tell of it, as of all before.
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
    """Merge sketches as they are stored; those that are null hold nothing."""
    merging = _Merging()
    for each in sketches:
        merging.step(each)
    return merging.final()


def read_sketch(data: bytes) -> Sketch | None:
    """Return a sketch of metrics.db; one that is damaged is told of, and None.

    Counts and sums are sound all the same, and what comes after must be read and written.
    """
    try:
        return Sketch.from_bytes(data)
    except DamagedSketch as error:
        logger.error("metrics.db holds a measurement that is damaged: %s", error)
        return None


class _Merging:
    """The aggregate function of SQL that merges sketches."""

    def __init__(self) -> None:
        self._sketch: Sketch | None = None

    def step(self, *data: object) -> None:
        """Take a sketch in."""
        for each in data:
            if each is not None:
                self._take(read_sketch(cast("bytes", each)))

    def _take(self, sketch: Sketch | None) -> None:
        if self._sketch is None:
            self._sketch = sketch
        elif sketch is not None:
            self._sketch.merge(sketch)

    def final(self) -> bytes | None:
        """Return all of them as one."""
        return None if self._sketch is None else self._sketch.to_bytes()
