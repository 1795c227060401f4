"""GET /health and GET /metrics of a real server, in good days and in bad ones."""

import resource
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from server.clock import now_ms
from tests.support.processes import ServerProcess, create_token, serving
from tests.support.sockets import connected, decode, log, receive, receive_many
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


def request(
    server: ServerProcess, method: str, target: str, token: str = ""
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Ask the monitoring port; return status, headers in lower case and the JSON."""
    connection = HTTPConnection(urlsplit(server.monitoring).netloc, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, decode(body)


def limit_file_size(server: ServerProcess, size: int) -> None:
    """Let a server's writes beyond a file's size fail, as on a disk that has no more room."""
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


# /health


def test_a_healthy_server_says_so(server: ServerProcess) -> None:
    status, headers, health = request(server, "GET", "/health")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert health["status"] == "healthy"
    assert health["reasons"] == []
    assert isinstance(health["warnings"], list)
    assert health["python"] == sys.version.split()[0]
    assert tuple(map(int, health["sqlite"].split("."))) >= (3, 51, 3)
    assert health["version"]
    assert health["uptime"] > 0
    assert health["memory"]["max_rss"] > 10 * 2**20
    assert health["database_bytes"] > 0
    assert health["disk_free_bytes"] > 0
    assert {"last_seq", "queue_bytes", "connections", "live_readers", "wal_bytes"} <= set(health)


def test_health_follows_what_the_server_does(server: ServerProcess) -> None:
    def health(name: str) -> object:
        return request(server, "GET", "/health")[2][name]

    assert (health("last_seq"), health("connections"), health("live_readers")) == (0, 0, 0)
    with connected(server) as producer, connected(server, server.live):
        producer.send(log(message="x" * 100_000))
        receive(producer)
        assert (health("last_seq"), health("connections"), health("live_readers")) == (1, 2, 1)
        assert health("queue_bytes") == 0
        wal = health("wal_bytes")
        assert isinstance(wal, int)
        assert wal > 100_000
    wait_until(lambda: health("connections") == 0)


def test_health_counts_on_after_a_restart(data: Path) -> None:
    with serving(data) as first, connected(first) as producer:
        producer.send(log())
        receive(producer)
    with serving(data, token=first.token) as second:
        assert request(second, "GET", "/health")[2]["last_seq"] == 1


# /metrics


def test_metrics_of_a_server_that_did_nothing_are_empty(server: ServerProcess) -> None:
    status, headers, metrics = request(server, "GET", "/metrics")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert metrics == {
        "timestamp": metrics["timestamp"],
        "metrics": {},
        "logs_stored": {},
        "historical": [],
    }
    assert abs(metrics["timestamp"] - now_ms()) < 60_000


def test_metrics_tell_percentiles_and_counts_of_what_was_done(server: ServerProcess) -> None:
    with connected(server) as producer:
        kinds = ["info"] * 30 + ["error"] * 5
        for number, kind in enumerate(kinds):
            producer.send(log(id=str(number), type=kind))
        producer.send(log(id="0"))
        producer.send("no log")
        receive_many(producer, len(kinds) + 2)
    metrics = request(server, "GET", "/metrics")[2]
    assert metrics["logs_stored"] == {"info": 30, "error": 5}
    found = metrics["metrics"]
    assert found["logs_stored"]["count"] == 35
    assert found["logs_duplicate"]["count"] == 1
    assert found["logs_rejected"]["count"] == 1
    latency = found["ack_latency"]
    assert set(latency) == {"average", "p50", "p95", "p99", "min", "max", "count"}
    assert latency["count"] == 36
    assert 0 < latency["min"] <= latency["p50"] <= latency["p95"] <= latency["p99"]
    assert latency["p99"] <= latency["max"]
    assert latency["min"] <= latency["average"] <= latency["max"]
    assert found["commit_duration"]["p50"] > 0
    assert found["commit_bytes"]["count"] == found["commit_logs"]["count"]


def test_metrics_tell_the_last_hour_from_the_file(data: Path) -> None:
    with serving(data) as first, connected(first) as producer:
        producer.send(log())
        receive(producer)
    # What the first server measured is in metrics.db, and in no memory any more.
    with serving(data, token=first.token) as second:
        metrics = request(second, "GET", "/metrics")[2]
    assert metrics["metrics"] == {}
    historical = {each["metric_name"]: each for each in metrics["historical"]}
    assert historical["logs_stored"] == {"metric_name": "logs_stored", "avg": 1.0, "count": 1}
    assert historical["ack_latency"]["avg"] > 0


def test_a_second_of_measurements_reaches_the_file_while_the_server_runs(
    server: ServerProcess,
) -> None:
    def historical() -> set[str]:
        found = request(server, "GET", "/metrics")[2]["historical"]
        return {each["metric_name"] for each in found}

    with connected(server) as producer:
        producer.send(log())
        receive(producer)
    wait_until(lambda: "logs_stored" in historical())


# Bad days


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit is Linux's")
def test_a_server_that_cannot_store_says_so_and_recovers(server: ServerProcess) -> None:
    server.expected_errors += [
        r"^waterline: ERROR: logs cannot be stored and are refused until they can: ",
        r"^waterline: ERROR: measurements cannot be written and wait: ",
    ]
    with connected(server) as producer:
        producer.send(log(id="before"))
        assert receive(producer)["seq"] == 1
        limit_file_size(server, 4096)

        for log_id in ("during", None):
            producer.send(log(id=log_id))
            refusal = receive(producer)
            assert refusal == {
                "type": "error",
                "error": refusal["error"],
                "message": "the log was not stored; send it again later",
                "logId": log_id,
                "retryable": True,
                "index": 0,
            }
            assert refusal["error"] in {"storage_full", "storage_failed"}
        status, _, health = request(server, "GET", "/health")
        assert (status, health["status"]) == (503, "degraded")
        assert f"logs are not stored: {refusal['error']}" in health["reasons"]
        assert health["last_seq"] == 1
        # Each second's measurements fail too, and that is told.
        wait_until(
            lambda: (
                "measurements cannot be written to metrics.db"
                in request(server, "GET", "/health")[2]["reasons"]
            )
        )
        assert request(server, "GET", "/metrics")[0] == 200

        limit_file_size(server, resource.RLIM_INFINITY)
        producer.send(log(id="during"))
        ack = receive(producer)
        assert (ack["type"], ack["logId"], ack["seq"]) == ("ack", "during", 2)
    wait_until(lambda: request(server, "GET", "/health")[0] == 200)
    assert request(server, "GET", "/health")[2]["reasons"] == []


# Who may look


def test_on_loopback_nobody_needs_a_token(server: ServerProcess) -> None:
    assert request(server, "GET", "/health")[0] == 200
    assert request(server, "GET", "/metrics")[0] == 200


def test_beyond_loopback_a_token_that_may_read_is_needed(data: Path) -> None:
    reader = create_token(data, "eyes", ("read",))
    pump = create_token(data, "pump", ("ingest",))
    with serving(data, "--host", "0.0.0.0", token=reader) as server:
        server.expected_errors.append("tokens and logs travel to 0.0.0.0 in the clear")
        for path in ("/health", "/metrics"):
            status, headers, body = request(server, "GET", path)
            assert (status, body["error"]) == (401, "unauthorized")
            assert headers["www-authenticate"] == "Bearer"
            assert set(body) == {"type", "error", "message"}
            assert request(server, "GET", path, "wrong")[0] == 401
            status, _, body = request(server, "GET", path, pump)
            assert (status, body["message"]) == (403, "this token lacks the scope read")
            assert request(server, "GET", path, reader)[0] == 200
            assert request(server, "GET", f"{path}?token={reader}")[0] == 200


def test_any_other_path_is_answered_with_a_json_404(server: ServerProcess) -> None:
    for target in ("/", "/health/", "/metrics/x?token=secret"):
        status, headers, body = request(server, "GET", target)
        path = target.partition("?")[0]
        assert (status, headers["content-type"]) == (404, "application/json")
        assert body == {
            "type": "error",
            "error": "not_found",
            "message": f"there is nothing at {path}; there is /metrics and /health",
        }


def test_any_other_method_is_answered_with_a_json_error(server: ServerProcess) -> None:
    status, headers, body = request(server, "POST", "/health")
    assert (status, headers["content-type"]) == (405, "application/json")
    assert body["type"] == "error"
