"""GET /metrics for Prometheus and OpenMetrics: it parses, and it tells what was done."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

from server.monitoring.exposition import COUNTERS, HISTOGRAMS, expose, format_for
from server.monitoring.overview import State
from tests.support.pages import ask
from tests.support.processes import ServerProcess, serving
from tests.support.sockets import connected, log, receive, receive_many
from tests.support.waiting import wait_until
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.metrics.registry import Kind

STATE = State(
    {each.name: number for number, each in enumerate(metrics.OWN) if each.kind is Kind.LEVEL},
    7,
    1_700_000_000.5,
    {"version": "1.2", "python": "3.11", "sqlite": "3.51"},
    True,
)
PARSERS: Final[Mapping[str, Callable[[str], Iterable[Metric]]]] = {
    "": parse_text,
    "application/openmetrics-text": parse_open,
}
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def families(recorder: MetricsRecorder, accept: str) -> list[Metric]:
    text = expose(recorder, STATE, format_for(accept)).decode()
    return [*PARSERS[accept](text)]


def samples(found: list[Metric]) -> Samples:
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in found
        for each in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[(f"waterline_{name}", frozenset(labels.items()))]


def total(found: Samples, name: str) -> float:
    return sum(number for (each, _), number in found.items() if each == f"waterline_{name}")


# What a recorder holds, as text and back


def test_tables_name_each_metric_of_server() -> None:
    counted = {(each.name, by) for each in metrics.OWN for by in each.dimensions}
    assert set(COUNTERS) == {each for each in counted if _kind(each[0]) is Kind.COUNT}
    assert set(HISTOGRAMS) == {each.name for each in metrics.OWN if each.kind is Kind.VALUE}
    assert counted == set(COUNTERS), "a value that is told apart needs a histogram by label"


def _kind(name: str) -> Kind:
    return metrics.BY_NAME[name].kind


@pytest.mark.parametrize("accept", PARSERS)
def test_every_family_has_our_prefix_its_unit_and_sentence(accept: str) -> None:
    found = families(MetricsRecorder(), accept)
    names = [each.name for each in found]
    assert len(names) == len(set(names))
    assert all(each.startswith("waterline_") for each in names)
    assert all(each.documentation for each in found)
    for family in found:
        if family.unit:
            assert family.name.endswith(f"_{family.unit}")
        assert "milliseconds" not in family.name


@pytest.mark.parametrize("accept", PARSERS)
def test_before_anything_is_measured_histograms_and_known_labels_are_0(accept: str) -> None:
    found = samples(families(MetricsRecorder(), accept))
    for outcome in ("done", "failed", "busy"):
        assert value(found, "archive_runs_total", outcome=outcome) == 0
    for reason in ("slow", "archived"):
        assert value(found, "live_logs_skipped_total", reason=reason) == 0
    assert value(found, "ack_latency_seconds_count") == 0
    assert value(found, "ack_latency_seconds_bucket", le="+Inf") == 0


@pytest.mark.parametrize("accept", PARSERS)
def test_levels_and_state_are_gauges(accept: str) -> None:
    found = samples(families(MetricsRecorder(), accept))
    assert value(found, "queue_bytes") == STATE.levels[metrics.QUEUE_BYTES]
    assert value(found, "live_lag_bytes") == STATE.levels[metrics.LIVE_LAG]
    assert value(found, "last_seq") == 7
    assert value(found, "healthy") == 1
    assert value(found, "start_time_seconds") == 1_700_000_000.5
    assert value(found, "build_info", **STATE.versions) == 1


def test_level_that_system_does_not_tell_has_no_sample() -> None:
    levels = {name: n for name, n in STATE.levels.items() if name != metrics.DISK_FREE_BYTES}
    state = State(levels, 0, 0.0, {}, False)
    text = expose(MetricsRecorder(), state, format_for("")).decode()
    (family,) = [each for each in parse_text(text) if each.name == "waterline_disk_free_bytes"]
    assert family.samples == []


@pytest.mark.parametrize("accept", PARSERS)
def test_count_of_two_dimensions_is_two_families_and_each_holds_all_of_it(accept: str) -> None:
    recorder = MetricsRecorder()
    for kind, source, logs in (("info", "a", 3), ("error", "a", 2), ("info", "b", 5)):
        labels = {metrics.TYPE: kind, metrics.SOURCE: source}
        recorder.count(metrics.LOGS_STORED, logs, labels)
        recorder.count(metrics.BYTES_RECEIVED, logs, labels, amount=100 * logs)
    found = samples(families(recorder, accept))
    assert value(found, "logs_stored_total", type="info") == 8
    assert value(found, "source_logs_stored_total", source="a") == 5
    assert total(found, "logs_stored_total") == total(found, "source_logs_stored_total") == 10
    assert total(found, "received_bytes_total") == 1000
    assert total(found, "source_received_bytes_total") == 1000


@pytest.mark.parametrize("accept", PARSERS)
@given(values=st.lists(st.floats(0.001, 1e6), max_size=50))
def test_histogram_is_right_to_within_bound_of_sketch(accept: str, values: list[float]) -> None:
    recorder = MetricsRecorder()
    recorder.record_many(metrics.ACK_LATENCY, values)
    found = samples(families(recorder, accept))
    assert value(found, "ack_latency_seconds_count") == len(values)
    shown = value(found, "ack_latency_seconds_sum")
    assert math.isclose(shown, sum(values) / 1000, rel_tol=1e-9, abs_tol=1e-12)
    for le, count in _buckets(found, "waterline_ack_latency_seconds_bucket"):
        below = sum(each / 1000 <= le for each in values)
        barely = sum(each / 1000 <= le * (1 + 1 / 64) for each in values)
        assert below <= count <= barely


def _buckets(found: Samples, name: str) -> Iterator[tuple[float, float]]:
    return (
        (float(dict(labels)["le"]), count)
        for (each, labels), count in found.items()
        if each == name
    )


@pytest.mark.parametrize("accept", PARSERS)
def test_sum_that_can_fall_is_not_shown(accept: str) -> None:
    recorder = MetricsRecorder()
    recorder.record_many("change", [-5.0, 3.0], {metrics.TYPE: "info"})
    recorder.record_many("change", [5.0], {metrics.TYPE: "error"})
    found = samples(families(recorder, accept))
    labels = {"attribute": "change", "type": "info"}
    assert value(found, "attribute_bucket", **labels, le="+Inf") == 2
    assert value(found, "attribute_bucket", **labels, le="0.1") == 1
    assert ("waterline_attribute_sum", frozenset(labels.items())) not in found
    assert value(found, "attribute_sum", attribute="change", type="error") == 5


@pytest.mark.parametrize("accept", PARSERS)
@given(label=st.text(st.characters(codec="utf-8"), min_size=1, max_size=64))
def test_any_type_of_log_comes_back_as_it_was(accept: str, label: str) -> None:
    recorder = MetricsRecorder()
    recorder.count(metrics.LOGS_STORED, 1, {metrics.TYPE: label, metrics.SOURCE: "a"})
    recorder.record("duration_ms", 1, {metrics.TYPE: label})
    found = samples(families(recorder, accept))
    assert value(found, "logs_stored_total", type=label) == 1
    assert value(found, "attribute_count", attribute="duration_ms", type=label) == 1


@pytest.mark.parametrize("accept", PARSERS)
@given(
    label=st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
    values=st.lists(st.floats(-1e9, 1e9), max_size=9),
)
def test_text_is_what_encoder_of_prometheus_writes(
    accept: str, label: str, values: list[float]
) -> None:
    recorder = MetricsRecorder()
    for size, each in enumerate(values, start=1):
        labels = {metrics.TYPE: label, metrics.SOURCE: "a"}
        recorder.count(metrics.BYTES_RECEIVED, size, labels, amount=abs(each))
        recorder.record("a_number", each, {metrics.TYPE: label})
        recorder.record(metrics.COMMIT_DURATION, abs(each))
    text = expose(recorder, STATE, format_for(accept))
    assert choose_encoder(accept)[0](_Parsed([*PARSERS[accept](text.decode())])) == text
    assert (b"# UNIT waterline_ack_latency_seconds seconds\n" in text) is bool(accept)


@dataclass
class _Parsed:
    """What encoders of prometheus_client take."""

    families: list[Metric]

    def collect(self) -> list[Metric]:
        return self.families


# Of a real server


def scraped(server: ServerProcess, chosen: str = "prometheus") -> Samples:
    page = ask(server, f"/metrics?format={chosen}")
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    return samples([*(parse_open if chosen == "openmetrics" else parse_text)(page.text)])


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["prometheus", "openmetrics"])
def test_scrape_tells_what_was_sent(server: ServerProcess, chosen: str) -> None:
    with connected(server) as producer:
        for number in range(35):
            kind = "error" if number % 5 == 0 else "info"
            producer.send(log(id=str(number), type=kind, duration_ms=number))
        producer.send(log(id="0"))
        producer.send("no log")
        receive_many(producer, 37)
        wait_until(lambda: total(scraped(server, chosen), "logs_stored_total") == 35)
        found = scraped(server, chosen)
    assert value(found, "logs_stored_total", type="error") == 7
    assert value(found, "source_logs_stored_total", source="test") == 35
    assert value(found, "source_logs_duplicate_total", source="test") == 1
    assert total(found, "logs_rejected_total") == total(found, "source_logs_rejected_total") == 1
    assert value(found, "ack_latency_seconds_count") == 36
    assert value(found, "ack_latency_seconds_bucket", le="+Inf") == 36
    assert value(found, "commit_logs_sum") == 36
    labels = {"attribute": "duration_ms", "type": "info"}
    assert value(found, "attribute_count", **labels) == 28
    assert value(found, "attribute_bucket", **labels, le="+Inf") == 28
    assert value(found, "connections") == 1
    assert value(found, "last_seq") == 35
    assert value(found, "memory_bytes") > 10 * 2**20


@pytest.mark.slow
def test_counters_begin_anew_with_process(server: ServerProcess) -> None:
    with connected(server) as producer:
        producer.send(log())
        receive(producer)
    wait_until(lambda: total(scraped(server), "logs_stored_total") == 1)
    before = value(scraped(server), "start_time_seconds")
    assert server.stop() == 0
    with serving(server.data, token=server.token) as second:
        found = scraped(second)
        assert total(found, "logs_stored_total") == 0
        assert value(found, "last_seq") == 1
        assert value(found, "start_time_seconds") > before


@pytest.mark.slow
def test_scrape_is_answered_by_its_accept_header(server: ServerProcess) -> None:
    for accept, content_type in (
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
        ("text/plain;version=0.0.4", "text/plain; version=0.0.4"),
        ("*/*", "application/json"),
    ):
        page = ask(server, "/metrics", Accept=accept)
        assert page.headers["content-type"].startswith(content_type)
        assert page.headers["vary"] == "Accept"
        assert page.text.endswith("# EOF\n") is ("openmetrics" in accept)
