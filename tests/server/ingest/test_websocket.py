"""Producers over a real socket: greeting, acks, duplicates, rejected logs, backpressure, close."""

import os
import struct
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import apsw
import pytest
import websocket

from server.websocket.frames import MAX_MESSAGE_SIZE
from tests.support.processes import ServerProcess, create_token, run_waterline, serving
from tests.support.sockets import (
    DeflateSocket,
    break_off,
    connected,
    decode,
    log,
    receive,
    receive_many,
    receive_until_closed,
    refused,
    wire,
)
from tests.support.waiting import wait_until
from waterline.clock import now_ms

slow = pytest.mark.slow


def stored(data: Path, source: str = "test") -> list[tuple[object, ...]]:
    """Return the logs of a source as the file holds them."""
    statement = "SELECT * FROM logs WHERE source = ? ORDER BY seq"
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        return connection.execute(statement, (source,)).fetchall()


def new_id() -> str:
    return f"id-{uuid.uuid4()}"


@pytest.fixture
def socket(shared_server: ServerProcess) -> Iterator[websocket.WebSocket]:
    """A connection to the shared server."""
    with connected(shared_server) as opened:
        yield opened


# What is acked


@slow
def test_ack_names_stored_id_and_seq(server: ServerProcess) -> None:
    with connected(server) as socket:
        before = now_ms()
        socket.send('{"id":"a","type":"info","message":"hello"}')
        ack = receive(socket)
        assert ack == {"type": "ack", "logId": "a", "seq": 1, "timestamp": ack["timestamp"]}
        assert before <= ack["timestamp"] <= now_ms()


@slow
def test_acked_log_is_in_file_with_all_its_columns(
    shared_server: ServerProcess, socket: websocket.WebSocket
) -> None:
    log_id, before = new_id(), now_ms()
    socket.send(log(id=log_id, message="grüße", timestamp="2026-11-23T16:45:01Z", seq=9, code=7))
    seq = receive(socket)["seq"]
    (row,) = (row for row in stored(shared_server.data) if row[1] == log_id)
    received_at = row[4]
    assert row == (
        seq,
        log_id,
        "info",
        1_795_452_301_000,
        received_at,
        "test",
        "grüße",
        '{"seq":9,"code":7}',
    )
    assert isinstance(received_at, int)
    assert before <= received_at <= now_ms()


@slow
def test_log_without_id_gets_one_that_sorts_by_time(socket: websocket.WebSocket) -> None:
    for _ in range(20):
        socket.send(log())
    found = [ack["logId"] for ack in receive_many(socket, 20)]
    assert {uuid.UUID(log_id).version for log_id in found} == {7}
    assert found == sorted(set(found))


@slow
def test_log_sent_again_is_acked_as_duplicate_with_its_first_seq(
    shared_server: ServerProcess, socket: websocket.WebSocket
) -> None:
    log_id = new_id()
    socket.send(log(id=log_id, message="first"))
    first = receive(socket)
    socket.send(log(id=log_id, message="second"))
    again = receive(socket)
    assert "duplicate" not in first
    assert again == first | {"duplicate": True, "timestamp": again["timestamp"]}
    with connected(shared_server) as other:
        other.send(log(id=log_id))
        assert receive(other)["seq"] == first["seq"]
    messages = [row[6] for row in stored(shared_server.data) if row[1] == log_id]
    assert messages == ["first"]


@slow
def test_source_of_log_is_name_of_its_token(shared_server: ServerProcess) -> None:
    log_id = new_id()
    pump = create_token(shared_server.data, "pump", ("ingest",))
    with connected(shared_server) as own, connected(shared_server, token=pump) as other:
        own.send(log(id=log_id, source="somebody else"))
        other.send(log(id=log_id))
        # The same id of another source is another log.
        assert "duplicate" not in receive(own)
        assert "duplicate" not in receive(other)
    ((_, found, *_, source, _, attributes),) = stored(shared_server.data, "pump")
    assert (found, source, attributes) == (log_id, "pump", "{}")


@slow
def test_logs_sent_without_waiting_are_acked_in_their_order(socket: websocket.WebSocket) -> None:
    sent = [f"{number}-{new_id()}" for number in range(3_000)]
    for log_id in sent:
        socket.send(log(id=log_id))
    acks = receive_many(socket, len(sent))
    assert [ack["logId"] for ack in acks] == sent
    seqs = [ack["seq"] for ack in acks]
    assert seqs == sorted(set(seqs))


