"""History: what metrics.db tells of a range of time, for the server's own report."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import apsw

from server.monitor.performance import Series
from server.monitor.sketch import DamagedSketch, Sketch
from server.monitor.spans import Kept, Span, cover
from server.monitor.summary import Summary
from server.store.sqlite import open_reader, sqlite_errors

logger = logging.getLogger(__name__)

_KEPT: Final = """
    SELECT seconds_from, minutes_from, hours_from, minutes_through, hours_through FROM progress
"""
# Each dimension holds all of a metric; of logs_stored before version 2 only `type` is there.
_ROWS: Final = """
    SELECT metric, dimension, label, count, sum, min, max, sketch
    FROM {table} JOIN series ON series.id = series
    WHERE begin >= ? AND begin < ?
        AND dimension = (SELECT max(dimension) FROM series AS s WHERE s.metric = series.metric)
"""
_Row = tuple[str, str, str, int, float, float | None, float | None, bytes | None]


class RollupHistory:
    """Reads metrics.db beside its writer, from any thread; each call sees one moment.

    Args:
        path: metrics.db, which the rollups have open.

    Raises:
        DataFolderError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = open_reader(path)

    def close(self) -> None:
        """Let the file go, before its writer does; may be called twice."""
        with self._lock:
            self._connection.close()

    def interrupt(self) -> None:
        """Let what is being read fail, for a server that stops."""
        self._connection.interrupt()

    def summaries(self, since: int, until: int) -> dict[str, Summary]:
        """Return each metric between two times, `until` excluded, over all its labels.

        Args:
            since: milliseconds UTC.
            until: the same. Where seconds are gone, whole minutes and hours count.

        Raises:
            DataFolderError: the file cannot be read.
        """
        totals: dict[str, Summary] = {}
        with self._view() as connection:
            for span in cover(since, until, read_kept(connection)):
                for series, summary in _rows(connection, span):
                    totals.setdefault(series.metric, Summary()).merge(summary)
        return totals

    @contextmanager
    def _view(self) -> Iterator[apsw.Connection]:
        with self._lock, sqlite_errors(self._path):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")


def read_kept(connection: apsw.Connection) -> Kept:
    """Return what the file holds."""
    row = connection.execute(_KEPT).fetchall()[0]
    return Kept(*cast("tuple[int, int, int, int, int]", row))


def _rows(connection: apsw.Connection, span: Span) -> Iterator[tuple[Series, Summary]]:
    statement = _ROWS.format(table=span.table)
    for row in connection.execute(statement, (span.begin, span.end)):
        metric, dimension, label, count, amount, least, most, data = cast("_Row", row)
        sketch = None if data is None else _read(data)
        yield Series(metric, dimension, label), Summary(count, amount, least, most, sketch)


def _read(data: bytes) -> Sketch | None:
    try:
        return Sketch.from_bytes(data)
    except DamagedSketch as error:
        logger.error("metrics.db holds a measurement that is damaged: %s", error)
        return None
