"""Metering: counts and measures what was committed, after its producers have been answered."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from operator import not_

from server.decode import FrameOutcome
from server.submissions import Submission
from server.writer import Commit
from waterline.metrics import registry as metrics
from waterline.metrics.log_stats import LogStats, measure_logs, record_stats
from waterline.metrics.recorder import MetricsRecorder
from waterline.records import Rule, decode_rows

Recount = Callable[[int, int], None]
"""Has the stored logs above one seq and up to another metered before any that come later."""


class Meter:
    """Records commits and rejections; what it counts of logs is exact, over crashes too.

    Args:
        recorder: takes the measurements.
        counted_through: logs up to this seq are counted already.
        recount: for logs that were stored although their commit failed.
    """

    def __init__(self, recorder: MetricsRecorder, counted_through: int, recount: Recount) -> None:
        self._recorder = recorder
        self._counted_through = counted_through
        self._recount = recount

    def committed(self, commit: Commit) -> None:
        """Record a commit: its new logs by type and source, duplicates, refusals, latencies."""
        with_logs = [each for each in commit.submissions if each.decoded.ids]
        stored = [each for each in with_logs if each.stored is not None]
        if len(stored) < len(with_logs):
            self._count_refusals(with_logs)
        if not stored:
            return
        if commit.after > self._counted_through:
            self._recount(self._counted_through, commit.after)
        self._counted_through = commit.last_seq or commit.after
        with self._recorder.counting(self._counted_through, commit.received_at) as second:
            held = [(each.decoded.source, _new_stats(each, commit.received_at)) for each in stored]
            record_stats(self._recorder, held, commit.received_at, second)
            self._count_duplicates(stored, commit.received_at)
            self._measure(stored, commit)

    def rejected(
        self, frames: Sequence[FrameOutcome], source: str, unnamed: Mapping[Rule, int] | None = None
    ) -> None:
        """Count the logs of some frames that were no logs, by the rule that they broke.

        Args:
            frames: each with the faults that are told one by one.
            source: the name of the token they came with.
            unnamed: how many more there were of each rule.
        """
        rules = Counter(error.rule for each in frames for _, error in each.rejected)
        rules.update(unnamed or {})
        for rule, count in rules.items():
            self._count_rejected(count, rule, source)

    def _count_refusals(self, submissions: Sequence[Submission]) -> None:
        for each in submissions:
            if each.refusal is not None:
                self._count_rejected(len(each.decoded.ids), each.refusal, each.decoded.source)

    def _count_rejected(self, count: int, reason: str, source: str) -> None:
        self._recorder.count(
            metrics.LOGS_REJECTED, count, {metrics.REASON: reason, metrics.SOURCE: source}
        )

    def _count_duplicates(self, stored: Sequence[Submission], at: int) -> None:
        for each in stored:
            assert each.stored is not None
            if each.stored.known is not None:
                count, labels = sum(each.stored.known), {metrics.SOURCE: each.decoded.source}
                self._recorder.count(metrics.LOGS_DUPLICATE, count, labels, at=at)

    def _measure(self, stored: Sequence[Submission], commit: Commit) -> None:
        recorder, at, durable = self._recorder, commit.received_at, commit.durable
        latencies = {each.received: 0 for each in stored}
        for each in stored:
            latencies[each.received] += len(each.decoded.ids)
        for received, count in latencies.items():
            recorder.record(metrics.ACK_LATENCY, 1000 * (durable - received), times=count, at=at)
        recorder.record(metrics.COMMIT_DURATION, 1000 * (durable - commit.begun), at=at)
        recorder.record(metrics.COMMIT_LOGS, sum(latencies.values()), at=at)
        recorder.record(metrics.COMMIT_BYTES, sum(each.size for each in stored), at=at)


def _new_stats(submission: Submission, at: int) -> LogStats:
    """Return what is new of a submission; duplicates were counted when they came first."""
    decoded, stored = submission.decoded, submission.stored
    assert stored is not None
    if stored.known is None:
        return decoded.stats
    logs = decode_rows(b"[%b]" % decoded.rows, stored.seqs, at)
    names = {name for content in decoded.stats.values() for name in content.values}
    return measure_logs([*compress(logs, map(not_, stored.known))], [*names])