@slow
def test_each_connection_gets_answers_to_its_own_logs(shared_server: ServerProcess) -> None:
    with connected(shared_server) as left, connected(shared_server) as right:
        sent: dict[websocket.WebSocket, list[str]] = {left: [], right: []}
        for number in range(500):
            for socket, ids in sent.items():
                ids.append(f"{number}-{new_id()}")
                socket.send(log(id=ids[-1]))
        seqs = set()
        for socket, ids in sent.items():
            acks = receive_many(socket, len(ids))
            assert [ack["logId"] for ack in acks] == ids
            seqs |= {ack["seq"] for ack in acks}
        assert len(seqs) == 1_000


@slow
def test_full_queue_holds_producers_back_and_loses_nothing(data: Path) -> None:
    # Each log alone is more than the queue may hold.
    with serving(data, "--queue-size", "1KiB") as server, connected(server) as socket:
        for number in range(200):
            socket.send(log(id=f"{number}", message="x" * 2_000))
        acks = receive_many(socket, 200)
        assert [(ack["logId"], ack["seq"]) for ack in acks] == [
            (f"{number}", number + 1) for number in range(200)
        ]
        assert server.get("/health")[1]["queue_bytes"] == 0


# What is refused, one log at a time


@slow
@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("hello", "this is no JSON: "),
        ("", "this holds no log; send a log, a JSON array of logs, or one log a line"),
        (" \n", "this holds no log; "),
        ("[]", "this holds no log; "),
        ("[" * 100_000, "this JSON is nested more than 64 levels deep"),
        ("[[]]", "a log is a JSON object with type and message, this is an array"),
        ("1", "a log is a JSON object with type and message, this is a number"),
        ("{}", "type must be a string of 1 to 64 characters"),
        ('{"type":"info"}', "message must be a string"),
        (log(id=""), "id must be a string of 1 to 128 characters"),
        (log(timestamp="soon"), "timestamp must be an RFC 3339 time or a number of seconds"),
    ],
)
def test_invalid_log_is_answered_with_error_and_connection_stays(
    socket: websocket.WebSocket, frame: str, message: str
) -> None:
    socket.send(frame)
    error = receive(socket)
    assert error == {
        "type": "error",
        "error": "invalid_log",
        "message": error["message"],
        "logId": None,
        "index": 0,
    }
    assert error["message"].startswith(message)
    log_id = new_id()
    socket.send(log(id=log_id))
    assert receive(socket)["logId"] == log_id


@slow
def test_error_names_log_where_it_can(socket: websocket.WebSocket) -> None:
    socket.send(log(id="a", timestamp=""))
    assert receive(socket)["logId"] == "a"


@slow
def test_errors_come_in_their_place_between_acks(socket: websocket.WebSocket) -> None:
    expected = []
    for number in range(600):
        log_id = f"{number}-{new_id()}"
        bad = number % 3 == 1
        socket.send(log(id=log_id, timestamp="soon" if bad else None))
        expected.append(("error" if bad else "ack", log_id))
    answers = receive_many(socket, len(expected))
    assert [(answer["type"], answer["logId"]) for answer in answers] == expected


# Frames


@slow
def test_binary_frame_is_log_too(socket: websocket.WebSocket) -> None:
    log_id = new_id()
    socket.send_binary(log(id=log_id).encode())
    assert receive(socket)["logId"] == log_id
    socket.send_binary(b"\xff\xfe")
    assert receive(socket)["error"] == "invalid_log"
    socket.send(log(id=log_id))
    assert receive(socket)["duplicate"]


@slow
def test_log_may_come_in_fragments_with_ping_between_them(socket: websocket.WebSocket) -> None:
    log_id = new_id()
    text = log(id=log_id, message="grüße " * 10).encode()
    opcodes = websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_CONT
    socket.send_frame(websocket.ABNF(0, 0, 0, 0, opcodes[0], 1, text[:20]))
    socket.send_frame(websocket.ABNF(0, 0, 0, 0, opcodes[1], 1, text[20:21]))
    socket.ping("are you there?")
    socket.send_frame(websocket.ABNF(1, 0, 0, 0, opcodes[1], 1, text[21:]))
    opcode, pong = socket.recv_data_frame(control_frame=True)
    assert (opcode, pong.data) == (websocket.ABNF.OPCODE_PONG, b"are you there?")
    assert receive(socket)["logId"] == log_id


