"""Exposition of all measurements since the start, as metric families of Prometheus.

Times are seconds, and names end in their unit. A metric with two dimensions becomes two families,
so that the sum over each is complete.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.exposition import choose_encoder

from server.monitoring.overview import State
from server.monitoring.text_format import Buckets, TextWriter
from server.submissions import Refusal
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.refusals import NO_LOG, NO_SOURCE, BodyFault, Cause, Drop
from waterline.metrics.registry import Kind, Unit
from waterline.metrics.summary import Summary
from waterline.records import Rule

PREFIX: Final = "waterline_"

_Summaries = Mapping[Series, Summary]


def _steps(first: int, last: int) -> tuple[float, ...]:
    """Return 1, 2 and 5 times the powers of ten from first to last."""
    steps = [float(f"{digit}e{power}") for power in range(first, last) for digit in "125"]
    return (*steps, float(f"1e{last}"))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Histogram of a metric.

    Attributes:
        name: name without the prefix.
        unit: the unit.
        bounds: upper bounds of the buckets, in the unit.
        scale: recorded values in one unit.
    """

    name: str
    unit: str
    bounds: tuple[float, ...]
    scale: float = 1.0


COUNTERS: Final[Mapping[tuple[str, str], str]] = {
    (metrics.LOGS_STORED, metrics.TYPE): "logs_stored",
    (metrics.LOGS_STORED, metrics.SOURCE): "source_logs_stored",
    (metrics.BYTES_RECEIVED, metrics.TYPE): "received_bytes",
    (metrics.BYTES_RECEIVED, metrics.SOURCE): "source_received_bytes",
    (metrics.LOGS_REJECTED, metrics.REASON): "logs_rejected",
    (metrics.LOGS_REJECTED, metrics.SOURCE): "source_logs_rejected",
    (metrics.LOGS_REJECTED, metrics.CAUSE): "cause_logs_rejected",
    (metrics.BODIES_REFUSED, metrics.REASON): "bodies_refused",
    (metrics.BODIES_REFUSED, metrics.SOURCE): "source_bodies_refused",
    (metrics.BODIES_REFUSED, metrics.CAUSE): "cause_bodies_refused",
    (metrics.LOGS_DUPLICATE, metrics.SOURCE): "source_logs_duplicate",
    (metrics.LIVE_SKIPPED, metrics.REASON): "live_logs_skipped",
    (metrics.ARCHIVE_RUNS, metrics.OUTCOME): "archive_runs",
}
"""Names by metric and dimension, without the suffix `_total`."""

REASONS: Final[Mapping[str, Sequence[str]]] = {
    metrics.LOGS_REJECTED: (*Rule, NO_LOG, *Refusal, *Drop),
    metrics.BODIES_REFUSED: (*BodyFault,),
}
"""All reasons by metric."""

# From 0.5 ms, the time of a fast fsync, to 10 s.
_SECONDS: Final = _steps(-4, 1)[2:]
HISTOGRAMS: Final[Mapping[str, Histogram]] = {
    metrics.ACK_LATENCY: Histogram("ack_latency_seconds", "seconds", _SECONDS, 1000),
    metrics.COMMIT_DURATION: Histogram("commit_duration_seconds", "seconds", _SECONDS, 1000),
    metrics.COMMIT_LOGS: Histogram("commit_logs", "", _steps(0, 5)),
    metrics.COMMIT_BYTES: Histogram(
        "commit_size_bytes", "bytes", tuple(float(4**power) for power in range(4, 14))
    ),
    metrics.ARCHIVE_DURATION: Histogram("archive_duration_seconds", "seconds", _steps(-1, 4), 1000),
}
# The unit of an attribute is unknown; milliseconds and sizes fit.
ATTRIBUTE: Final = Histogram("attribute", "", _steps(-1, 6))


@dataclass(frozen=True, slots=True)
class Format:
    """Text format of a scrape."""

    is_open: bool
    """Whether it is OpenMetrics."""
    content_type: str


