"""Exposition of all measurements since the start, as metric families of Prometheus.

Times are seconds, and names end in their unit. A metric with two dimensions becomes two families,
so that the sum over each is complete.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from server.monitoring.overview import State
from server.submissions import Refusal
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.refusals import NO_LOG, NO_SOURCE, BodyFault, Cause, Drop
from waterline.metrics.registry import Kind, Unit
from waterline.metrics.summary import Summary
from waterline.records import Rule

PREFIX: Final = "waterline_"

_Encoder = Callable[["Scrape"], bytes]
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
class Scrape:
    """Scrape, as a collector for the encoders of prometheus_client."""

    totals: _Summaries
    state: State

    def collect(self) -> Iterator[Metric]:
        """Yield all families in a fixed order, empty ones included."""
        yield from self._counters()
        yield from self._histograms()
        yield self._attributes()
        yield from self._gauges()

    def _counters(self) -> Iterator[Metric]:
        for (name, dimension), shown in COUNTERS.items():
            metric = metrics.BY_NAME[name]
            sums = dict.fromkeys(self._known_labels(metric, dimension), 0.0)
            sums |= {
                series.label: summary.sum
                for series, summary in self.totals.items()
                if (series.metric, series.dimension) == (name, dimension)
            }
            unit = "bytes" if metric.unit is Unit.BYTES else ""
            names = _label_names(metric, dimension)
            family = CounterMetricFamily(
                PREFIX + shown, _help(metric, dimension), labels=names, unit=unit
            )
            for label, total in sorted(sums.items()):
                parts = Cause.of(label) if dimension == metrics.CAUSE else (label,)
                family.add_metric(parts[: len(names)], total)
            yield family

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

    def _histograms(self) -> Iterator[Metric]:
        for name, histogram in HISTOGRAMS.items():
            summary = self.totals.get(Series(name, "", ""), Summary())
            family = HistogramMetricFamily(
                PREFIX + histogram.name,
                _help(metrics.BY_NAME[name]),
                labels=(),
                unit=histogram.unit,
            )
            _fill(family, (), summary, histogram)
            yield family

    def _attributes(self) -> Metric:
        family = HistogramMetricFamily(
            PREFIX + ATTRIBUTE.name,
            "numeric attributes of logs that the setting measured_attributes names",
            labels=["attribute", metrics.TYPE],
        )
        for series, summary in sorted(self.totals.items(), key=lambda item: item[0]):
            if series.metric not in metrics.BY_NAME:
                _fill(family, (series.metric, series.label), summary, ATTRIBUTE)
        return family

    def _gauges(self) -> Iterator[Metric]:
        state = self.state
        for metric in metrics.OWN:
            if metric.kind is Kind.LEVEL:
                yield GaugeMetricFamily(
                    PREFIX + level_name(metric),
                    _help(metric),
                    value=state.levels.get(metric.name),
                    unit="bytes" if metric.unit is Unit.BYTES else "",
                )
        about = "versions of the server and of what it runs on"
        yield InfoMetricFamily(PREFIX + "build", about, state.versions)
        yield GaugeMetricFamily(
            PREFIX + "start_time_seconds",
            "when the server started, since 1970 UTC",
            state.started,
            unit="seconds",
        )
        yield GaugeMetricFamily(
            PREFIX + "last_seq", "the seq of the log that was stored last", state.last_seq
        )
        yield GaugeMetricFamily(
            PREFIX + "healthy", "1 when /health says healthy, else 0", int(state.is_healthy)
        )
        alerts = GaugeMetricFamily(
            PREFIX + "alert_firing", "1 when the alert fires, else 0", labels=["alert"]
        )
        for name, level in state.alerts.items():
            alerts.add_metric([name], level)
        yield alerts


def encoder(accept: str) -> tuple[_Encoder, str]:
    """Return encoder and content type for an Accept header.

    An invalid header gets plain Prometheus text.
    """
    try:
        return choose_encoder(accept)
    except TypeError:  # prometheus_client compares a version that is no number
        return choose_encoder("")


def expose(recorder: MetricsRecorder, state: State, encode: _Encoder) -> bytes:
    """Return a scrape as text, in a few milliseconds.

    Args:
        recorder: the measurements.
        state: the gauges.
        encode: the encoder.
    """
    return encode(Scrape(recorder.totals(), state))


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


def _fill(
    family: HistogramMetricFamily, labels: Sequence[str], summary: Summary, histogram: Histogram
) -> None:
    bounds = [bound * histogram.scale for bound in histogram.bounds]
    counts = [0] * len(bounds)
    if summary.sketch is not None:
        counts = [*summary.sketch.counts_up_to(bounds)]
    names = map(floatToGoString, histogram.bounds)
    buckets = [*zip(names, counts, strict=True), ("+Inf", summary.count)]
    # OpenMetrics forbids a sum that can fall.
    falls = summary.min is not None and summary.min < 0
    family.add_metric(labels, buckets, None if falls else summary.sum / histogram.scale)