@slow
def test_log_of_megabyte_is_stored_whole(
    shared_server: ServerProcess, socket: websocket.WebSocket
) -> None:
    log_id, message = new_id(), "🌊" * (2**20 // 4)
    socket.send(log(id=log_id, message=message))
    assert receive(socket)["logId"] == log_id
    assert [row[6] for row in stored(shared_server.data) if row[1] == log_id] == [message]


@slow
def test_message_over_16_mib_closes_its_connection_only(shared_server: ServerProcess) -> None:
    with connected(shared_server) as other:
        socket = shared_server.connect()
        # The head of a frame is enough: the server must not wait for the rest of it.
        size = MAX_MESSAGE_SIZE + 1
        wire(socket).sendall(struct.pack(">BBQ", 0x81, 0x80 | 127, size) + os.urandom(4))
        assert receive_until_closed(socket) == ([], 1009)
        socket.close()
        other.send(log())
        assert receive(other)["type"] == "ack"


@slow
def test_message_of_16_mib_is_taken(shared_server: ServerProcess) -> None:
    with connected(shared_server) as socket:
        frame = log(message="")
        socket.send(log(message="x" * (MAX_MESSAGE_SIZE - len(frame))))
        assert receive(socket)["type"] == "ack"


@slow
def test_client_that_goes_in_middle_of_frame_leaves_others_alone(
    shared_server: ServerProcess,
) -> None:
    with connected(shared_server) as other:
        socket = shared_server.connect()
        wire(socket).sendall(struct.pack(">BBH", 0x81, 0x80 | 126, 1_000) + b"mask" + b"part")
        break_off(socket)
        other.send(log())
        assert receive(other)["type"] == "ack"


@slow
def test_client_that_breaks_off_and_sends_all_again_stores_each_log_once(
    shared_server: ServerProcess,
) -> None:
    socket = shared_server.connect()
    sent = [new_id() for _ in range(300)]
    for log_id in sent:
        socket.send(log(id=log_id))
    break_off(socket)  # with all its answers unread
    with connected(shared_server) as other:
        for log_id in sent:
            other.send(log(id=log_id))
        seqs = {ack["logId"]: ack["seq"] for ack in receive_many(other, len(sent))}
    found = {row[1]: row[0] for row in stored(shared_server.data) if row[1] in seqs}
    assert found == seqs
    assert len(set(seqs.values())) == len(sent)


@slow
def test_compressed_logs_are_taken_where_client_offers_it(
    shared_server: ServerProcess,
) -> None:
    with closing(DeflateSocket(shared_server)) as socket:
        assert socket.agreed.startswith("permessage-deflate")
        # Acks are small and many: they are sent as they are, as RFC 7692 allows (section 6).
        greeting, compressed = socket.receive()
        assert (greeting["type"], compressed) == ("connection", False)
        for _ in range(3):  # what was sent before is the dictionary of what comes
            log_id = new_id()
            socket.send(log(id=log_id, message="water " * 1_000))
            assert socket.receive()[0]["logId"] == log_id
        log_id = new_id()
        socket.send_frame(log(id=log_id).encode(), compressed=False)
        assert socket.receive()[0]["logId"] == log_id


@slow
def test_no_compression_is_used_where_client_offers_none(socket: websocket.WebSocket) -> None:
    assert "sec-websocket-extensions" not in (socket.headers or {})


@slow
def test_small_frame_that_inflates_beyond_16_mib_closes_its_connection_only(
    shared_server: ServerProcess,
) -> None:
    with connected(shared_server) as other:
        with closing(DeflateSocket(shared_server)) as bomb:
            bomb.receive()
            bomb.send(log(message="x" * MAX_MESSAGE_SIZE))
            assert receive_until_closed(bomb.socket) == ([], 1009)
        other.send(log())
        assert receive(other)["type"] == "ack"


# Silence


@slow
def test_peer_that_is_gone_without_word_is_noticed(data: Path) -> None:
    with serving(data, "--idle-timeout", "500ms") as server:
        socket = server.connect()
        # It answers no ping, as a machine that lost its power does not.
        received = b""
        while b"ping timed out" not in received:
            part = wire(socket).recv(4096)
            assert part, "the server hung up without a word"
            received += part
        break_off(socket)


@slow
def test_silent_producer_that_answers_pings_stays_connected(data: Path) -> None:
    with serving(data, "--idle-timeout", "500ms") as server, connected(server) as socket:
        for _ in range(4):  # a second: twice the time
            opcode, _ = socket.recv_data(control_frame=True)
            assert opcode == websocket.ABNF.OPCODE_PING
        socket.send(log())
        assert receive(socket)["type"] == "ack"


@slow
@pytest.mark.parametrize("path", ["/ingest", "/live"])
def test_quiet_connection_is_pinged_as_often_as_set(data: Path, path: str) -> None:
    with serving(data, "--ping-every", "100ms") as server:
        socket = server.connect(server.ingest.replace("/ingest", path))
        pings = 0
        while pings < 3:  # an idle timeout would send the first one after 150 s
            opcode, _ = socket.recv_data(control_frame=True)
            pings += opcode == websocket.ABNF.OPCODE_PING
        break_off(socket)


# Who is let in


@slow
def test_greeting_names_client_and_time(shared_server: ServerProcess) -> None:
    header = [f"Authorization: Bearer {shared_server.token}"]
    ids = set()
    for _ in range(2):
        before = now_ms()
        with closing(
            websocket.create_connection(shared_server.ingest, header=header, timeout=10)
        ) as socket:
            greeting = receive(socket)
        assert greeting == {
            "type": "connection",
            "clientId": greeting["clientId"],
            "timestamp": greeting["timestamp"],
        }
        assert before <= greeting["timestamp"] <= now_ms()
        ids.add(uuid.UUID(greeting["clientId"]))
    assert len(ids) == 2


@slow
def test_token_may_come_in_query(shared_server: ServerProcess) -> None:
    url = f"{shared_server.ingest}?token={shared_server.token}"
    with closing(websocket.create_connection(url, timeout=10)) as socket:
        assert receive(socket)["type"] == "connection"
        socket.send(log())
        assert receive(socket)["type"] == "ack"


@slow
def test_header_goes_before_query(shared_server: ServerProcess) -> None:
    url = f"{shared_server.ingest}?token=wrong"
    with connected(shared_server, url) as socket:
        socket.send(log())
        assert receive(socket)["type"] == "ack"
    good = f"{shared_server.ingest}?token={shared_server.token}"
    assert refused(good, "Authorization: Bearer wrong").status == 401


@slow
@pytest.mark.parametrize("path", ["/", "/ingest"])
def test_producers_come_in_by_both_paths(shared_server: ServerProcess, path: str) -> None:
    url = shared_server.ingest.removesuffix("/ingest") + path
    with connected(shared_server, url) as socket:
        socket.send(log())
        assert receive(socket)["type"] == "ack"


UNAUTHORIZED = {"type": "error", "error": "unauthorized"}


@slow
def test_without_token_upgrade_is_refused(shared_server: ServerProcess) -> None:
    answer = refused(shared_server.ingest)
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json == UNAUTHORIZED | {
        "message": "a token is needed: send Authorization: Bearer TOKEN, Basic with the token as "
        "password, or ?token=TOKEN; `waterline token create` makes one"
    }


@slow
@pytest.mark.parametrize("wrong", ["wrong-token", "wl_" + "x" * 43, "gr%C3%BC%C3%9Fe"])
def test_wrong_token_is_refused_and_not_echoed(shared_server: ServerProcess, wrong: str) -> None:
    by_header = refused(shared_server.ingest, f"Authorization: Bearer {wrong}")
    by_query = refused(f"{shared_server.ingest}?token={wrong}")
    for answer in (by_header, by_query):
        assert answer.status == 401
        assert answer.json == UNAUTHORIZED | {"message": "this token is unknown; was it revoked?"}
        assert wrong not in answer.text
        assert wrong not in str(answer.headers)


@slow
def test_revoked_token_opens_nothing_more(shared_server: ServerProcess) -> None:
    token = create_token(shared_server.data, "brief")
    with connected(shared_server, token=token) as socket:
        socket.send(log())
        assert receive(socket)["type"] == "ack"
    run_waterline("token", "revoke", "brief", "--data", shared_server.data)
    answer = refused(shared_server.ingest, f"Authorization: Bearer {token}")
    assert (answer.status, answer.json["error"]) == (401, "unauthorized")
    assert token not in answer.text


@slow
def test_token_that_may_only_read_pushes_nothing(shared_server: ServerProcess) -> None:
    token = create_token(shared_server.data, "reader", ("read",))
    answer = refused(shared_server.ingest, f"Authorization: Bearer {token}")
    assert answer.status == 403
    assert answer.json == {
        "type": "error",
        "error": "forbidden",
        "message": "this token lacks the scope ingest",
    }


@slow
def test_unreadable_tokens_let_nobody_in_and_are_told_to_operator(data: Path) -> None:
    with serving(data) as server:
        server.expected_errors.append(r"tokens\.toml is damaged \(.*\); mend it or make the tokens")
        (data / "tokens.toml").write_text("[damaged")
        answer = refused(server.ingest, f"Authorization: Bearer {server.token}")
        assert answer.status == 503
        assert answer.json == {
            "type": "error",
            "error": "tokens_unreadable",
            "message": "the server cannot read its tokens",
        }


# HTTP


@contextmanager
def http(server: ServerProcess) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(urlsplit(server.ingest).netloc, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


@slow
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_any_other_path_is_answered_with_json_404(
    shared_server: ServerProcess, method: str
) -> None:
    with http(shared_server) as connection:
        connection.request(method, "/logs?token=secret")
        answer = connection.getresponse()
        body = answer.read()
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/json")
    assert decode(body) == {
        "type": "error",
        "error": "not_found",
        "message": "there is nothing at /logs; there is /ingest for WebSockets and POST, and for "
        "POST /v1/logs (OTLP), /loki/api/v1/push, /_bulk, /services/collector and /gelf, and /live "
        "for WebSockets",
    }


@slow
@pytest.mark.parametrize(
    ("method", "status"), [("GET", 426), ("PUT", 405), ("DELETE", 405), ("BREW", 405)]
)
def test_request_that_is_no_websocket_is_answered_with_json_error(
    shared_server: ServerProcess, method: str, status: int
) -> None:
    header = {"Authorization": f"Bearer {shared_server.token}"}
    with http(shared_server) as connection:
        connection.request(method, "/ingest", headers=header)
        answer = connection.getresponse()
        body = answer.read()
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert set(decode(body)) == {"type", "error", "message"}


@slow
@pytest.mark.parametrize(
    ("path", "takes"), [("/ingest", "WebSockets and POST"), ("/live", "WebSockets")]
)
def test_get_without_upgrade_is_told_what_path_takes(
    shared_server: ServerProcess, path: str, takes: str
) -> None:
    header = {"Authorization": f"Bearer {shared_server.token}"}
    with http(shared_server) as connection:
        connection.request("GET", path, headers=header)
        answer = connection.getresponse()
        assert answer.headers["Upgrade"] == "websocket"
        assert decode(answer.read())["message"] == f"this path takes {takes} only"


@slow
def test_token_never_appears_in_what_server_prints(data: Path) -> None:
    server: ServerProcess
    with serving(data) as server:
        token, wrong = server.token, "wl_wrong-" + "x" * 30
        base = server.ingest.removesuffix("/ingest")
        with connected(server, f"{server.ingest}?token={token}") as socket:
            socket.send("hello")
            receive(socket)
        for path in ("/ingest", "/live", "/none"):
            refused(f"{base}{path}?token={wrong}")
            refused(f"{base}{path}?token=%ff{wrong}")
            refused(f"{base}{path}?token={wrong}", f"Authorization: Bearer {wrong}")
        refused(f"{base}/none?token={token}")
        with http(server) as connection:
            for method, target in [("GET", "/ingest"), ("BREW", "/ingest"), ("GET", "/x")]:
                connection.request(method, f"{target}?token={token}")
                connection.getresponse().read()
        # Damaged tokens make the server log an error.
        (data / "tokens.toml").write_text("[damaged")
        refused(f"{base}/ingest?token={token}")
        wait_until(lambda: server.get("/health")[0] == 503)
        server.process.terminate()
        printed = "".join(server.process.communicate(timeout=30))
    assert "is damaged" in printed
    assert token not in printed
    assert wrong not in printed
    assert "token=" not in printed
