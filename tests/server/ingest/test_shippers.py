"""What shippers are answered by a running server: status, type and body, and what it stored."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import apsw
import cramjam
import pytest

from server.ingest import protobuf
from tests.support.processes import PATIENCE, ServerProcess, create_token, serving

pytestmark = pytest.mark.slow

NOON = 1_764_410_000_000
NANOSECONDS = str(NOON * 1_000_000)
OTLP, LOKI, BULK = "/v1/logs", "/loki/api/v1/push", "/_bulk"
COLLECTOR, RAW, GELF = "/services/collector", "/services/collector/raw", "/gelf"
JSON = "application/json"
PROTOBUF = "application/x-protobuf"


def otlp(*texts: str) -> bytes:
    records = [{"timeUnixNano": NANOSECONDS, "body": {"stringValue": each}} for each in texts]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


def otlp_binary(*texts: str) -> bytes:
    request = protobuf.ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for each in texts:
        scope.log_records.add(time_unix_nano=int(NANOSECONDS)).body.string_value = each
    return bytes(request.SerializeToString())


def loki(*texts: str) -> bytes:
    values = [[NANOSECONDS, each] for each in texts]
    return json.dumps({"streams": [{"stream": {"job": "a"}, "values": values}]}).encode()


def loki_binary(*texts: str) -> bytes:
    push = protobuf.PushRequest()
    stream = push.streams.add(labels='{job="a"}')
    for each in texts:
        stream.entries.add(line=each).timestamp.seconds = NOON // 1000
    return bytes(cramjam.snappy.compress_raw(push.SerializeToString()))


def bulk(*texts: str) -> bytes:
    documents = [json.dumps({"@timestamp": NOON, "message": each}) for each in texts]
    return "".join('{"create":{"_index":"a"}}\n' + each + "\n" for each in documents).encode()


def events(*texts: str) -> bytes:
    return "".join(json.dumps({"time": NOON / 1000, "event": each}) for each in texts).encode()


def gelf(*texts: str) -> bytes:
    (text,) = texts
    message = {"version": "1.1", "short_message": text, "timestamp": NOON / 1000}
    return json.dumps(message).encode()


class Answer(NamedTuple):
    """What the server said."""

    status: int
    type: str | None
    body: bytes
    headers: dict[str, str]


def send(
    server: ServerProcess, path: str, body: bytes, method: str = "POST", **headers: str
) -> Answer:
    """Send a request with the server's token; header names have `_` for `-`."""
    sent = {"Authorization": f"Bearer {server.token}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(HTTPConnection(urlsplit(server.ingest).netloc, timeout=PATIENCE)) as connection:
        connection.request(method, path, body, {name: text for name, text in sent.items() if text})
        got = connection.getresponse()
        return Answer(got.status, got.headers["Content-Type"], got.read(), dict(got.headers))


def stored(server: ServerProcess, pattern: str) -> list[tuple[str, str, int]]:
    path = str(server.data / "logs.db")
    with closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as db:
        statement = "SELECT message, type, timestamp FROM logs WHERE message GLOB ? ORDER BY seq"
        return [(str(a), str(b), int(c)) for a, b, c in db.execute(statement, (pattern,))]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that all tests here send to, each its own texts."""
    with serving(tmp_path_factory.mktemp("shippers") / "data") as running:
        yield running


WIRES = [
    (OTLP, JSON, otlp, 200, JSON, b"{}"),
    (OTLP, PROTOBUF, otlp_binary, 200, PROTOBUF, b""),
    (LOKI, JSON, loki, 204, None, b""),
    (LOKI, PROTOBUF, loki_binary, 204, None, b""),
    (COLLECTOR, JSON, events, 200, JSON, b'{"text":"Success","code":0}'),
    (GELF, JSON, gelf, 202, None, b""),
]


@pytest.mark.parametrize(("path", "kind", "made", "status", "answered", "body"), WIRES)
def test_logs_are_answered_as_the_protocol_wants_once_they_are_stored(
    shared: ServerProcess,
    path: str,
    kind: str,
    made: Callable[..., bytes],
    status: int,
    answered: str | None,
    body: bytes,
) -> None:
    text = f"{path} {kind} ERROR here"
    found = send(shared, path, made(text), Content_Type=kind)
    assert (found.status, found.body) == (status, body)
    assert answered is None or found.type == answered
    assert [(each[0], each[2]) for each in stored(shared, text)] == [(text, NOON)]


def test_bulk_is_answered_item_by_item(shared: ServerProcess) -> None:
    body = (
        bulk("bulk 1")
        + b'{"delete":{"_id":"x"}}\n'
        + bulk("bulk 2")
        + b'{"index":{"_id":"7"}}\n7\n'
    )
    found = send(shared, "/web/_bulk", body)
    assert found.headers["X-Elastic-Product"] == "Elasticsearch"
    answer = json.loads(found.body)
    assert (found.status, found.type, answer["errors"]) == (200, JSON, True)
    outcomes = [(*each, each[next(iter(each))]["status"]) for each in answer["items"]]
    assert outcomes == [("create", 201), ("delete", 400), ("create", 201), ("index", 201)]
    assert [each[0] for each in stored(shared, "bulk*")] == ["bulk 1", "bulk 2"]
    assert [each[0] for each in stored(shared, "7")] == ["7"]


def test_id_of_a_bulk_item_is_the_id_of_its_log(shared: ServerProcess) -> None:
    for text in ("first", "second"):
        send(shared, BULK, b'{"create":{"_id":"same"}}\n' + json.dumps({"message": text}).encode())
    assert [each[0] for each in stored(shared, "first")] == ["first"]
    assert not stored(shared, "second")


@pytest.mark.parametrize(
    ("path", "kind", "made"), [(*each[:3],) for each in WIRES] + [(BULK, JSON, bulk)]
)
def test_body_that_is_sent_again_is_stored_once(
    shared: ServerProcess, path: str, kind: str, made: Callable[..., bytes]
) -> None:
    text = f"{path} {kind} again"
    statuses = {send(shared, path, made(text), Content_Type=kind).status for _ in range(3)}
    assert len(statuses) == 1
    assert len(stored(shared, text)) == 1


def test_object_of_another_program_is_stored_once_at_ingest_too(shared: ServerProcess) -> None:
    lines = [json.dumps({"date": NOON / 1000, "log": f"forwarded {n}"}) for n in range(3)]
    ours = json.dumps({"type": "a", "message": "ours as meant", "timestamp": NOON})
    for body in ("\n".join(lines), "\n".join([*lines, ours]), "\n".join([*lines, "no json"])):
        before = len(stored(shared, "forwarded *"))
        assert {send(shared, "/ingest", body.encode()).status for _ in range(3)} == {200}
        assert len(stored(shared, "forwarded *")) == before + len(lines)
    assert len(stored(shared, "ours as meant")) == 3


def test_logs_that_say_no_time_may_all_be_meant(shared: ServerProcess) -> None:
    for _ in range(3):
        assert send(shared, GELF, b'{"short_message": "tick"}').status == 202
    assert len(stored(shared, "tick")) == 3


def test_repeats_are_kept_where_the_setting_says_so(data: Path) -> None:
    with serving(data, "--recognise-repeats", "no") as server:
        for _ in range(2):
            send(server, OTLP, otlp("twice"))
        assert len(stored(server, "twice")) == 2


@pytest.mark.parametrize("path", [OTLP, LOKI, BULK, COLLECTOR, RAW, GELF])
def test_token_may_come_as_any_client_sends_it(shared: ServerProcess, path: str) -> None:
    made: Callable[..., bytes] = {
        OTLP: otlp,
        LOKI: loki,
        BULK: bulk,
        COLLECTOR: events,
        RAW: gelf,
        GELF: gelf,
    }[path]
    basic = base64.b64encode(f"anyone:{shared.token}".encode()).decode()
    for scheme in (
        f"Basic {basic}",
        f"Splunk {shared.token}",
        f"ApiKey {basic}",
        f"ApiKey {shared.token}",
    ):
        text = f"{path} {scheme[:5]}"
        assert send(shared, path, made(text), Authorization=scheme).status < 300
    assert (
        send(shared, f"{path}?token={shared.token}", made("query"), Authorization="").status < 300
    )
    for wrong in (
        "",
        "Basic !!",
        "Basic " + base64.b64encode(b"a:b").decode(),
        "Bearer x",
        "Odd y",
    ):
        refused = send(shared, path, made("wrong"), Authorization=wrong)
        assert refused.status == 401
        assert "Basic" in refused.headers["Www-Authenticate"]
    assert not stored(shared, "wrong")


def test_token_without_the_scope_is_refused(shared: ServerProcess) -> None:
    token = create_token(shared.data, "reader", ("read",))
    assert send(shared, OTLP, otlp("no"), Authorization=f"Bearer {token}").status == 403


@pytest.mark.parametrize("name", ["gzip", "deflate", "snappy"])
@pytest.mark.parametrize("path", [OTLP, LOKI])
def test_bodies_may_be_compressed(shared: ServerProcess, path: str, name: str) -> None:
    compress: dict[str, Callable[[bytes], Any]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "snappy": cramjam.snappy.compress_raw,
    }
    text = f"{path} by {name}"
    body = bytes(compress[name]({OTLP: otlp, LOKI: loki}[path](text)))
    found = send(shared, path, body, Content_Type=JSON, Content_Encoding=name)
    assert found.status in (200, 204)
    assert len(stored(shared, text)) == 1


def test_what_is_not_of_the_protocol_is_refused_with_a_sentence(shared: ServerProcess) -> None:
    for path, body in (
        (OTLP, b"no"),
        (LOKI, b"no"),
        (BULK, b"no"),
        (COLLECTOR, b"no"),
        (GELF, b"no"),
    ):
        found = send(shared, path, body, Content_Type=JSON)
        assert found.status == 400
        assert found.type == JSON
        assert b"JSON" in found.body or b"GELF" in found.body
    found = send(shared, OTLP, b"\xff", Content_Type=PROTOBUF)
    assert (found.status, found.type) == (400, PROTOBUF)
    status = protobuf.Status.FromString(found.body)
    assert status.code == 3
    assert "no request of OTLP" in status.message


def test_too_large_body_is_told_its_limit(shared: ServerProcess) -> None:
    for path in (OTLP, LOKI, BULK, COLLECTOR, GELF):
        found = send(shared, path, b"", Content_Length=str(17 * 2**20))
        assert found.status == 413
        assert b"16 MiB" in found.body
    bomb = bytes(cramjam.snappy.compress_raw(bytes(17 * 2**20)))
    assert send(shared, LOKI, bomb, Content_Type=PROTOBUF).status == 413


def test_no_path_answers_with_a_redirect(shared: ServerProcess) -> None:
    for path in (OTLP, LOKI, BULK, COLLECTOR, RAW, GELF, "/v1/logs/", "/v1/traces", "/nowhere/"):
        for method in ("GET", "POST", "PUT", "HEAD"):
            status = send(shared, path, b"", method=method).status
            assert not 300 <= status < 400, (path, method)


def test_raw_lines_get_the_metadata_of_the_query(shared: ServerProcess) -> None:
    body = b"2026-11-29 10:00:00 ERROR raw a\r\n\nraw b\n"
    assert send(shared, f"{RAW}?host=h1", body).status == 200
    rows = stored(shared, "*raw [ab]")
    assert [each[:2] for each in rows] == [
        ("2026-11-29 10:00:00 ERROR raw a", "error"),
        ("raw b", "info"),
    ]


def test_clients_find_what_they_ask_for_before_they_send(shared: ServerProcess) -> None:
    for path in ("/ready", "/services/collector/health"):
        assert send(shared, path, b"", "GET", Authorization="").status == 200
    about = send(shared, "/", b"", "GET")
    assert json.loads(about.body)["version"]["number"].startswith("8.")
    assert send(shared, "/", b"", "HEAD").status == 200
    assert json.loads(send(shared, "/_license", b"", "GET").body)["license"]["status"] == "active"
    for path in ("/_index_template/a", "/_ilm/policy/b", "/_ingest/pipeline/c"):
        assert send(shared, path, b"", "GET").status == 200
        assert json.loads(send(shared, path, b"{}", "PUT").body) == {"acknowledged": True}
    assert send(shared, "/", b"", "GET", Authorization="").status == 401


def test_empty_requests_are_no_error(shared: ServerProcess) -> None:
    assert send(shared, OTLP, b"{}").status == 200
    assert send(shared, OTLP, b"", Content_Type=PROTOBUF).status == 200
    assert send(shared, LOKI, b'{"streams":[]}').status == 204
    found = send(shared, COLLECTOR, b"")
    assert (found.status, json.loads(found.body)) == (400, {"text": "No data", "code": 5})


def test_large_body_is_stored_whole(shared: ServerProcess) -> None:
    texts = [f"large {number:06}" for number in range(50_000)]
    assert send(shared, OTLP, otlp(*texts)).status == 200
    assert send(shared, LOKI, loki(*(f"also {each}" for each in texts))).status == 204
    assert [each[0] for each in stored(shared, "large *")] == texts
    assert len(stored(shared, "also *")) == len(texts)


def test_times_beyond_years_and_halves_of_pairs_refuse_nothing(shared: ServerProcess) -> None:
    far = str(2**63 * 10**9)
    entries = [[far, "far 1"], [2**62 * 10**9, "far 2"], [NANOSECONDS, "far 3"]]
    streams = {"streams": [{"stream": {}, "values": entries}]}
    assert send(shared, LOKI, json.dumps(streams).encode(), Content_Type=JSON).status == 204
    assert [each[0] for each in stored(shared, "far ?")] == ["far 1", "far 2", "far 3"]
    assert send(shared, COLLECTOR, rb'{"event":"half \ud800"}').status == 200
    assert stored(shared, "half *")[0][0] == "half ?"
