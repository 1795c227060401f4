"""Objects of other programs, posted and pushed: kept and understood at both doors of /ingest."""

import json
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.posting import post
from tests.support.processes import ServerProcess, create_token
from tests.support.sockets import connected, receive

pytestmark = pytest.mark.slow

CASES = Path(__file__).parents[4] / "shared" / "cases" / "log_lines.json"
SECOND = 1_795_514_400_000
PINO = '{"level":50,"time":1795514400123,"pid":7,"msg":"boom","id":9}'
# The type of a log of ours stands as it was given; only `waterline send` reads INFO as info.
AS_GIVEN = {"j_level_upper"}


def stored(server: ServerProcess, source: str) -> list[dict[str, Any]]:
    """Return the logs of a source in their order."""
    statement = (
        "SELECT type, timestamp, received_at, message, json(attributes) FROM logs "
        "WHERE source = ? ORDER BY seq"
    )
    with closing(apsw.Connection(str(server.data / "logs.db"))) as connection:
        rows = connection.execute(statement, (source,)).fetchall()
    names = ("type", "time", "received", "message")
    logs: list[dict[str, Any]] = [dict(zip(names, row, strict=False)) for row in rows]
    return [
        log | {"attributes": json.loads(str(row[4]))} for log, row in zip(logs, rows, strict=True)
    ]


def json_cases() -> list[dict[str, Any]]:
    if not CASES.is_file():
        return []
    cases = json.loads(CASES.read_text(encoding="utf-8"))
    return [case for case in cases if case.get("text", "").startswith("{")]


def test_there_are_cases_of_the_field() -> None:
    if not CASES.is_file():
        pytest.skip("the cases of the field, ../shared/cases/log_lines.json, are not here")
    assert len(json_cases()) > 25


@pytest.mark.parametrize("door", ["POST", "WebSocket"])
@pytest.mark.parametrize("case", json_cases(), ids=lambda case: case["name"])
def test_case_of_the_field_is_stored_as_it_should_be(
    shared_server: ServerProcess, case: dict[str, Any], door: str
) -> None:
    source = f"{case['name']}-{door}"
    token = create_token(shared_server.data, source, ("ingest",))
    if door == "POST":
        answer = post(shared_server, case["text"].encode(), token=token).json
    else:
        with connected(shared_server, f"{shared_server.ingest}?ack=batch", token) as socket:
            socket.send(case["text"])
            answer = receive(socket)
    assert answer["errors"] == []
    logs = stored(shared_server, source)
    assert len(logs) == len(case["right"])
    for log, right in zip(logs, case["right"], strict=True):
        time = log["received"] if right["time"] == "of receipt" else right["time"]
        if isinstance(time, str):
            time = int(datetime.fromisoformat(time).timestamp() * 1000)
        assert time is None or log["time"] == time
        if case["name"] not in AS_GIVEN:
            assert right["type"] in (None, log["type"])
        assert right.get("message", log["message"]) == log["message"]
        for name in right.keys() - {"time", "type", "message"}:
            assert log["attributes"][name] == right[name]


def test_object_of_another_program_is_acked_like_any_log(shared_server: ServerProcess) -> None:
    token = create_token(shared_server.data, "pino", ("ingest",))
    with connected(shared_server, token=token) as socket:
        socket.send(PINO)
        answer = receive(socket)
    assert (answer["type"], answer["seq"] > 0) == ("ack", True)
    (log,) = stored(shared_server, "pino")
    del log["received"]
    attributes = {"pid": 7, "id": 9}
    assert log == {
        "type": "error", "time": SECOND + 123, "message": "boom", "attributes": attributes,
    }  # fmt: skip


KIBANA = (
    '{"type":"log","@timestamp":"2026-11-24T10:00:00Z","tags":["error"],"message":"bad","pid":1}'
)
OWN = '{"type":"audit","message":"m","level":7}'


@pytest.mark.parametrize("order", [(KIBANA, OWN), (OWN, KIBANA)])
def test_time_of_others_counts_beside_logs_of_ours(
    shared_server: ServerProcess, order: tuple[str, str]
) -> None:
    source = f"kibana-{order.index(KIBANA)}"
    token = create_token(shared_server.data, source, ("ingest",))
    assert post(shared_server, "\n".join(order).encode(), token=token).json["count"] == 2
    logs = {log["message"]: log for log in stored(shared_server, source)}
    assert (logs["bad"]["type"], logs["bad"]["time"]) == ("error", SECOND)
    assert logs["m"]["time"] == logs["m"]["received"]
    assert (logs["m"]["type"], logs["m"]["attributes"]) == ("audit", {"level": 7})


def test_object_that_holds_several_logs_is_acked_as_so_many(shared_server: ServerProcess) -> None:
    token = create_token(shared_server.data, "cloudwatch", ("ingest",))
    several = '{"logGroup":"g","logEvents":[{"message":"a"},{"message":"b"}]}'
    with connected(shared_server, token=token) as socket:
        socket.send(several)
        assert [receive(socket)["type"] for _ in range(2)] == ["ack", "ack"]
    assert post(shared_server, several.encode(), token=token).json["count"] == 2
    assert [log["message"] for log in stored(shared_server, "cloudwatch")] == ["a", "b", "a", "b"]


NAMED = '{"type":"x","message":"m","what":"boom","at":{"s":1795514400},"kind":"FATAL"}'
FIELDS = "message_field=what&time_field=at.s&type_field=kind"


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("door", ["POST", "WebSocket"])
def test_members_named_in_the_address_come_first(
    shared_server: ServerProcess, door: str, size: str
) -> None:
    source = f"named-{door}-{size}"
    token = create_token(shared_server.data, source, ("ingest",))
    lines = [NAMED] * (1 if size == "small" else 5_000)
    if door == "POST":
        body = "\n".join(lines).encode()
        answer = post(shared_server, body, path=f"/ingest?{FIELDS}", token=token).json
        assert answer["count"] == len(lines)
    else:
        url = f"{shared_server.ingest}?ack=batch&{FIELDS}"
        with closing(shared_server.connect(url, token)) as socket:
            socket.send("\n".join(lines))
            assert receive(socket)["count"] == len(lines)
    logs = stored(shared_server, source)
    assert len(logs) == len(lines)
    log = logs[-1]
    del log["received"]
    assert log == {
        "type": "error",
        "time": SECOND,
        "message": "boom",
        "attributes": {"type": "x", "message": "m", "level": "FATAL"},
    }
