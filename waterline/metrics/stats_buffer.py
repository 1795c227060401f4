"""Buffer of the logs of some commits, so that they are measured together: by column, in one go."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from waterline.metrics.log_stats import Gathered, LogStats, measure_gathered, record_stats
from waterline.metrics.recorder import MetricsRecorder
from waterline.metrics.spans import SECOND

# Logs that wait, so that measuring them takes less than a millisecond.
MOST_WAITING: Final = 2_000


class StatsBuffer:
    """Holds back what is recorded of new logs, at most until the measurements are read.

    Args:
        recorder: takes the measurements.
    """

    def __init__(self, recorder: MetricsRecorder) -> None:
        self._recorder = recorder
        self._waiting: list[tuple[str, Gathered | LogStats]] = []
        self._logs = 0
        self._at = 0
        recorder.on_read(self.flush)

    def add(self, held: Sequence[tuple[str, Gathered | LogStats]], logs: int, at: int) -> None:
        """Add the logs of a commit, inside `MetricsRecorder.counting`.

        Args:
            held: sources with their logs.
            logs: number of logs.
            at: `received_at` of the logs, milliseconds UTC.
        """
        if at // SECOND != self._at // SECOND:
            self.flush()
        self._at = at
        self._waiting += held
        self._logs += logs
        if self._logs >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Record what waits, inside `MetricsRecorder.counting` or under the recorder's lock."""
        if not self._waiting:
            return
        measured: list[tuple[str, LogStats]] = []
        gathered: defaultdict[str, list[Gathered]] = defaultdict(list)
        for source, stats in self._waiting:
            if isinstance(stats, Gathered):
                gathered[source].append(stats)
            else:
                measured.append((source, stats))
        self._waiting, self._logs = [], 0
        measured += [(source, measure_gathered(each)) for source, each in gathered.items()]
        record_stats(self._recorder, measured, self._at)
