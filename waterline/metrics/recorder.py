"""Recorder of measurements from any thread, as sums and sketches by series and second."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from waterline.clock import now_ms
from waterline.metrics.registry import LOGS_STORED, SOURCE
from waterline.metrics.spans import SECOND
from waterline.metrics.summary import Packed, Summary, merge_into

# Log types become labels, and a producer that invents types must not fill the memory.
MAX_LABELS: Final = 100
OTHER: Final = "other"

Metadata = Mapping[str, str]
"""Labels by dimension, such as `{"type": "error"}`."""


class Series(NamedTuple):
    """Metric, dimension and label; the latter two are empty for a metric without any."""

    metric: str
    dimension: str
    label: str


Heard = dict[str, tuple[int, int]]
"""First and last `received_at` by source, milliseconds UTC."""


def hear(heard: Heard, source: str, first: int, last: int) -> None:
    """Widen the times of a source.

    Args:
        heard: the times by source; changed.
        source: the source.
        first: first `received_at`, milliseconds UTC.
        last: last `received_at`, milliseconds UTC.
    """
    known = heard.get(source, (first, last))
    heard[source] = (min(known[0], first), max(known[1], last))


@dataclass(slots=True)
class Second:
    """Measurements of one second."""

    summaries: dict[Series, Summary] = field(default_factory=dict)
    counted_through: int = 0
    """Highest seq of the logs counted here; 0 without logs."""
    heard: Heard = field(default_factory=dict)

    def hear(self, source: str, first: int, last: int) -> None:
        """Widen the times of a source; see the function `hear`.

        Args:
            source: the name of a token.
            first: earliest time that it was heard, milliseconds UTC.
            last: latest time.
        """
        hear(self.heard, source, first, last)


class History(Protocol):
    """Reader of earlier measurements in metrics.db."""

    def summaries(self, since: int, until: int) -> dict[str, Summary]:
        """Return a summary of each metric in `[since, until)`, over all labels."""

    def sums(self, name: str, dimension: str, since: int, until: int) -> dict[str, float]:
        """Return the sum of a metric in `[since, until)` by label.

        Args:
            name: the metric.
            dimension: one of its dimensions.
            since: milliseconds UTC.
            until: milliseconds UTC, exclusive.
        """


Figures = dict[str, float | None]


class MetricsRecorder:
    """Records measurements, and hands those since the last `take` to the rollups.

    A metric with several dimensions is recorded once in each, so any one dimension holds all of it.
    A dimension has at most MAX_LABELS labels, and `other`.

    Args:
        clock: returns milliseconds UTC.

    Attributes:
        history: source of earlier measurements for `report`; None without one.
        moving: lock held while measurements move into metrics.db, so that a report has each once.
        pending: measurements taken but not in metrics.db yet, by begin of second and series.
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
        self._before_reads: list[Callable[[], None]] = []

    def on_read(self, settle: Callable[[], None]) -> None:
        """Have a function record what it holds back, under the lock, before each read."""
        self._before_reads.append(settle)

    def record(
        self,
        name: str,
        value: float,
        metadata: Metadata | None = None,
        *,
        times: int = 1,
        at: int | None = None,
    ) -> None:
        """Record a value, once or several times.

        Args:
            name: the metric.
            value: a finite number, in the unit of the metric.
            metadata: labels by dimension.
            times: number of occurrences; 0 records nothing.
            at: milliseconds UTC; default now.
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
        """Record several finite values; see `record`.

        Args:
            name: the metric.
            values: finite numbers, in the unit of the metric; none records nothing.
            metadata: labels by dimension.
            at: milliseconds UTC; default now.
        """
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
        """Record packed values; see `record`.

        Args:
            name: the metric.
            values: at least one.
            metadata: labels by dimension.
            at: milliseconds UTC; default now.
        """
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
        """Count events.

        Args:
            name: the metric.
            events: number of events; 0 records nothing.
            metadata: labels by dimension.
            amount: sum over the events, such as bytes; default their number.
            at: milliseconds UTC; default now.
        """
        if events:
            with self._lock:
                for summary in self._summaries(name, metadata, at):
                    summary.add_count(events, events if amount is None else amount)

    @contextmanager
    def counting(self, through: int, at: int) -> Iterator[Second]:
        """Count logs up to a seq; all records inside the block are taken together.

        Nothing is taken before the end of the block, so `take` knows which logs are counted.

        Args:
            through: the highest counted seq.
            at: `received_at` of the logs, milliseconds UTC.
        """
        with self._lock:
            second = self._second(at)
            yield second
            second.counted_through = through

    def add(self, seconds: Mapping[int, Second]) -> None:
        """Add the seconds that another recorder gave away."""
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
        """Return and clear the measurements of all ended seconds, by begin of second.

        Args:
            before: begin of the current second, milliseconds UTC; None takes all.
        """
        with self._taking:
            with self._settled():
                # Later seconds came by a clock that was ahead, and would wait long in memory.
                ended = [begin for begin in self._fresh if begin != before]
                taken = {begin: self._fresh.pop(begin) for begin in sorted(ended)}
            # Outside of the lock: merging takes milliseconds, for which no recorder should wait.
            for second in taken.values():
                merge_into(self._taken, second.summaries.items())
            return taken

    def average(self, name: str) -> float | None:
        """Return the mean of a metric since the start; None without values."""
        return self._total(name).average

    def percentile(self, name: str, q: float) -> float | None:
        """Return a percentile (0 to 100) of a metric since the start; None without values."""
        return self._total(name).quantile(q / 100)

    def names(self) -> list[str]:
        """Return the sorted names of all metrics recorded since the start."""
        with self._settled():
            return sorted({name for name, _ in self._labels})

    def report(self, since: int, until: int, *, by_source: bool = False) -> dict[str, object]:
        """Report `[since, until)`.

        Args:
            since: milliseconds UTC.
            until: milliseconds UTC, exclusive.
            by_source: whether to tell the logs of each source, too.

        Returns:
            `metrics` has average, p50, p95, p99, min, max, count and sum of each metric, over
            metrics.db and newer measurements; percentiles, min and max of counts are None.
            `historical` is a list of `metric_name`, `avg` and `count`, of metrics.db alone.
            `sources` has the number of logs that were stored by source, if that is asked for.
        """
        sources: dict[str, float] = {}
        with self.moving:
            if by_source and self.history is not None:
                sources = self.history.sums(LOGS_STORED, SOURCE, since, until)
            found = {} if self.history is None else self.history.summaries(since, until)
            unwritten = self._unwritten(since, until)
        historical = [
            {"metric_name": name, "avg": found[name].average, "count": found[name].count}
            for name in sorted(found)
        ]
        for name in {series.metric for series in unwritten}:
            found.setdefault(name, Summary()).merge(_total_of(name, unwritten))
        report: dict[str, object] = {
            "metrics": {name: figures(found[name]) for name in sorted(found)},
            "historical": historical,
        }
        if by_source:
            for series, summary in unwritten.items():
                if (series.metric, series.dimension) == (LOGS_STORED, SOURCE):
                    sources[series.label] = sources.get(series.label, 0.0) + summary.sum
            report["sources"] = dict(sorted(sources.items()))
        return report

    def totals(self) -> dict[Series, Summary]:
        """Return a copy of all summaries since the start, by series."""
        with self._taking, self._settled():
            totals: dict[Series, Summary] = {}
            for each in [self._taken, *(second.summaries for second in self._fresh.values())]:
                merge_into(totals, each.items())
            return totals

    def counts(self, name: str, dimension: str) -> dict[str, int]:
        """Return the number of records of a metric since the start, by label."""
        return {
            series.label: summary.count
            for series, summary in self.totals().items()
            if (series.metric, series.dimension) == (name, dimension)
        }

    def _unwritten(self, since: int, until: int) -> dict[Series, Summary]:
        """Return the measurements in `[since, until)` that are not in metrics.db."""
        totals: dict[Series, Summary] = {}
        pending = self.pending.items()
        merge_into(
            totals, ((series, each) for (begin, series), each in pending if since <= begin < until)
        )
        with self._settled():
            for begin, second in self._fresh.items():
                if since <= begin < until:
                    merge_into(totals, second.summaries.items())
        return totals

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Hold the lock, with all recorded that was held back."""
        with self._lock:
            for settle in self._before_reads:
                settle()
            yield

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
            if summary is None:  # first in this second, or a label too many
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
    """Return the figures of a report; percentiles of counts are None."""
    p50, p95, p99 = summary.quantiles(0.50, 0.95, 0.99)
    return {
        "average": summary.average,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "min": summary.min,
        "max": summary.max,
        "count": summary.count,
        "sum": summary.sum,
    }


def _total_of(name: str, summaries: Mapping[Series, Summary]) -> Summary:
    """Return the sum of a metric over the labels of one dimension."""
    total = Summary()
    found = [series for series in summaries if series.metric == name]
    dimension = max((series.dimension for series in found), default="")
    for series in found:
        if series.dimension == dimension:
            total.merge(summaries[series])
    return total