@dataclass(frozen=True, slots=True)
class _Scrape:
    """Scrape of a moment, written family by family, in a fixed order, empty ones included."""

    totals: _Summaries
    state: State
    writer: TextWriter

    def write(self) -> bytes:
        self._counters()
        self._histograms()
        self._attributes()
        self._gauges()
        return self.writer.content()

    def _counters(self) -> None:
        by_family: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for series, summary in self.totals.items():
            by_family[series.metric, series.dimension][series.label] = summary.sum
        for (name, dimension), shown in COUNTERS.items():
            metric = metrics.BY_NAME[name]
            sums = dict.fromkeys(self._known_labels(metric, dimension), 0.0)
            sums |= by_family[name, dimension]
            unit = "bytes" if metric.unit is Unit.BYTES else ""
            names = _label_names(metric, dimension)
            samples = [
                (_label_values(label, dimension)[: len(names)], total)
                for label, total in sorted(sums.items())
            ]
            self.writer.counter(PREFIX + shown, _help(metric, dimension), unit, names, samples)

    def _known_labels(self, metric: metrics.Metric, dimension: str) -> Sequence[str]:
        """Return the labels to expose at 0 from the start.

        Prometheus sees no increase in a series that begins with its first event.
        """
        if dimension == metrics.REASON and metric.name in REASONS:
            return REASONS[metric.name]
        if dimension == metrics.SOURCE:
            found = (each.label for each in self.totals if each.dimension == metrics.SOURCE)
            return [label for label in found if label != NO_SOURCE]
        return metric.labels

    def _histograms(self) -> None:
        for name, histogram in HISTOGRAMS.items():
            summary = self.totals.get(Series(name, "", ""), Summary())
            self.writer.histogram(
                PREFIX + histogram.name,
                _help(metrics.BY_NAME[name]),
                histogram.unit,
                (),
                histogram.bounds,
                [((), _in_buckets(summary, histogram))],
            )

    def _attributes(self) -> None:
        self.writer.histogram(
            PREFIX + ATTRIBUTE.name,
            "numeric attributes of logs that the setting measured_attributes names",
            "",
            ["attribute", metrics.TYPE],
            ATTRIBUTE.bounds,
            [
                ((series.metric, series.label), _in_buckets(summary, ATTRIBUTE))
                for series, summary in sorted(self.totals.items(), key=lambda item: item[0])
                if series.metric not in metrics.BY_NAME
            ],
        )

    def _gauges(self) -> None:
        state = self.state
        for metric in metrics.OWN:
            if metric.kind is Kind.LEVEL:
                unit = "bytes" if metric.unit is Unit.BYTES else ""
                self._gauge(level_name(metric), _help(metric), state.levels.get(metric.name), unit)
        about = "versions of the server and of what it runs on"
        self.writer.info(PREFIX + "build", about, state.versions)
        started = "when the server started, since 1970 UTC"
        self._gauge("start_time_seconds", started, state.started, "seconds")
        self._gauge("last_seq", "the seq of the log that was stored last", state.last_seq)
        self._gauge("healthy", "1 when /health says healthy, else 0", int(state.is_healthy))
        alerts = [((name,), level) for name, level in state.alerts.items()]
        firing = "1 when the alert fires, else 0"
        self.writer.gauge(PREFIX + "alert_firing", firing, "", ["alert"], alerts)

    def _gauge(self, name: str, about: str, value: float | None, unit: str = "") -> None:
        samples = [] if value is None else [((), value)]
        self.writer.gauge(PREFIX + name, about, unit, (), samples)


def format_for(accept: str) -> Format:
    """Return the text format for an Accept header; for an invalid one, that of Prometheus."""
    try:
        _, content_type = choose_encoder(accept)
    except TypeError:  # prometheus_client compares a version that is no number
        _, content_type = choose_encoder("")
    return Format(content_type.startswith("application/openmetrics-text"), content_type)


def expose(recorder: MetricsRecorder, state: State, text_format: Format) -> bytes:
    """Return a scrape as text, in a millisecond.

    Args:
        recorder: the measurements.
        state: the gauges.
        text_format: the format.
    """
    return _Scrape(recorder.totals(), state, TextWriter(is_open=text_format.is_open)).write()


def level_name(metric: metrics.Metric) -> str:
    """Return the name of a gauge without the prefix, ending in its unit."""
    is_named = metric.unit is not Unit.BYTES or metric.name.endswith("_bytes")
    return metric.name if is_named else f"{metric.name}_bytes"


def _help(metric: metrics.Metric, dimension: str = "") -> str:
    return f"{metric.about}, by {dimension}" if dimension else metric.about


def _label_names(metric: metrics.Metric, dimension: str) -> Sequence[str]:
    """Return the names of labels; a cause has one for each of its parts."""
    if dimension != metrics.CAUSE:
        return [dimension]
    names = [metrics.REASON, metrics.SOURCE]
    return [*names, "endpoint"] if metric.name == metrics.BODIES_REFUSED else names


def _label_values(label: str, dimension: str) -> Sequence[str]:
    return Cause.of(label) if dimension == metrics.CAUSE else (label,)


def _in_buckets(summary: Summary, histogram: Histogram) -> Buckets:
    bounds = [bound * histogram.scale for bound in histogram.bounds]
    counts = [0] * len(bounds)
    if summary.sketch is not None:
        counts = summary.sketch.counts_up_to(bounds)
    falls = summary.min is not None and summary.min < 0
    return Buckets(counts, summary.count, None if falls else summary.sum / histogram.scale)
