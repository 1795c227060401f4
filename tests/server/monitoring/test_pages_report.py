"""GET /metrics as JSON: what was measured in a range of time, by the last hour unless told."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import ask
from tests.support.processes import ServerProcess, serving
from tests.support.sockets import connected, log, receive_many, send
from tests.support.waiting import wait_until
from waterline.clock import now_ms
from waterline.metrics import registry as metrics
from waterline.metrics.registry import Kind

pytestmark = pytest.mark.slow

HOUR = 3_600_000
LOG = {"type": "info", "message": "m"}
LEVELS = {each.name for each in metrics.OWN if each.kind is Kind.LEVEL}


def report(server: ServerProcess, query: str = "") -> dict[str, Any]:
    page = ask(server, f"/metrics{query}")
    assert (page.status, page.headers["content-type"]) == (200, "application/json")
    assert page.headers["cache-control"] == "no-store"
    return page.json


def count_of(server: ServerProcess, name: str, query: str = "") -> object:
    return report(server, query)["metrics"].get(name, {}).get("count")


def test_idle_server_reports_levels_alone(server: ServerProcess) -> None:
    told = report(server)
    assert set(told) == {"timestamp", "from", "to", "metrics", "historical"}
    assert abs(told["timestamp"] - now_ms()) < 60_000
    assert (told["from"], told["to"]) == (told["timestamp"] - HOUR, told["timestamp"])
    assert set(told["metrics"]) <= LEVELS


def test_report_has_percentiles_and_counts(server: ServerProcess) -> None:
    with connected(server) as producer:
        kinds = ["info"] * 30 + ["error"] * 5
        for number, kind in enumerate(kinds):
            producer.send(log(id=str(number), type=kind, duration_ms=number))
        producer.send(log(id="0"))
        producer.send("no log")
        receive_many(producer, len(kinds) + 2)
    wait_until(lambda: count_of(server, "logs_stored") == 35)
    found = report(server)["metrics"]
    assert found["logs_duplicate"]["count"] == 1
    assert found["logs_rejected"]["count"] == 1
    assert (found["duration_ms"]["count"], found["duration_ms"]["max"]) == (35, 34)
    latency = found["ack_latency"]
    assert set(latency) == {"average", "p50", "p95", "p99", "min", "max", "count", "sum"}
    assert latency["count"] == 36
    assert 0 < latency["min"] <= latency["p50"] <= latency["p95"] <= latency["p99"]
    assert latency["p99"] <= latency["max"]
    assert latency["min"] <= latency["average"] <= latency["max"]
    assert found["commit_duration"]["p50"] > 0
    assert found["commit_bytes"]["count"] == found["commit_logs"]["count"]
    assert found["logs_stored"]["p50"] is None, "what is only counted has no percentiles"


def test_report_includes_earlier_server(data: Path) -> None:
    with serving(data) as first:
        send(first, LOG)
    with serving(data, token=first.token) as second:
        told = report(second)
    assert told["metrics"]["logs_stored"]["count"] == 1
    historical = {each["metric_name"]: each for each in told["historical"]}
    assert historical["logs_stored"] == {"metric_name": "logs_stored", "avg": 1.0, "count": 1}
    assert historical["ack_latency"]["avg"] > 0


def test_second_of_measurements_reaches_file_while_server_runs(
    server: ServerProcess,
) -> None:
    send(server, LOG)
    wait_until(
        lambda: "logs_stored" in {each["metric_name"] for each in report(server)["historical"]}
    )


def test_report_of_range_has_its_measurements(server: ServerProcess) -> None:
    send(server, LOG)
    end = now_ms() // 1000 * 1000 + 1000
    around = f"?from={end - 60_000}&to={end}"
    wait_until(lambda: count_of(server, "logs_stored", around) == 1)
    told = report(server, around)
    assert (told["from"], told["to"]) == (end - 60_000, end)
    assert report(server, f"?to={end - 60_000}")["from"] == end - 60_000 - HOUR
    for before in (f"?to={end - 60_000}", f"?from=0&to={end - 60_000}"):
        assert count_of(server, "logs_stored", before) is None
    assert count_of(server, "logs_stored", f"?from={end - 60_000}") == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("from=x", "from is a time in milliseconds since 1970 UTC, and not 'x'"),
        ("from=1.5", "from is a time in milliseconds since 1970 UTC, and not '1.5'"),
        ("from=", "from is a time in milliseconds since 1970 UTC, and not ''"),
        ("to=-1", "to is a time in milliseconds since 1970 UTC, and not '-1'"),
        ("to=" + "9" * 15, f"to is a time in milliseconds since 1970 UTC, and not '{'9' * 15}'"),
        ("from=5&to=5", "from must be before to: 5 is not before 5"),
        ("from=6&to=5", "from must be before to: 6 is not before 5"),
        ("by=type", "by is source, and not 'type'"),
        ("format=xml", "format is one of json, prometheus, openmetrics, and not 'xml'"),
        (
            "format=prometheus&from=5",
            "from, to and by are for the report as JSON; Prometheus is told all since the start",
        ),
    ],
)
def test_query_without_meaning_is_refused_in_one_sentence(
    server: ServerProcess, query: str, message: str
) -> None:
    page = ask(server, f"/metrics?{query}")
    assert page.status == 400
    assert page.json == {"type": "error", "error": "bad_request", "message": message}
