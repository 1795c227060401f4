"""Rollups: once a second, what was measured goes into metrics.db, from a thread of its own."""

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

# Rows that wait while metrics.db cannot be written, some MB; beyond that seconds become minutes,
# and then hours: fewer rows, and nothing is lost.
MAX_PENDING: Final = 10_000
# A minute is written when it is over for so long: what comes later costs one more write.
SETTLED: Final = 2 * SECOND

Recount = Callable[[int, int], bool]
"""Records in the recorder the logs above one seq and up to another; says whether it did."""


def _none_left(_after: int, _through: int) -> bool:
    """Where all logs are counted as they come."""
    return True


class RollupThread:
    """Writes a recorder's measurements to metrics.db from a thread of its own.

    Args:
        file: metrics.db, open for writing; it is closed at the end.
        recorder: where the measurements come from.
        retention: how long rows are kept.
        recount: called in the thread, for what is to be counted again.
        clock: returns milliseconds UTC.
        ageing: the same, by which minutes and hours end and rows are pruned: a clock that jumped
            must not end or remove any.
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
        """Begin to write each second."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and close; may be called twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._file.close()

    def recount(self, after: int, through: int) -> None:
        """Have stored logs recorded, from any thread: before any later log is counted.

        Args:
            after: the seq to begin behind.
            through: the last seq.
        """
        self._uncounted.append((after, through))

    @property
    def failed(self) -> bool:
        """Whether the last write failed; measurements wait for the next."""
        return self._failed

    @property
    def lost(self) -> Path | None:
        """The file that was deleted or replaced, which is why nothing is written."""
        return self._lost

    @property
    def wal_size(self) -> int:
        """Bytes of the write-ahead log of metrics.db when last written."""
        return self._presence.wal_size

    @property
    def counted_through(self) -> int:
        """Logs up to this seq are counted in metrics.db."""
        return self._file.counted_through

    def _run(self) -> None:
        while not self._stopping.wait(1 - (self._clock() % SECOND) / SECOND):
            self._flush(self._clock() // SECOND * SECOND)
        self._flush(None)

    def _flush(self, before: int | None) -> None:
        """Write what was measured before the begin of a second, all where that is None."""
        try:
            self._take(before)
            # Until what was left uncounted is recorded, later logs must wait: the file holds one
            # number for how far logs are counted.
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
            # Many at once are well, such as what is counted again; many that cannot go are not.
            if self._failed and len(self._recorder.pending) > MAX_PENDING:
                self._recorder.pending = _coarser(self._recorder.pending, step)


def _coarser(
    rows: Mapping[tuple[int, Series], Summary], step: int
) -> dict[tuple[int, Series], Summary]:
    """Join the rows of each minute or hour into that of its first second."""
    joined: dict[tuple[int, Series], Summary] = {}
    merge_into(
        joined, (((begin // step * step, series), each) for (begin, series), each in rows.items())
    )
    return joined
