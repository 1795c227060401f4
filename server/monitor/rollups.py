"""Rollups: once a second, what was measured goes into metrics.db, one row a metric and label."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from server.clock import now_ms
from server.monitor.performance import Key, PerformanceMonitor, Summary
from server.store.schema import METRICS
from server.store.sqlite import open_writer, sqlite_errors, transaction

logger = logging.getLogger(__name__)

SECOND: Final = 1000  # milliseconds
# Rows kept while metrics.db cannot be written: some minutes of them, a few MB.
MAX_PENDING: Final = 10_000
# Old rows go in small slices, so that no flush takes long.
PRUNE_SLICE: Final = 1_000

_INSERT: Final = """
    INSERT INTO rollups (second, metric, label, count, sum, min, max, sketch)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_PRUNE: Final = """
    DELETE FROM rollups WHERE (second, metric, label) IN
    (SELECT second, metric, label FROM rollups WHERE second < ? LIMIT ?)
"""
_HISTORY: Final = """
    SELECT metric, sum(sum) / sum(count), sum(count) FROM rollups
    WHERE second BETWEEN ? AND ? GROUP BY metric ORDER BY metric
"""


class Rollups:
    """Writes a monitor's measurements to metrics.db from a thread of its own.

    Args:
        path: metrics.db; made where it is missing.
        monitor: where the measurements come from.
        retention: milliseconds that a second's rows are kept.
        clock: returns milliseconds UTC.

    Raises:
        DataFolderError: metrics.db cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        monitor: PerformanceMonitor,
        retention: int,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._monitor = monitor
        self._retention = retention
        self._clock = clock
        # A lost second of measurements at a power cut is no loss worth an fsync each second.
        self._connection = open_writer(path, METRICS, "NORMAL")
        self._lock = threading.Lock()
        self._pending: deque[tuple[object, ...]] = deque(maxlen=MAX_PENDING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rollups", daemon=True)
        with sqlite_errors(path):
            self._last_second = self._newest_second()
        self._failed = False

    def start(self) -> None:
        """Begin to write each second."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and close; may be called twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            self._connection.close()

    @property
    def failed(self) -> bool:
        """Whether the last write failed; measurements wait for the next."""
        return self._failed

    def history(self, since: int, until: int) -> list[dict[str, object]]:
        """Return average and count of each metric between two times in milliseconds UTC."""
        with self._lock:
            rows = self._connection.execute(_HISTORY, (since, until)).fetchall()
        return [{"metric_name": name, "avg": avg, "count": count} for name, avg, count in rows]

    def _run(self) -> None:
        while not self._stopping.wait(1 - (self._clock() % SECOND) / SECOND):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        # A clock that was set back must not give a second twice.
        second = max(self._clock() // SECOND * SECOND - SECOND, self._last_second + SECOND)
        taken = self._monitor.take()
        if taken:
            self._last_second = second
            self._pending.extend(_row(second, key, summary) for key, summary in taken.items())
        try:
            with self._lock, transaction(self._connection):
                self._connection.executemany(_INSERT, self._pending)
                self._connection.execute(_PRUNE, (second - self._retention, PRUNE_SLICE))
        except apsw.Error as error:
            if not self._failed:
                logger.error("measurements cannot be written and wait: %s", error)
            self._failed = True
        else:
            self._pending.clear()
            self._failed = False

    def _newest_second(self) -> int:
        return int(self._connection.execute("SELECT ifnull(max(second), 0) FROM rollups").get)


def _row(second: int, key: Key, summary: Summary) -> tuple[object, ...]:
    name, label = key
    values = (summary.count, summary.sum, summary.min, summary.max, summary.sketch.to_bytes())
    return (second, name, label, *values)
