"""MetricsRecorder: takes measurements from any thread, keeps sums and sketches of them."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from waterline.clock import now_ms
from waterline.metrics.spans import SECOND
from waterline.metrics.summary import Packed, Summary, merge_into

# A log's type becomes a label; a producer that invents types must not fill the memory.
MAX_LABELS: Final = 100
OTHER: Final = "other"

Metadata = Mapping[str, str]
"""By what a measurement is told apart: dimension to label, such as `{"type": "error"}`."""


class Series(NamedTuple):
    """One metric and label; dimension and label are empty where a metric has none."""

    metric: str
    dimension: str
    label: str


Heard = dict[str, tuple[int, int]]
"""When logs of each source were first and last received, in milliseconds UTC."""


def hear(heard: Heard, source: str, first: int, last: int) -> None:
    """Note that logs of a source were received between two times, both included."""
    known = heard.get(source, (first, last))
    heard[source] = (min(known[0], first), max(known[1], last))


@dataclass(slots=True)
class Second:
    """What was measured in one second."""

    summaries: dict[Series, Summary] = field(default_factory=dict)
    counted_through: int = 0
    """The highest seq of the logs that are counted here; 0 where there are none."""
    heard: Heard = field(default_factory=dict)

    def hear(self, source: str, first: int, last: int) -> None:
        """Note that logs of a source were received between two times, both included."""
        hear(self.heard, source, first, last)


class History(Protocol):
    """What was measured earlier and is in metrics.db."""

    def summaries(self, since: int, until: int) -> dict[str, Summary]:
        """Return each metric between two times, `until` excluded, over all its labels."""


Figures = dict[str, float | None]


class MetricsRecorder:
    """Records measurements; what came since the last `take` is kept apart for the rollups.

    What is told apart by a dimension, such as the type of a log, is recorded with all of its
    labels, so that any one dimension of a metric holds all of it. There are at most MAX_LABELS
    labels in a dimension, and `other`.

    Args:
        clock: returns milliseconds UTC.

    Attributes:
        history: where `report` finds what was taken already; None where that is nowhere.
        moving: held while measurements move into metrics.db, so that a report has each once.
        pending: what was taken and is not in metrics.db yet, by the begin of its second.
    """

    def __init__(self, clock: Callable[[], int] = now_ms) -> None:
        self.history: History | None = None
        self.moving = threading.RLock()
        self.pending: dict[tuple[int, Series], Summary] = {}
        self._clock = clock
        self._taking = threading.Lock()
        self._lock = threading.RLock()
        self._fresh: dict[int, Second] = {}
        self._taken: dict[Series, Summary] = {}
        self._labels: dict[tuple[str, str], set[str]] = {}

    def record(
        self,
        name: str,
        value: float,
        metadata: Metadata | None = None,
        *,
        times: int = 1,
        at: int | None = None,
    ) -> None:
        """Take one measurement, or several of the same value; none is fine.

        Args:
            name: the metric.
            value: a finite number, in the metric's unit.
            metadata: by what it is told apart.
            times: how often it was seen.
            at: when, in milliseconds UTC; now unless given.
        """
        if times:
            with self._lock:
                for summary in self._summaries(name, metadata, at):
                    summary.add(value, times)

    def record_many(
        self,
        name: str,
        values: Sequence[float],
        metadata: Metadata | None = None,
        *,
        at: int | None = None,
    ) -> None:
        """Take many measurements at once, each finite; none is fine. See `record`."""
        if values:
            self.record_packed(name, [Packed.of(values)], metadata, at=at)

    def record_packed(
        self,
        name: str,
        values: Sequence[Packed],
        metadata: Metadata | None = None,
        *,
        at: int | None = None,
    ) -> None:
        """Take measurements that were packed, at least one. See `record`."""
        with self._lock:
            for summary in self._summaries(name, metadata, at):
                summary.add_packed(values)

    def count(
        self,
        name: str,
        events: int,
        metadata: Metadata | None = None,
        *,
        amount: float | None = None,
        at: int | None = None,
    ) -> None:
        """Count events, and what they amount to where that is another number; none is fine."""
        if events:
            with self._lock:
                for summary in self._summaries(name, metadata, at):
                    summary.add_count(events, events if amount is None else amount)

    @contextmanager
    def counting(self, through: int, at: int) -> Iterator[Second]:
        """Count logs up to a seq, received `at`: all that is recorded inside is taken together.

        Nothing is taken of it before the end, so that whoever takes it knows which logs it counts.
        """
        with self._lock:
            second = self._second(at)
            yield second
            second.counted_through = through

    def add(self, seconds: Mapping[int, Second]) -> None:
        """Take in what another recorder has given away."""
        with self._lock:
            for begin, other in seconds.items():
                for series, summary in other.summaries.items():
                    labels = {series.dimension: series.label}
                    for mine in self._summaries(series.metric, labels, begin):
                        mine.merge(summary)
                second = self._second(begin)
                second.counted_through = max(second.counted_through, other.counted_through)
                for source, (first, last) in other.heard.items():
                    second.hear(source, first, last)

    def take(self, before: int | None = None) -> dict[int, Second]:
        """Return what was measured but in one second, all unless given, by second; begin anew.

        Args:
            before: milliseconds UTC, the begin of the second that goes on.
        """
        with self._taking:
            with self._lock:
                # What lies ahead came by a clock that is ahead, and would wait for it in memory.
                ended = [begin for begin in self._fresh if begin != before]
                taken = {begin: self._fresh.pop(begin) for begin in sorted(ended)}
            # Merging takes milliseconds, for which nobody who records must wait.
            for second in taken.values():
                merge_into(self._taken, second.summaries.items())
            return taken

    def average(self, name: str) -> float | None:
        """Return the mean of a metric since the start; None where empty."""
        return self._total(name).average

    def percentile(self, name: str, q: float) -> float | None:
        """Return a percentile (0 to 100) of a metric since the start; None where empty."""
        return self._total(name).quantile(q / 100)

    def names(self) -> list[str]:
        """Return the names of all metrics that were recorded since the start, in order."""
        with self._lock:
            return sorted({name for name, _ in self._labels})

    def report(self, since: int, until: int) -> dict[str, object]:
        """Report a range of time, `until` excluded; both are milliseconds UTC.

        Returns:
            `metrics` has for each metric average, p50, p95, p99, min, max (None for what is only
            counted), count and sum, over what metrics.db holds and what is not there yet;
            `historical` has a list of `metric_name`, `avg` and `count`, of metrics.db alone.
        """
        with self.moving:
            found = {} if self.history is None else self.history.summaries(since, until)
            unwritten = self._unwritten(since, until)
        historical = [
            {"metric_name": name, "avg": found[name].average, "count": found[name].count}
            for name in sorted(found)
        ]
        for name in {series.metric for series in unwritten}:
            found.setdefault(name, Summary()).merge(_total_of(name, unwritten))
        return {
            "metrics": {name: figures(found[name]) for name in sorted(found)},
            "historical": historical,
        }

    def totals(self) -> dict[Series, Summary]:
        """Return all that was recorded since the start; nothing of it changes later."""
        with self._taking, self._lock:
            totals: dict[Series, Summary] = {}
            for each in [self._taken, *(second.summaries for second in self._fresh.values())]:
                merge_into(totals, each.items())
            return totals

    def counts(self, name: str, dimension: str) -> dict[str, int]:
        """Return how often a metric was recorded since the start, by label."""
        return {
            series.label: summary.count
            for series, summary in self.totals().items()
            if (series.metric, series.dimension) == (name, dimension)
        }

    def _unwritten(self, since: int, until: int) -> dict[Series, Summary]:
        """Return what is not in metrics.db of a range of time."""
        totals: dict[Series, Summary] = {}
        pending = self.pending.items()
        merge_into(
            totals, ((series, each) for (begin, series), each in pending if since <= begin < until)
        )
        with self._lock:
            for begin, second in self._fresh.items():
                if since <= begin < until:
                    merge_into(totals, second.summaries.items())
        return totals

    def _total(self, name: str) -> Summary:
        return _total_of(name, self.totals())

    def _second(self, at: int | None) -> Second:
        begin = (self._clock() if at is None else at) // SECOND * SECOND
        second = self._fresh.get(begin)
        if second is None:
            second = self._fresh[begin] = Second()
        return second

    def _summaries(self, name: str, metadata: Metadata | None, at: int | None) -> list[Summary]:
        second = self._second(at)
        found = []
        for dimension, label in (metadata or _NO_METADATA).items():
            series = Series(name, dimension, label)
            summary = second.summaries.get(series)
            if summary is None:  # it is the first of this second, or of a label too many
                series = self._bounded(series)
                summary = second.summaries.setdefault(series, Summary())
            found.append(summary)
        return found

    def _bounded(self, series: Series) -> Series:
        labels = self._labels.setdefault((series.metric, series.dimension), set())
        if series.label not in labels:
            if len(labels) >= MAX_LABELS:
                series = series._replace(label=OTHER)
            labels.add(series.label)
        return series


_NO_METADATA: Final[Metadata] = {"": ""}


def figures(summary: Summary) -> Figures:
    """Return the figures of a report; percentiles are None for what is only counted."""
    return {
        "average": summary.average,
        "p50": summary.quantile(0.50),
        "p95": summary.quantile(0.95),
        "p99": summary.quantile(0.99),
        "min": summary.min,
        "max": summary.max,
        "count": summary.count,
        "sum": summary.sum,
    }


def _total_of(name: str, summaries: Mapping[Series, Summary]) -> Summary:
    """Return all of a metric: what one of its dimensions holds."""
    total = Summary()
    found = [series for series in summaries if series.metric == name]
    dimension = max((series.dimension for series in found), default="")
    for series in found:
        if series.dimension == dimension:
            total.merge(summaries[series])
    return total
