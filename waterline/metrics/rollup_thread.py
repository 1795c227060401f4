"""Thread that writes measurements to metrics.db once a second."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import apsw

from waterline.clock import now_ms
from waterline.errors import DataFolderError
from waterline.metrics.recorder import Heard, MetricsRecorder, Second, Series, hear
from waterline.metrics.rollup_store import Retention, RollupStore
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from waterline.metrics.summary import Summary, merge_into
from waterline.storage.presence import Presence, lost_sentence

logger = logging.getLogger(__name__)

# Rows, some MB, that wait while metrics.db cannot be written. Beyond that seconds are merged into
# minutes, and then hours, so that nothing is lost.
MAX_PENDING: Final = 10_000
# Milliseconds after the end of a minute until it is written. Later rows cost one more write.
SETTLED: Final = 2 * SECOND

Recount = Callable[[int, int], bool]
"""Records the logs in `(after, through]`; returns whether it did."""


def _none_left(_after: int, _through: int) -> bool:
    """Record nothing, as all logs are counted when they come."""
    return True


class RollupThread:
    """Writes the measurements of a recorder to metrics.db once a second.

    Args:
        file: writer of metrics.db; closed at the end.
        recorder: source of the measurements.
        retention: milliseconds to keep the rows of each table.
        recount: called in the thread for logs to count again.
        clock: returns milliseconds UTC.
        ageing: returns milliseconds UTC, for closing steps and pruning; it ignores jumps.
    """

    def __init__(
        self,
        file: RollupStore,
        recorder: MetricsRecorder,
        retention: Retention,
        recount: Recount = _none_left,
        clock: Callable[[], int] = now_ms,
        ageing: Callable[[], int] | None = None,
    ) -> None:
        self._file = file
        self._ageing = ageing or clock
        self._recorder = recorder
        self._retention = retention
        self._recount = recount
        self._uncounted: deque[tuple[int, int]] = deque()
        self._clock = clock
        self._heard: Heard = {}
        self._counted_through = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rollups", daemon=True)
        self._failed = False
        self._lost: Path | None = None
        self._presence = Presence(file.path)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write the rest and close; safe to call twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._file.close()

    def recount(self, after: int, through: int) -> None:
        """Schedule stored logs in `(after, through]` to be recorded before newer ones; thread-safe.

        Args:
            after: a seq, exclusive.
            through: a seq, inclusive.
        """
        self._uncounted.append((after, through))

    @property
    def failed(self) -> bool:
        """Whether the last write failed; its measurements wait."""
        return self._failed

    @property
    def lost(self) -> Path | None:
        """Deleted or replaced file that stops all writes; None without one."""
        return self._lost

    @property
    def wal_size(self) -> int:
        """Bytes of the WAL of metrics.db at the last write."""
        return self._presence.wal_size

    @property
    def counted_through(self) -> int:
        """Highest seq counted in metrics.db."""
        return self._file.counted_through

    def _run(self) -> None:
        while not self._stopping.wait(1 - (self._clock() % SECOND) / SECOND):
            self._flush(self._clock() // SECOND * SECOND)
        self._flush(None)

    def _flush(self, before: int | None) -> None:
        """Write the measurements of ended seconds.

        Args:
            before: begin of the current second, milliseconds UTC; None writes all.
        """
        try:
            self._take(before)
            # The file has a single highest counted seq, so later logs wait for uncounted ones.
            while self._uncounted:
                if not self._recount(*self._uncounted[0]):
                    return
                self._uncounted.popleft()
                self._take(before)
            self._lost = self._presence.lost()
            if self._lost is not None:
                raise DataFolderError(lost_sentence(self._lost))
            with self._recorder.moving:
                self._file.write(self._recorder.pending, self._heard, self._counted_through)
                self._recorder.pending, self._heard = {}, {}
            now = self._ageing()
            self._file.close_steps(now - SETTLED)
            self._file.prune(now, self._retention)
        except (apsw.Error, DataFolderError) as error:
            if not self._failed:
                logger.error("measurements cannot be written and wait: %s", error)
            self._failed = True
        else:
            self._failed = False

    def _take(self, before: int | None) -> None:
        with self._recorder.moving:
            self._gather(self._recorder.take(before))

    def _gather(self, taken: Mapping[int, Second]) -> None:
        for begin, second in taken.items():
            rows = (((begin, series), each) for series, each in second.summaries.items())
            merge_into(self._recorder.pending, rows)
            for source, times in second.heard.items():
                hear(self._heard, source, *times)
            self._counted_through = max(self._counted_through, second.counted_through)
        for step in (MINUTE, HOUR):
            # Many rows at once are fine, as after a recount, unless they cannot be written.
            if self._failed and len(self._recorder.pending) > MAX_PENDING:
                self._recorder.pending = _coarser(self._recorder.pending, step)


def _coarser(
    rows: Mapping[tuple[int, Series], Summary], step: int
) -> dict[tuple[int, Series], Summary]:
    """Merge rows into steps of a length in milliseconds."""
    joined: dict[tuple[int, Series], Summary] = {}
    merge_into(
        joined, (((begin // step * step, series), each) for (begin, series), each in rows.items())
    )
    return joined
