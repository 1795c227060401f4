"""Summaries of a range of time from metrics.db, for the report of the server."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import apsw

from waterline.metrics.rollup_store import read_sketch
from waterline.metrics.spans import Kept, Span, cover
from waterline.metrics.summary import Summary, merge_into
from waterline.storage.sqlite import one_moment, open_reader, sqlite_errors

_KEPT: Final = """
    SELECT seconds_from, minutes_from, hours_from, minutes_through, hours_through FROM progress
"""
# Each dimension holds all of a metric. Before version 2, logs_stored had only `type`.
_ROWS: Final = """
    SELECT metric, count, sum, min, max, sketch
    FROM {table} JOIN series ON series.id = series
    WHERE begin >= ? AND begin < ?
        AND dimension = (SELECT max(dimension) FROM series AS s WHERE s.metric = series.metric)
"""
_Row = tuple[str, int, float, float | None, float | None, bytes | None]


class RollupHistory:
    """Reader of metrics.db beside its writer; thread-safe, with one snapshot a call.

    Args:
        path: metrics.db, open in the rollup thread.

    Raises:
        DataFolderError: metrics.db cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = open_reader(path)

    def close(self) -> None:
        """Close the connection, before the writer does; safe to call twice."""
        with self._lock:
            self._connection.close()

    def interrupt(self) -> None:
        """Abort a read under way, as the server stops."""
        self._connection.interrupt()

    def summaries(self, since: int, until: int) -> dict[str, Summary]:
        """Return a summary of each metric in `[since, until)`, over all labels.

        If seconds are pruned, whole minutes and hours count.

        Args:
            since: milliseconds UTC.
            until: milliseconds UTC, exclusive.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        totals: dict[str, Summary] = {}
        connection = self._connection
        with self._lock, sqlite_errors(self._path), one_moment(connection):
            for span in cover(since, until, read_kept(connection)):
                merge_into(totals, _rows(connection, span))
        return totals


def read_kept(connection: apsw.Connection) -> Kept:
    """Return the ranges of time that the tables of metrics.db hold."""
    row = connection.execute(_KEPT).fetchall()[0]
    return Kept(*cast("tuple[int, int, int, int, int]", row))


def _rows(connection: apsw.Connection, span: Span) -> Iterator[tuple[str, Summary]]:
    """Yield metric and summary of each row of a span."""
    statement = _ROWS.format(table=span.table)
    for row in connection.execute(statement, (span.begin, span.end)):
        metric, count, amount, least, most, data = cast("_Row", row)
        sketch = None if data is None else read_sketch(data)
        yield metric, Summary(count, amount, least, most, sketch)
