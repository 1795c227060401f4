"""GET /health and GET /livez of a real server, in good days and bad ones, and who may look."""

import asyncio
import re
import resource
import sys
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from server.app import Server
from tests.support.pages import ask
from tests.support.processes import PATIENCE, ServerProcess, create_token, serving
from tests.support.sockets import connected, decode, log, receive, send
from tests.support.waiting import wait_until
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow

PAGES: Final = ("/health", "/metrics", "/metrics?format=prometheus", "/metrics?format=openmetrics")


def limit_file_size(server: ServerProcess, size: int) -> None:
    """Let a server's writes beyond a file's size fail, as on a disk that has no more room."""
    if sys.platform == "linux":
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


# /health


def test_healthy_server_says_so(server: ServerProcess) -> None:
    page = ask(server, "/health")
    status, headers, health = page.status, page.headers, page.json
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert health["status"] == "healthy"
    assert health["reasons"] == []
    assert isinstance(health["warnings"], list)
    versions = health["versions"]
    assert set(versions) == {"waterline", "python", "sqlite"}
    assert versions["python"] == sys.version.split()[0]
    assert tuple(map(int, versions["sqlite"].split("."))) >= (3, 51, 3)
    assert health["uptime"] > 0
    assert 10 * 2**20 < health["memory"]["resident"] <= health["memory"]["peak"]
    assert health["database_bytes"] > 0
    assert health["disk_free_bytes"] > 0
    assert {"last_seq", "queue_bytes", "connections", "live_readers", "wal_bytes"} <= set(health)


def test_health_follows_what_server_does(server: ServerProcess) -> None:
    def health(name: str) -> object:
        return ask(server, "/health").json[name]

    assert (health("last_seq"), health("connections"), health("live_readers")) == (0, 0, 0)
    with connected(server) as producer, connected(server, server.live):
        producer.send(log(message="x" * 100_000))
        receive(producer)
        # The pages are served beside the loop that greets a reader and then lets it follow.
        wait_until(lambda: health("live_readers") == 1)
        assert (health("last_seq"), health("connections")) == (1, 2)
        assert health("queue_bytes") == 0
        wal = health("wal_bytes")
        assert isinstance(wal, int)
        assert wal > 100_000
    wait_until(lambda: health("connections") == 0)


def test_health_counts_on_after_restart(data: Path) -> None:
    with serving(data) as first, connected(first) as producer:
        producer.send(log())
        receive(producer)
    with serving(data, token=first.token) as second:
        assert ask(second, "/health").json["last_seq"] == 1


def test_health_tells_how_far_logs_are_counted_in_metrics_db(server: ServerProcess) -> None:
    def counted() -> object:
        return ask(server, "/health").json["metrics"]

    assert counted() == {"counted_through": 0, "uncounted": 0}
    send(server, {"type": "info", "message": "m"}, {"type": "info", "message": "m"})
    wait_until(lambda: counted() == {"counted_through": 2, "uncounted": 0})


# /livez


def test_process_that_works_is_alive(server: ServerProcess) -> None:
    page = ask(server, "/livez")
    assert (page.status, page.json) == (200, {"status": "alive"})
    assert page.headers["cache-control"] == "no-store"


def test_server_whose_loop_stands_still_is_not_alive_and_says_so(data: Path) -> None:
    async def scenario() -> None:
        settings = Settings(data=data, port=0, monitoring_port=0)
        folder = DataFolder(data)
        folder.create()
        with ExitStack() as opened:
            server = Server(settings, folder, opened, 4096)
            addresses = server.listen()

            def get(path: str) -> tuple[int, dict[str, Any]]:
                connection = HTTPConnection(urlsplit(addresses.monitoring).netloc, timeout=PATIENCE)
                with closing(connection):
                    connection.request("GET", path)
                    answer = connection.getresponse()
                    return answer.status, decode(answer.read())

            # Nothing awaits here, so that the loop stands still while it is asked.
            assert get("/livez") == (200, {"status": "alive"})
            server._pulse._last -= 60
            assert get("/livez") == (503, {"status": "stalled"})
            status, health = get("/health")
            (reason,) = health["reasons"]
            assert (status, health["status"]) == (503, "degraded")
            assert re.fullmatch(
                r"the server has taken nothing for \d+ seconds: its event loop is stalled", reason
            )
            server._pulse.beat()
            assert get("/health")[0] == 200
            await server.drain()

    asyncio.run(scenario())


