"""Reads the last five minutes of measurements, by the second."""

from collections import deque
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select

from waterline.errors import DataFolderError
from waterline.metrics.registry import ACK_LATENCY, LOGS_STORED, TYPE
from waterline.metrics.sketch import DamagedSketch, Sketch
from waterline.metrics.summary import Summary
from waterline.storage.tables import seconds, series, sources
from workbench.query.database import View
from workbench.snapshots.snapshot import (
    SECOND,
    WINDOW_SECONDS,
    MeasuredSecond,
    MeasuredWindow,
    Percentiles,
)

# A second is shown when the server has written it twice: just after its end, and a second later
# with the logs that were received in it and committed after its end.
SETTLED_MS: Final = 2 * SECOND
# Logs count for the second of their receipt, which never goes back from one to the next, so that
# only the newest second with logs can still grow. But while metrics.db cannot be written for
# minutes, the server joins the seconds of each minute into its first one.
READ_AGAIN_MS: Final = 60 * SECOND


class MeasuredWindowReader:
    """Follows the rollups of one metrics.db."""

    def __init__(self) -> None:
        self._seconds: deque[MeasuredSecond] = deque(maxlen=WINDOW_SECONDS)
        self._measured_at: int | None = None
        self._revision = 0

    def read(self, view: View, now: int) -> MeasuredWindow:
        """Return the window that ends with the last settled second.

        Args:
            view: a view of metrics.db.
            now: milliseconds UTC.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        end = _begin_of(now - SETTLED_MS)
        since = end - _LENGTH + SECOND
        if not self._seconds:
            self._measured_at = _last_measured(view)
        elif self._measured_at is not None:
            unchanged = min(self._measured_at, self._seconds[-1].begin) - READ_AGAIN_MS
            since = max(since, unchanged)
        found = _read_since(view, since)
        if found:
            self._measured_at = max(self._measured_at or 0, *found)
        self._put_in(found, since)
        self._go_on(found, end)
        return MeasuredWindow(
            tuple(self._seconds),
            self._revision,
            self._measured_at,
            first_at=_first_heard(view),
            server_seen_at=_last_beat(view, now),
        )

    def forget(self) -> None:
        """Start again, as the file was replaced."""
        self._seconds.clear()
        self._measured_at = None
        self._revision += 1

    def _put_in(self, found: dict[int, MeasuredSecond], since: int) -> None:
        """Replace the seconds since one of them by their present rows."""
        known = list(self._seconds)
        now = [
            found.get(each.begin, _nothing_in(each.begin)) if each.begin >= since else each
            for each in known
        ]
        if now != known:
            self._seconds = deque(now, WINDOW_SECONDS)
            self._revision += 1

    def _go_on(self, found: dict[int, MeasuredSecond], end: int) -> None:
        last = self._seconds[-1].begin if self._seconds else 0
        for begin in range(max(last, end - _LENGTH) + SECOND, end + SECOND, SECOND):
            self._seconds.append(found.get(begin, _nothing_in(begin)))


_LENGTH: Final = WINDOW_SECONDS * SECOND


def _begin_of(moment: int) -> int:
    return moment // SECOND * SECOND


def _nothing_in(begin: int) -> MeasuredSecond:
    return MeasuredSecond(begin, {}, None)


def _last_measured(view: View) -> int | None:
    """Return the second in which the last log was received, or None."""
    ((newest,),) = view.rows(select(func.max(sources.c.last_seen)))
    if newest is None and (types := _labels(view, LOGS_STORED, TYPE)):
        # An older Waterline did not record when it heard of a source.
        ((newest,),) = view.rows(
            select(func.max(seconds.c.begin)).where(seconds.c.series.in_(types))
        )
    return None if newest is None else _begin_of(newest)


def _first_heard(view: View) -> int | None:
    ((oldest,),) = view.rows(select(func.min(sources.c.first_seen)))
    return None if oldest is None else int(oldest)


def _last_beat(view: View, now: int) -> int:
    """Return the last second that a server wrote; it writes each, with logs or without.

    Times in the future, of a clock once ahead, are ignored.
    """
    latest = select(seconds.c.begin).where(seconds.c.begin <= now)
    rows = view.rows(latest.order_by(seconds.c.begin.desc()).limit(1))
    return int(rows[0][0]) if rows else 0


def _read_since(view: View, since: int) -> dict[int, MeasuredSecond]:
    """Return the seconds since a time in which logs came in, new ones or duplicates."""
    types = _labels(view, LOGS_STORED, TYPE)
    stored: dict[int, dict[str, int]] = {}
    columns = seconds.c
    for begin, number, count in view.rows(
        _rows(since, types, columns.begin, columns.series, columns["count"])
    ):
        stored.setdefault(begin, {})[types[number]] = count
    latency = _latency_since(view, since)
    return {
        begin: MeasuredSecond(begin, stored.get(begin, {}), latency.get(begin))
        for begin in stored.keys() | latency.keys()
    }


def _latency_since(view: View, since: int) -> dict[int, Percentiles]:
    columns = seconds.c
    # ADBC infers types from the first rows: NULL there and bytes later is an error.
    question = _rows(
        since,
        _labels(view, ACK_LATENCY, ""),
        columns.begin,
        columns.min,
        columns.max,
        columns.sketch,
    ).where(columns.sketch.is_not(None))
    return {
        begin: percentiles
        for begin, least, most, sketch in view.rows(question)
        if (percentiles := _percentiles(least, most, sketch)) is not None
    }


def _labels(view: View, metric: str, dimension: str) -> dict[int, str]:
    """Return the labels of a metric by the id of their series."""
    columns = series.c
    question = select(columns.id, columns.label).where(
        columns.metric == metric, columns.dimension == dimension
    )
    return dict(view.rows(question))


def _rows(since: int, numbers: Collection[int], *columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(*columns)
        .where(seconds.c.begin >= since, seconds.c.series.in_(sorted(numbers)))
        .order_by(seconds.c.begin, seconds.c.series)
    )


# Nearly all seconds that are read again are unchanged.
@lru_cache(WINDOW_SECONDS)
def _percentiles(least: float, most: float, data: bytes) -> Percentiles | None:
    try:
        sketch = Sketch.from_bytes(data)
    except DamagedSketch as error:
        raise DataFolderError(f"metrics.db holds a measurement that is damaged: {error}") from error
    summary = Summary(min=least, max=most, sketch=sketch)
    p50, p95, p99 = (summary.quantile(q) for q in (0.50, 0.95, 0.99))
    if p50 is None or p95 is None or p99 is None:
        return None
    return Percentiles(p50, p95, p99)
