"""A recorder, its rollups on a real metrics.db, and a clock in the test's hand."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, cast

import apsw

from tests.support.clock import Clock
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.rollup_store import Retention, RollupStore
from waterline.metrics.rollup_thread import RollupThread
from waterline.metrics.sketch import Sketch
from waterline.metrics.spans import HOUR, Table
from waterline.metrics.summary import Summary

DAY: Final = 24 * HOUR
LONG: Final = Retention(365 * DAY, 365 * DAY, 365 * DAY)
"""All of it stays."""

Key = tuple[int, str, str]
"""The begin of a step, a metric and a label."""
_Row = tuple[int, str, str, int, float, float | None, float | None, bytes | None]


class Bench:
    """What the server has of it, without the server; nothing is written until `flush`."""

    def __init__(self, path: Path, retention: Retention = LONG) -> None:
        self.path = path
        self.clock = Clock()
        self.recorder = MetricsRecorder(self.clock)
        self.file = RollupStore(path)
        self.file.begin("first", 0, self.clock.now)
        self.rollups = RollupThread(self.file, self.recorder, retention, clock=self.clock)

    def flush(self, after: int = 1000) -> None:
        """Let some milliseconds pass and write what was measured before."""
        self.clock.now += after
        self.rollups._flush(self.clock.now // 1000 * 1000)

    def failed(self) -> bool:
        """Return whether the last write failed."""
        return self.rollups.failed

    def rows(self, table: Table = "seconds") -> dict[Key, Summary]:
        """Return what a table holds."""
        return rows(self.path, table)

    def progress(self) -> dict[str, Any]:
        """Return how far it goes."""
        return progress(self.path)


def rows(path: Path, table: Table = "seconds") -> dict[Key, Summary]:
    """Return what a table holds, each sketch read."""
    with closing(apsw.Connection(str(path))) as connection:
        found = connection.execute(
            f"SELECT begin, metric, label, count, sum, min, max, sketch FROM {table} "
            "JOIN series ON series.id = series ORDER BY begin, metric, dimension, label"
        ).fetchall()
    return {
        (begin, metric, label): Summary(
            count, amount, least, most, None if data is None else Sketch.from_bytes(data)
        )
        for begin, metric, label, count, amount, least, most, data in cast("list[_Row]", found)
    }


def progress(path: Path) -> dict[str, Any]:
    """Return how far a file goes."""
    with closing(apsw.Connection(str(path))) as connection:
        cursor = connection.execute("SELECT * FROM progress")
        names = [name for name, *_ in cursor.get_description()]
        return dict(zip(names, cursor.fetchall()[0], strict=True))


def view(path: Path, columns: str = "*") -> list[tuple[Any, ...]]:
    """Return what `performance_metrics` holds."""
    with closing(apsw.Connection(str(path))) as connection:
        statement = f"SELECT {columns} FROM performance_metrics ORDER BY timestamp, metric_name"
        return connection.execute(statement).fetchall()


def summary_of(*values: float) -> Summary:
    """Return the summary of some values."""
    summary = Summary()
    for each in values:
        summary.add(each)
    return summary


def latency(begin: int, *values: float) -> dict[tuple[int, Series], Summary]:
    """Return a row of one metric, to be written."""
    return {(begin, Series("latency", "", "")): summary_of(*values)}


def merged(summaries: Iterable[Summary]) -> Summary:
    """Return summaries as one."""
    total = Summary()
    for each in summaries:
        total.merge(each)
    return total


def plain(summary: Summary) -> tuple[object, ...]:
    """Return a summary as values that can be compared; its sum is rounded to what is exact."""
    cells = None if summary.sketch is None else dict(summary.sketch.cells())
    return summary.count, round(summary.sum, 6), summary.min, summary.max, cells


def plainly(summaries: Mapping[Key, Summary]) -> dict[Key, tuple[object, ...]]:
    """Return the rows of a table as values that can be compared."""
    return {key: plain(each) for key, each in summaries.items()}
