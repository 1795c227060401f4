"""Summaries of a range of time from metrics.db, for the report of the server."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import apsw

from waterline.metrics.rollup_store import merge_stored
from waterline.metrics.spans import STEP_OF, Kept, Span, Table, cover
from waterline.metrics.summary import Summary, merge_into
from waterline.storage.sqlite import one_moment, open_reader, sqlite_errors

_KEPT: Final = """
    SELECT seconds_from, minutes_from, hours_from, minutes_through, hours_through FROM progress
"""
# Each dimension holds all of a metric. Before version 2, logs_stored had only `type`. SQLite sums
# up without the GIL, and a row a metric takes fewer turns of it. The text holds all its sketches.
_METRICS: Final = """
    WITH chosen AS MATERIALIZED (
        SELECT id, metric FROM series WHERE dimension =
            (SELECT max(dimension) FROM series AS s WHERE s.metric = series.metric)
    )
    SELECT metric, sum(count), sum(sum), min(min), max(max), group_concat(hex(sketch))
    FROM {table} CROSS JOIN chosen ON chosen.id = series
    WHERE begin >= ? AND begin < ?
    GROUP BY metric
"""
_LABELS: Final = """
    SELECT label, sum(sum) FROM series JOIN {table} ON {table}.series = series.id
    WHERE metric = ? AND dimension = ? AND begin >= ? AND begin < ? GROUP BY label
"""
# What is merged into a row makes its count greater, and removing rows makes them fewer.
_STATES: Final = """
    SELECT begin / ?1, count(*), sum(count) FROM {table} WHERE begin >= ?2 AND begin < ?3 GROUP BY 1
"""
_STATE: Final = """
    SELECT count(*), ifnull(sum(count), 0) FROM {table} WHERE begin >= ? AND begin < ?
"""
# Steps of a table that are kept in memory as one. More would leave more at the edges of a range.
_BLOCK_STEPS: Final = 10
# Some 20 kB each.
_MOST_BLOCKS: Final = 64
# Spans of a report: hours between minutes between seconds. Some 40 kB a metric each.
_MOST_SPANS: Final = 5
_Row = tuple[str, int, float, float | None, float | None, str | None]
_Packed = tuple[str, int, float, float | None, float | None, bytes | None]


@dataclass(frozen=True, slots=True)
class _Block:
    """Summaries of the metrics of some steps."""

    state: tuple[int, int]
    """Number of rows, and sum of their counts: a block of another state is no longer valid."""
    rows: list[_Packed]
    """Metric, count, sum, min, max and sketch."""


@dataclass(frozen=True, slots=True)
class _Merged:
    """Summaries of the metrics of a whole span."""

    state: tuple[int, int]
    """As that of a block."""
    summaries: dict[str, Summary]


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
        # A report that is asked for again is mostly about the same minutes.
        self._blocks: OrderedDict[tuple[Table, int], _Block] = OrderedDict()
        self._spans: OrderedDict[Span, _Merged] = OrderedDict()

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
            # The longest first: what is merged into nothing is copied at once.
            spans = cover(since, until, read_kept(connection))
            for span in sorted(spans, key=lambda each: each.begin - each.end):
                merge_into(totals, self._span(span).items())
        return totals

    def sums(self, name: str, dimension: str, since: int, until: int) -> dict[str, float]:
        """Return the sum of a metric in `[since, until)` by label, as `summaries` ranges.

        Args:
            name: the metric.
            dimension: one of its dimensions.
            since: milliseconds UTC.
            until: milliseconds UTC, exclusive.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        totals: dict[str, float] = {}
        connection = self._connection
        with self._lock, sqlite_errors(self._path), one_moment(connection):
            for span in cover(since, until, read_kept(connection)):
                bindings = (name, dimension, span.begin, span.end)
                statement = _LABELS.format(table=span.table)
                for row in connection.execute(statement, bindings).fetchall():
                    label, amount = cast("tuple[str, float]", row)
                    totals[label] = totals.get(label, 0.0) + amount
        return totals

    def _span(self, span: Span) -> dict[str, Summary]:
        """Return the summaries of a span, which others must not change."""
        statement = _STATE.format(table=span.table)
        (row,) = self._connection.execute(statement, (span.begin, span.end)).fetchall()
        state = cast("tuple[int, int]", row)
        known = self._spans.pop(span, None)
        if known is None or known.state != state:
            known = _Merged(state, {})
            self._add(known.summaries, span)
        self._spans[span] = known
        while len(self._spans) > _MOST_SPANS:
            self._spans.popitem(last=False)
        return known.summaries

    def _add(self, totals: dict[str, Summary], span: Span) -> None:
        """Merge the summaries of a span into others, by block."""
        size = STEP_OF[span.table] * _BLOCK_STEPS
        first, last = -(-span.begin // size), span.end // size
        if first >= last:
            _merge(totals, self._read(span))
            return
        _merge(totals, self._read(Span(span.table, span.begin, first * size)))
        bounds = (size, first * size, last * size)
        states = self._connection.execute(_STATES.format(table=span.table), bounds).fetchall()
        for number, *state in cast("list[tuple[int, int, int]]", states):
            _merge(totals, self._block(span.table, number, (state[0], state[1])))
        _merge(totals, self._read(Span(span.table, last * size, span.end)))

    def _block(self, table: Table, number: int, state: tuple[int, int]) -> list[_Packed]:
        """Return the summaries of a whole block.

        Args:
            table: the table.
            number: the number of the block.
            state: number of its rows, and sum of their counts.
        """
        known = self._blocks.pop((table, number), None)
        if known is None or known.state != state:
            size = STEP_OF[table] * _BLOCK_STEPS
            merged: dict[str, Summary] = {}
            _merge(merged, self._read(Span(table, number * size, (number + 1) * size)))
            known = _Block(state, [_packed(metric, each) for metric, each in merged.items()])
        self._blocks[table, number] = known
        while len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)
        return known.rows

    def _read(self, span: Span) -> Iterator[_Packed]:
        """Yield metric, count, sum, min, max and sketch, for each metric several times."""
        statement = _METRICS.format(table=span.table)
        step = STEP_OF[span.table] * _BLOCK_STEPS
        # The sketches of many labels are large, so that a range is read in parts.
        for begin in range(span.begin, span.end, step):
            bounds = (begin, min(begin + step, span.end))
            for row in self._connection.execute(statement, bounds).fetchall():
                metric, count, amount, least, most, sketches = cast("_Row", row)
                yield metric, count, amount, least, most, None
                if sketches is not None:
                    for each in sketches.split(","):
                        yield metric, 0, 0.0, None, None, bytes.fromhex(each)


def read_kept(connection: apsw.Connection) -> Kept:
    """Return the ranges of time that the tables of metrics.db hold."""
    row = connection.execute(_KEPT).fetchall()[0]
    return Kept(*cast("tuple[int, int, int, int, int]", row))


def _merge(totals: dict[str, Summary], rows: Iterable[_Packed]) -> None:
    for metric, count, amount, least, most, data in rows:
        total = totals.setdefault(metric, Summary())
        total.merge(Summary(count, amount, least, most))
        if data is not None:
            total.sketch = merge_stored(total.sketch, data)


def _packed(metric: str, summary: Summary) -> _Packed:
    sketch = None if summary.sketch is None else summary.sketch.to_bytes()
    return metric, summary.count, summary.sum, summary.min, summary.max, sketch
