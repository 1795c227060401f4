"""Rollups of metrics.db, read as arrays, all of one moment."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import sqlalchemy
from sqlalchemy import func, select

from waterline.metrics.recorder import Series
from waterline.metrics.registry import BY_NAME
from waterline.metrics.spans import STEP_OF, Kept, Span, Table
from waterline.storage.schema import METRICS
from waterline.storage.tables import hours, minutes, progress, seconds, series, sources
from workbench.query.database import Database, View
from workbench.reports.sketches import Floats, Integers

_TABLES: Final[dict[Table, sqlalchemy.Table]] = {
    "seconds": seconds,
    "minutes": minutes,
    "hours": hours,
}
_COUNTED: Final = pa.schema(
    [("begin", pa.int64()), ("series", pa.int64()), ("count", pa.int64()), ("sum", pa.float64())]
)
_VALUES: Final = pa.schema(
    [*_COUNTED, ("min", pa.float64()), ("max", pa.float64()), ("sketch", pa.binary())]
)


@dataclass(frozen=True, slots=True)
class Extent:
    """Extent of the measurements; times are milliseconds UTC."""

    counted_from: int
    """Highest seq before counting began."""
    measured_from: int
    """Time when measuring began."""
    counted_through: int
    """Highest seq that is counted."""
    kept: Kept


@dataclass(frozen=True, slots=True)
class Amount:
    """Sum of rows."""

    count: int
    sum: float


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of counters: arrays with an element a row, unordered."""

    begins: Integers
    """First millisecond, UTC, of the second, minute or hour of each row."""
    series: Integers
    counts: Integers
    sums: Floats


@dataclass(frozen=True, slots=True)
class Values(Counted):
    """Rows of metrics that have values."""

    least: Floats
    greatest: Floats
    sketches: pa.ChunkedArray
    """See `workbench.reports.sketches.read_sketches`."""


class Rollups:
    """One moment of metrics.db.

    Args:
        view: a view of metrics.db, which must stay open.

    Attributes:
        progress: extent of the measurements; None before the first.
        series: all series by id.

    Raises:
        DataFolderError: metrics.db cannot be read.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self.progress = _read_progress(view)
        self.series: dict[int, Series] = {
            number: Series(*names) for number, *names in view.rows(select(series))
        }

    def dimensions(self, metric: str) -> tuple[str, ...]:
        """Return the dimensions of a metric; the first has all of its values."""
        if metric in BY_NAME:
            return BY_NAME[metric].dimensions
        return tuple(sorted({each.dimension for each in self.series.values() if each[0] == metric}))

    def labels(self, metric: str, dimension: str) -> dict[int, str]:
        """Return the labels of a metric in a dimension, by the id of their series."""
        return {
            number: each.label
            for number, each in self.series.items()
            if (each.metric, each.dimension) == (metric, dimension)
        }

    def bounds(self) -> tuple[int, int]:
        """Return begin and end (excluded) of the rows; (0, 0) without rows.

        Times are milliseconds UTC.
        """
        parts = ", ".join(
            f"(SELECT min(begin) FROM {name}), (SELECT max(begin) FROM {name})" for name in STEP_OF
        )
        ((*found,),) = self._view.rows(f"SELECT {parts}")
        firsts = [each for each in found[::2] if each is not None]
        lasts = [
            each + step
            for each, step in zip(found[1::2], STEP_OF.values(), strict=True)
            if each is not None
        ]
        return (min(firsts), max(lasts)) if firsts else (0, 0)

    def counted(self, numbers: Collection[int], spans: Sequence[Span]) -> Counted:
        """Return the rows of some series in some spans.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        table = self._rows(numbers, spans, _COUNTED)
        return Counted(*(column.to_numpy() for column in table.columns))

    def values(self, numbers: Collection[int], spans: Sequence[Span]) -> Values:
        """Return the rows of some series of values in some spans.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        table = self._rows(numbers, spans, _VALUES)
        begins, of_series, counts, sums, least, greatest = (
            column.to_numpy() for column in table.columns[:-1]
        )
        return Values(begins, of_series, counts, sums, least, greatest, table["sketch"])

    def totals(self, numbers: Collection[int], spans: Sequence[Span]) -> dict[int, Amount]:
        """Return the sums of rows of some series in some spans, by series.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        totals: dict[int, Amount] = {}
        for span in spans if numbers else ():
            of = _TABLES[span.table].c
            chosen = (
                select(of.series, func.sum(of["count"]), func.sum(of.sum))
                .where(of.begin >= span.begin, of.begin < span.end, of.series.in_(sorted(numbers)))
                .group_by(of.series)
            )
            for number, count, amount in self._view.rows(chosen):
                known = totals.get(number, Amount(0, 0.0))
                totals[number] = Amount(known.count + count, known.sum + amount)
        return totals

    def sources(self) -> dict[str, tuple[int, int]]:
        """Return the times when each source was first and last heard, in milliseconds UTC."""
        columns = sources.c
        chosen = select(columns.source, columns.first_seen, columns.last_seen)
        return {source: (first, last) for source, first, last in self._view.rows(chosen)}

    def _rows(self, numbers: Collection[int], spans: Sequence[Span], schema: pa.Schema) -> pa.Table:
        parts = []
        if numbers:
            for span in spans:
                of = _TABLES[span.table].c
                chosen = select(*(of[name] for name in schema.names)).where(
                    of.begin >= span.begin, of.begin < span.end, of.series.in_(sorted(numbers))
                )
                if "sketch" in schema.names:
                    # ADBC infers types from the first rows: NULL there and bytes later is an error.
                    chosen = chosen.where(of.sketch.is_not(None))
                found = self._view.fetch(chosen)
                if found.num_rows:
                    parts.append(found.cast(schema))
        return pa.concat_tables(parts) if parts else schema.empty_table()


@contextmanager
def open_rollups(path: Path) -> Iterator[Rollups | None]:
    """Open one moment of metrics.db; None if the file is missing.

    Opening takes a millisecond. The file is opened each time, as it may appear or be replaced.

    Args:
        path: metrics.db.

    Raises:
        DataFolderError: metrics.db cannot be read.
    """
    if not path.exists():
        yield None
        return
    with Database(path, METRICS) as database, database.view() as view:
        yield Rollups(view)


def _read_progress(view: View) -> Extent | None:
    columns = progress.c
    ((counted_from, measured_from, counted_through, *kept),) = view.rows(
        select(
            columns.counted_from,
            columns.measured_from,
            columns.counted_through,
            columns.seconds_from,
            columns.minutes_from,
            columns.hours_from,
            columns.minutes_through,
            columns.hours_through,
        )
    )
    if measured_from is None:
        return None
    return Extent(counted_from, measured_from, counted_through, Kept(*kept))
