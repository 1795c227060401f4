"""Frames of many logs over a real socket: an ack a log, one a frame, or errors only."""

import json
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
import websocket

from tests.support.processes import ServerProcess
from tests.support.sockets import connected, log, receive, receive_many, refused

pytestmark = pytest.mark.slow

TIMESTAMP_RULE = (
    "timestamp must be an RFC 3339 time or a number of seconds to nanoseconds since 1970 UTC"
)


@contextmanager
def pushing(server: ServerProcess, ack: str = "") -> Iterator[websocket.WebSocket]:
    """Open a connection that asks for some kind of acks."""
    with connected(server, f"{server.ingest}?ack={ack}" if ack else None) as socket:
        yield socket


def new_ids(number: int) -> list[str]:
    return [f"{index}-{uuid.uuid4()}" for index in range(number)]


def array(*logs: str) -> str:
    return f"[{','.join(logs)}]"


def stored(data: Path, ids: list[str]) -> dict[str, int]:
    """Return the seq of each of these ids that is in the file."""
    statement = "SELECT id, seq FROM logs WHERE id IN (SELECT value FROM json_each(?)) ORDER BY seq"
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        found = connection.execute(statement, (json.dumps(ids),)).fetchall()
    return {str(log_id): int(str(seq)) for log_id, seq in found}


def told(socket: websocket.WebSocket, count: int) -> list[tuple[object, ...]]:
    """Return of each answer its kind, the id it names and, of an error, the index."""
    answers = receive_many(socket, count)
    return [
        (each["type"], each["logId"], *([each["index"]] if each["type"] == "error" else []))
        for each in answers
    ]


# Many logs a frame


def test_each_log_of_array_is_stored_and_acked_in_its_order(
    shared_server: ServerProcess,
) -> None:
    ids = new_ids(1_000)
    with pushing(shared_server) as socket:
        socket.send(array(*[log(id=each) for each in ids]))
        answers = receive_many(socket, len(ids))
    assert [each["logId"] for each in answers] == ids
    assert {each["logId"]: each["seq"] for each in answers} == stored(shared_server.data, ids)
    assert len({each["timestamp"] for each in answers}) == 1


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n\n"])
def test_each_line_of_frame_is_log(shared_server: ServerProcess, newline: str) -> None:
    ids = new_ids(20)
    with pushing(shared_server) as socket:
        socket.send(newline.join(log(id=each, message="two\nlines") for each in ids) + newline)
        assert told(socket, 20) == [("ack", each) for each in ids]
    assert list(stored(shared_server.data, ids)) == ids


def test_log_over_several_lines_is_one_log(shared_server: ServerProcess) -> None:
    (log_id,) = new_ids(1)
    with pushing(shared_server) as socket:
        socket.send(json.dumps(json.loads(log(id=log_id, k={"l": [1]})), indent=2))
        socket.send("no log")  # also beside a frame that is damaged
        assert told(socket, 2) == [("ack", log_id), ("error", None, 0)]
        assert list(stored(shared_server.data, [log_id])) == [log_id]


@pytest.mark.parametrize("form", ["array", "lines"])
def test_one_bad_log_of_frame_rejects_itself_alone(shared_server: ServerProcess, form: str) -> None:
    a, b, c, d = ids = new_ids(4)
    logs = [
        log(id=a),
        log(id=b, timestamp=""),
        "7",
        log(id=c),
        log(id=d, timestamp="now"),
        log(id=a),
    ]
    with pushing(shared_server) as socket:
        socket.send(array(*logs) if form == "array" else "\n".join(logs))
        expected = [("ack", a), ("error", b, 1), ("error", None, 2), ("ack", c), ("error", d, 4)]
        assert told(socket, 5) == expected
        assert receive(socket)["duplicate"]
    assert list(stored(shared_server.data, ids)) == [a, c]


def test_damaged_line_rejects_itself_alone(shared_server: ServerProcess) -> None:
    a, b = new_ids(2)
    with pushing(shared_server) as socket:
        socket.send(f'{log(id=a)}\n{{"type":\n{log(id=b)}\n')
        assert told(socket, 3) == [("ack", a), ("error", None, 1), ("ack", b)]


def test_array_that_is_no_json_is_one_error(shared_server: ServerProcess) -> None:
    with pushing(shared_server) as socket:
        socket.send(array(log(), log())[:-1])
        socket.send(log(id="a"))
        assert told(socket, 2) == [("error", None, 0), ("ack", "a")]


def test_frames_of_every_kind_sent_without_waiting_are_answered_in_order(
    shared_server: ServerProcess,
) -> None:
    expected: list[tuple[object, ...]] = []
    with pushing(shared_server) as socket:
        for number in range(200):
            a, b = new_ids(2)
            if number % 4 == 0:
                socket.send(log(id=a))
                expected.append(("ack", a))
            elif number % 4 == 1:
                socket.send(array(log(id=a), log(id=b, timestamp=""), log()))
                expected += [("ack", a), ("error", b, 1), ("ack", None)]
            elif number % 4 == 2:
                socket.send_binary(f"{log(id=a)}\n{log(id=b)}".encode())
                expected += [("ack", a), ("ack", b)]
            else:
                socket.send("")
                expected.append(("error", None, 0))
        found = told(socket, len(expected))
    # The id that the server made is not known beforehand.
    assert [
        each if want[1] else (want[0], None, *each[2:])
        for each, want in zip(found, expected, strict=True)
    ] == expected


