"""Reads the last five minutes of measurements, each second of them once."""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Select, select

from server.errors import DataFolderError
from server.monitor.sketch import Sketch
from server.store.tables import rollups
from workbench.asking.reading import View
from workbench.dashboard.snapshot import SECOND, WINDOW_SECONDS, Percentiles, Second, Window

LOGS_STORED: Final = "logs_stored"
ACK_LATENCY: Final = "ack_latency"
# The server writes a second just after its end. One that it has not written by then holds
# nothing, or is late; a late one is put in when it comes.
SETTLED_MS: Final = 2 * SECOND


class WindowReader:
    """Follows the rollups of one metrics.db."""

    def __init__(self) -> None:
        self._seconds: deque[Second] = deque(maxlen=WINDOW_SECONDS)
        self._read_through: int | None = None
        self._revision = 0

    def read(self, view: View, now: int) -> Window:
        """Return the window that ends with the last settled second.

        Args:
            view: of metrics.db.
            now: milliseconds UTC.

        Raises:
            DataFolderError: it cannot be read.
        """
        if self._read_through is None:
            self._read_through = _newest_second_before(view, _begin_of(now) - _LENGTH)
        fresh = _as_seconds(view.rows(_rows_after(self._read_through)))
        if fresh:
            self._read_through = max(fresh)
        self._extend(fresh, now)
        return Window(tuple(self._seconds), self._revision, self._read_through or None)

    def forget(self) -> None:
        """Begin anew: the file is another."""
        self._seconds.clear()
        self._read_through = None
        self._revision += 1

    def _extend(self, fresh: dict[int, Second], now: int) -> None:
        # No row comes for a second at or before the newest one: the server writes them in order.
        end = max(_begin_of(now - SETTLED_MS), max(fresh, default=0))
        known = self._seconds[-1].begin if self._seconds else end - _LENGTH
        if any(begin <= known for begin in fresh):
            self._revision += 1
            for place, second in enumerate(self._seconds):
                self._seconds[place] = fresh.get(second.begin, second)
        first = max(known, end - _LENGTH) + SECOND
        for begin in range(first, end + SECOND, SECOND):
            self._seconds.append(fresh.get(begin) or Second(begin, {}, None))


_LENGTH: Final = WINDOW_SECONDS * SECOND


def _begin_of(moment: int) -> int:
    return moment // SECOND * SECOND


def _newest_second_before(view: View, bound: int) -> int:
    newest = select(rollups.c.second).where(rollups.c.second < bound)
    rows = view.rows(newest.order_by(rollups.c.second.desc()).limit(1))
    return int(rows[0][0]) if rows else 0


def _rows_after(second: int) -> Select[Any]:
    columns = rollups.c
    return (
        select(columns.second, columns.metric, columns.label, columns["count"], columns.sketch)
        .where(columns.second > second, columns.metric.in_((LOGS_STORED, ACK_LATENCY)))
        .order_by(columns.second)
    )


def _as_seconds(rows: Iterable[tuple[int, str, str, int, bytes]]) -> dict[int, Second]:
    stored: dict[int, dict[str, int]] = {}
    latency: dict[int, Percentiles] = {}
    for second, metric, label, count, sketch in rows:
        by_type = stored.setdefault(second, {})
        if metric == LOGS_STORED:
            by_type[label] = count
        elif (percentiles := _percentiles(sketch)) is not None:
            latency[second] = percentiles
    return {second: Second(second, types, latency.get(second)) for second, types in stored.items()}


def _percentiles(data: bytes) -> Percentiles | None:
    try:
        sketch = Sketch.from_bytes(data)
    except msgspec.DecodeError as error:
        raise DataFolderError(f"metrics.db holds a measurement that is damaged: {error}") from error
    p50, p95, p99 = (sketch.quantile(q) for q in (0.50, 0.95, 0.99))
    if p50 is None or p95 is None or p99 is None:
        return None
    return Percentiles(p50, p95, p99)
