"""Bodies that are refused whole are told by source, address and reason where an operator looks."""

import gzip
import json
import struct
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.pages import ask
from tests.support.posting import post
from tests.support.processes import PATIENCE, ServerProcess, create_token, serving
from tests.support.sockets import receive_until_closed, wire
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

JSON = "application/json"
DEEP = b'{"type":"info","message":"m","secret":%b}' % (b"[" * 70 + b"]" * 70)
PROMETHEUS = "/metrics?format=prometheus"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose tokens may send little at once."""
    with serving(tmp_path_factory.mktemp("refused") / "data") as running:
        yield running


def refused(server: ServerProcess) -> dict[tuple[str, str, str | None], dict[str, Any]]:
    found = ask(server, "/health").json["refused"]
    return {(each["reason"], each["source"], each["endpoint"]): each for each in found}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "reason"),
    [
        ("/v1/logs", b"{nope", {"Content_Type": JSON}, 400, "unreadable_body"),
        ("/_bulk", b"nope", {}, 400, "unreadable_body"),
        ("/services/collector", b"x", {"Content_Encoding": "br"}, 415, "unsupported_encoding"),
        ("/services/collector/raw", b"x", {"Content_Encoding": "gzip"}, 400, "damaged_body"),
        (
            "/ingest",
            gzip.compress(b"0" * (17 << 20)),
            {"Content_Encoding": "gzip"},
            413,
            "too_large",
        ),
        ("/ingest?ack=each", b"{}", {}, 400, "bad_request"),
        ("/v1/traces?token=x", b"{}", {}, 404, "not_found"),
    ],
)
def test_refused_body_is_told_with_source_address_and_reason(
    server: ServerProcess, path: str, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    assert post(server, body, path, **headers).status == status
    endpoint = "another path" if status == 404 else path.partition("?")[0]
    told = refused(server)[reason, "test", endpoint]
    assert (told["count"], told["last_hour"], told["unit"]) == (1, 1, "bodies")
    assert told["example"]
    (warning,) = [each for each in ask(server, "/health").json["warnings"] if reason in each]
    assert f"1 body at {endpoint} of source test was refused" in warning
    line = (
        "waterline_cause_bodies_refused_total"
        f'{{endpoint="{endpoint}",reason="{reason}",source="test"}} 1.0'
    )
    text = ask(server, PROMETHEUS).text
    assert line in text.splitlines()
    assert 'waterline_source_bodies_refused_total{source="test"} 1.0' in text
    assert f'waterline_bodies_refused_total{{reason="{reason}"}} 1.0' in text


def test_body_without_known_token_has_no_source_and_its_text_is_nowhere(
    server: ServerProcess,
) -> None:
    assert post(server, b"{}", "/gelf", token="wrong-secret").status == 401
    assert refused(server).keys() == {("unauthorized", "(none)", "/gelf")}
    for page in ("/health", "/metrics", PROMETHEUS):
        assert "wrong-secret" not in ask(server, page).text


def test_unknown_path_is_told_once_without_its_query_and_a_look_at_it_is_not(
    server: ServerProcess,
) -> None:
    assert post(server, b"{}", "/api/push?token=wrong-secret", token="wrong-secret").status == 404
    assert send(server, "GET", "/api/push")[0] == 404
    told = refused(server)
    assert told.keys() == {("not_found", "(none)", "another path")}
    assert told["not_found", "(none)", "another path"]["count"] == 1
    assert "/api/push" in told["not_found", "(none)", "another path"]["example"]
    assert "wrong-secret" not in ask(server, "/health").text


def send(server: ServerProcess, method: str, path: str) -> tuple[int, str]:
    """Send a request without a token and a body; return status and sentence of the answer."""
    with closing(HTTPConnection(urlsplit(server.ingest).netloc, timeout=PATIENCE)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["message"]


def test_token_without_scope_is_named(server: ServerProcess) -> None:
    reader = create_token(server.data, "reader", ("read",))
    assert post(server, b"{}", token=reader).status == 403
    assert refused(server).keys() == {("forbidden", "reader", "/ingest")}


def test_log_in_a_get_is_told(server: ServerProcess) -> None:
    sentence = "this path takes WebSockets and POST only"
    # As Python's HTTPHandler does by default.
    assert send(server, "GET", f"/ingest?token={server.token}&msg=lost") == (426, sentence)
    assert send(server, "GET", "/ingest?token=wrong-secret&msg=lost")[0] == 401
    told = refused(server)
    assert told.keys() == {("method_not_allowed", "test", "/ingest")}
    assert told["method_not_allowed", "test", "/ingest"]["example"] == sentence


@pytest.mark.parametrize("path", ["/v1/logs", "/loki/api/v1/push", "/gelf"])
def test_another_method_is_told_what_the_path_takes(server: ServerProcess, path: str) -> None:
    assert send(server, "PUT", path) == (405, "this path takes POST only")
    assert refused(server).keys() == {("method_not_allowed", "(none)", path)}


def test_items_that_are_no_logs_are_told(server: ServerProcess) -> None:
    body = b'{"delete":{"_id":"a"}}\n{"index":{}}\n{"message":"m"}\n{"update":{"_id":"b"}}\n{}\n'
    assert post(server, body, "/_bulk").json["errors"]
    assert refused(server).keys() == {("no_log", "test", None)}
    assert refused(server)["no_log", "test", None]["count"] == 2
    line = 'waterline_logs_rejected_total{reason="no_log"} 2.0'
    assert line in ask(server, PROMETHEUS).text.splitlines()


def test_message_that_is_too_large_is_told(server: ServerProcess) -> None:
    socket = server.connect()
    wire(socket).sendall(struct.pack(">BBQ", 0x81, 0x80 | 127, 2**25) + b"\0" * 4)
    assert receive_until_closed(socket) == ([], 1009)
    socket.close()
    told = refused(server)
    assert told.keys() == {("too_large", "test", "/ingest")}
    assert told["too_large", "test", "/ingest"]["example"] == "a message may hold 16 MiB at most"


def test_token_that_sends_too_much_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("rate") / "data"
    with serving(data, "--token-rate", "1KiB") as server:
        statuses = [post(server, b"x" * 4000, "/services/collector/raw").status for _ in range(3)]
        assert statuses[-1] == 429
        told = refused(server)["too_many_bytes", "test", "/services/collector/raw"]
        assert told["count"] == statuses.count(429)


def test_log_that_cannot_be_kept_is_told_by_source_and_reason_without_its_text(
    server: ServerProcess,
) -> None:
    assert post(server, b"\n".join([DEEP, b'{"type":"info","message":"m"}', DEEP])).status == 200
    wait_until(lambda: bool(refused(server)))
    told = refused(server)["depth", "test", None]
    assert (told["count"], told["unit"]) == (2, "logs")
    assert told["example"] == "attributes are nested more than 64 levels deep"
    assert "secret" not in ask(server, "/health").text
    line = 'waterline_cause_logs_rejected_total{reason="depth",source="test"} 2.0'
    assert line in ask(server, PROMETHEUS).text.splitlines()


def test_body_whose_logs_are_all_refused_counts_as_logs_alone(server: ServerProcess) -> None:
    assert post(server, DEEP).status == 400
    assert refused(server).keys() == {("depth", "test", None)}