# Fewer acks


def test_one_ack_frame_counts_what_it_held(shared_server: ServerProcess) -> None:
    a, b, c = ids = new_ids(3)
    with pushing(shared_server, "batch") as socket:
        socket.send(log(id=a))
        socket.send(array(log(id=b), log(id=a), log(id="bad", timestamp=""), log(id=c), "7"))
        socket.send("no log")
        first, second, third = receive_many(socket, 3)
    seqs = stored(shared_server.data, ids)
    assert first == batch_ack(first, 1, 0, seqs[a], [])
    assert second == batch_ack(
        second,
        3,
        1,
        seqs[c],
        [
            {"error": "invalid_log", "message": TIMESTAMP_RULE, "logId": "bad", "index": 2},
            {
                "error": "invalid_log",
                "message": "a log is a JSON object with type and message, this is a number",
                "logId": None,
                "index": 4,
            },
        ],
    )
    assert third["errors"][0]["message"].startswith("this is no JSON: ")
    assert third == batch_ack(third, 0, 0, None, third["errors"])
    assert len(third["errors"]) == 1


def batch_ack(
    found: dict[str, Any], count: int, duplicates: int, last: int | None, errors: list[Any]
) -> dict[str, Any]:
    return {
        "type": "ack",
        "count": count,
        "duplicates": duplicates,
        "lastSeq": last,
        "timestamp": found["timestamp"],
        "errors": errors,
    }


def test_ack_of_a_frame_has_the_seqs_that_are_asked_for(shared_server: ServerProcess) -> None:
    a, b, c = ids = new_ids(3)
    large = "x" * 300_000  # beyond what is decoded in one call
    with pushing(shared_server, "batch&seqs=true") as socket:
        socket.send(log(id=a))
        socket.send("\n".join([log(id=b), log(id="bad", timestamp=""), log(id=a), log(id=c)]))
        socket.send("\n".join([log(id=b), log(id=c), log(id=a, message=large)]))
        found = [each["seqs"] for each in receive_many(socket, 3)]
    seqs = stored(shared_server.data, ids)
    assert found == [
        [[seqs[a], 1, False]],
        [[seqs[b], 1, False], [seqs[a], 1, True], [seqs[c], 1, False]],
        [[seqs[b], 1, True], [seqs[c], 1, True], [seqs[a], 1, True]],
    ]


def test_ack_none_sends_errors_only(shared_server: ServerProcess) -> None:
    ids = new_ids(3)
    with pushing(shared_server, "none") as socket:
        socket.send(log(id=ids[0]))
        socket.send(array(log(id=ids[1]), log(id="bad", timestamp=""), log(id=ids[0])))
        socket.send(log(id=ids[2]))
        socket.send("")
        assert told(socket, 2) == [("error", "bad", 1), ("error", None, 0)]
    assert list(stored(shared_server.data, ids)) == ids


def test_ack_each_is_default(shared_server: ServerProcess) -> None:
    for ack in ("each", ""):
        a, b = new_ids(2)
        with pushing(shared_server, ack) as socket:
            socket.send(array(log(id=a), log(id=b)))
            assert told(socket, 2) == [("ack", a), ("ack", b)]


@pytest.mark.parametrize("ack", ["nonsense", "", "BATCH", "each,batch", "x" * 500])
def test_unknown_ack_mode_is_refused_before_upgrade(shared_server: ServerProcess, ack: str) -> None:
    header = f"Authorization: Bearer {shared_server.token}"
    answer = refused(f"{shared_server.ingest}?ack={ack}", header)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "type": "error",
        "error": "bad_request",
        "message": f"ack is each, batch or none, not {ack[:20]!r}",
    }


def test_missing_token_is_refused_before_ack_mode(shared_server: ServerProcess) -> None:
    assert refused(f"{shared_server.ingest}?ack=nonsense").status == 401


# The source document's client


def test_client_of_source_document_is_answered_as_it_expects(
    shared_server: ServerProcess,
) -> None:
    base = shared_server.ingest.removesuffix("/ingest")
    socket = websocket.create_connection(f"{base}/?token={shared_server.token}", timeout=10)
    with closing(socket):
        assert set(receive(socket)) == {"type", "clientId", "timestamp"}
        prefix = uuid.uuid4()
        ids = [f"msg-{number}-{prefix}" for number in range(1_000)]
        for number, log_id in enumerate(ids):
            message = f"Test message {number}"
            socket.send(json.dumps({"id": log_id, "type": "info", "message": message}))
        # It looks at these three only.
        answers = receive_many(socket, len(ids))
        assert [(each["type"], each["logId"]) for each in answers] == [
            ("ack", each) for each in ids
        ]
        assert all(isinstance(each["timestamp"], int) for each in answers)
        socket.send(json.dumps({"type": "info"}))
        error = receive(socket)
        assert (error["type"], error["error"]) == ("error", "invalid_log")
        assert error["message"]