# Bad days


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit is Linux's")
def test_server_that_cannot_store_says_so_and_recovers(server: ServerProcess) -> None:
    server.expected_errors += [
        r" ERROR server: logs cannot be stored and are refused until they can: ",
        r" ERROR server: measurements cannot be written and wait: ",
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
        page = ask(server, "/health")
        health = page.json
        assert (page.status, health["status"]) == (503, "degraded")
        assert "waterline_healthy 0.0\n" in ask(server, "/metrics?format=prometheus").text
        assert ask(server, "/livez").status == 200
        assert f"logs are not stored: {refusal['error']}" in health["reasons"]
        assert health["last_seq"] == 1
        # Each second's measurements fail too, and that is told.
        wait_until(
            lambda: (
                "measurements cannot be written to metrics.db"
                in ask(server, "/health").json["reasons"]
            )
        )
        assert ask(server, "/metrics").status == 200

        limit_file_size(server, resource.RLIM_INFINITY)
        producer.send(log(id="during"))
        ack = receive(producer)
        assert (ack["type"], ack["logId"], ack["seq"]) == ("ack", "during", 2)
    wait_until(lambda: ask(server, "/health").status == 200)
    assert ask(server, "/health").json["reasons"] == []


# Who may look


def test_on_loopback_nobody_needs_token(server: ServerProcess) -> None:
    for path in (*PAGES, "/livez"):
        assert ask(server, path).status == 200


def test_on_loopback_no_page_answers_for_another_host(server: ServerProcess) -> None:
    for path in (*PAGES, "/livez"):
        page = ask(server, path, Host="evil.example")
        assert (page.status, page.json["error"]) == (403, "host_not_allowed")


def test_beyond_loopback_token_that_may_read_is_needed(data: Path) -> None:
    reader = create_token(data, "eyes", ("read",))
    pump = create_token(data, "pump", ("ingest",))
    with serving(data, "--host", "0.0.0.0", token=reader) as server:
        server.expected_errors.append("tokens and logs travel to 0.0.0.0 in the clear")
        for path in PAGES:
            page = ask(server, path)
            assert (page.status, page.json["error"]) == (401, "unauthorized")
            assert page.headers["www-authenticate"] == "Bearer"
            assert set(page.json) == {"type", "error", "message"}
            assert ask(server, path, "wrong").status == 401
            page = ask(server, path, pump)
            assert (page.status, page.json["message"]) == (403, "this token lacks the scope read")
            assert ask(server, path, reader).status == 200
            joined = "&" if "?" in path else "?"
            assert ask(server, f"{path}{joined}token={reader}").status == 200


def test_beyond_loopback_probe_needs_no_token_and_learns_nothing(data: Path) -> None:
    with serving(data, "--host", "0.0.0.0", token=create_token(data)) as server:
        server.expected_errors.append("tokens and logs travel to 0.0.0.0 in the clear")
        page = ask(server, "/livez", Host="logs.example")
        assert (page.status, page.json) == (200, {"status": "alive"})


@pytest.mark.parametrize("path", [*PAGES, "/livez"])
def test_probe_may_ask_for_head_alone(server: ServerProcess, path: str) -> None:
    whole, head = ask(server, path), ask(server, path, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


def test_any_other_path_is_answered_with_json_404(server: ServerProcess) -> None:
    for target in ("/", "/health/", "/metrics/x?token=secret"):
        page = ask(server, target)
        path = target.partition("?")[0]
        assert (page.status, page.headers["content-type"]) == (404, "application/json")
        assert page.json == {
            "type": "error",
            "error": "not_found",
            "message": f"there is nothing at {path}; there is /metrics, /health and /livez",
        }


def test_any_other_method_is_answered_with_json_error(server: ServerProcess) -> None:
    page = ask(server, "/health", method="POST")
    assert (page.status, page.headers["content-type"]) == (405, "application/json")
    assert page.json["type"] == "error"
