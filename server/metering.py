"""Metrics of commits and rejections, recorded after the replies."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from operator import not_

from server.decode.decoded_logs import FrameOutcome
from server.refusals import Refusals
from server.submissions import Submission
from server.writer import Commit
from waterline.metrics import registry as metrics
from waterline.metrics.log_stats import Gathered, LogStats, measure_logs, measured_in
from waterline.metrics.recorder import MetricsRecorder
from waterline.metrics.stats_buffer import StatsBuffer
from waterline.records import Rule, decode_rows

Recount = Callable[[int, int], None]
"""Meter stored rows in `(after, through]` before newer ones."""


class Meter:
    """Records commits and rejections, with exact counts of logs, also over crashes.

    Args:
        recorder: takes the measurements.
        counted_through: highest counted seq.
        recount: called for logs that were stored although their commit failed.
        refusals: takes logs that were not stored.
    """

    def __init__(
        self,
        recorder: MetricsRecorder,
        counted_through: int,
        recount: Recount,
        refusals: Refusals,
    ) -> None:
        self._recorder = recorder
        self._stats = StatsBuffer(recorder)
        self._refusals = refusals
        self._counted_through = counted_through
        self._recount = recount

    def committed(self, commit: Commit) -> None:
        """Record new logs by type and source, duplicates, refusals and latencies of a commit."""
        with_logs = [each for each in commit.submissions if each.decoded.ids]
        stored = [each for each in with_logs if each.stored is not None]
        if len(stored) < len(with_logs):
            self._count_refusals(with_logs)
        if not stored:
            return
        if commit.after > self._counted_through:
            self._recount(self._counted_through, commit.after)
        self._counted_through = commit.last_seq or commit.after
        at = commit.received_at
        logs = sum([len(each.decoded.ids) for each in stored])
        with self._recorder.counting(self._counted_through, at) as second:
            found = [(each.decoded.source, _new_stats(each, at)) for each in stored]
            held = [each for each in found if each[1]]
            for source in {source for source, _ in held}:
                second.hear(source, at, at)
            self._stats.add(held, logs, at)
            self._count_duplicates(stored, at)
            self._measure(stored, commit, logs)

    def rejected(
        self, frames: Sequence[FrameOutcome], source: str, unnamed: Mapping[Rule, int] | None = None
    ) -> None:
        """Count the rejected logs of some frames by broken rule.

        Args:
            frames: outcomes, with the faults that are told one by one.
            source: the name of the token.
            unnamed: number of further rejected logs by rule.
        """
        rules = Counter(error.rule for each in frames for _, error in each.rejected)
        rules.update(unnamed or {})
        for rule, count in rules.items():
            self._refusals.logs(count, rule, source)

    def _count_refusals(self, submissions: Sequence[Submission]) -> None:
        for each in submissions:
            if each.refusal is not None:
                self._refusals.logs(len(each.decoded.ids), each.refusal, each.decoded.source)

    def _count_duplicates(self, stored: Sequence[Submission], at: int) -> None:
        for each in stored:
            assert each.stored is not None
            if each.stored.known is not None:
                count, labels = sum(each.stored.known), {metrics.SOURCE: each.decoded.source}
                self._recorder.count(metrics.LOGS_DUPLICATE, count, labels, at=at)

    def _measure(self, stored: Sequence[Submission], commit: Commit, logs: int) -> None:
        recorder, at, durable = self._recorder, commit.received_at, commit.durable
        if logs == len(stored) > 1:  # a log each
            waited = [1000 * (durable - each.received) for each in stored]
            recorder.record_many(metrics.ACK_LATENCY, waited, at=at)
        else:
            for each in stored:
                waited_ms, count = 1000 * (durable - each.received), len(each.decoded.ids)
                recorder.record(metrics.ACK_LATENCY, waited_ms, times=count, at=at)
        recorder.record(metrics.COMMIT_DURATION, 1000 * (durable - commit.begun), at=at)
        recorder.record(metrics.COMMIT_LOGS, logs, at=at)
        size = sum([each.size for each in stored])
        recorder.record(metrics.COMMIT_BYTES, size, at=at)


def _new_stats(submission: Submission, at: int) -> Gathered | LogStats:
    """Return what is measured of the new logs of a submission, without duplicates."""
    decoded, stored = submission.decoded, submission.stored
    assert stored is not None
    if stored.known is None:
        return decoded.stats
    logs = decode_rows(b"[%b]" % decoded.rows, stored.seqs, at)
    return measure_logs([*compress(logs, map(not_, stored.known))], measured_in(decoded.stats))
