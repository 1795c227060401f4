"""What one token may do on a real server: connections, bytes a second, and what its end ends."""

import re
from contextlib import ExitStack, closing
from pathlib import Path
from typing import cast

import apsw
import msgspec
import pytest
import websocket

from tests.support.posting import error_of, post
from tests.support.processes import ServerProcess, create_token, run_waterline, serving
from tests.support.sockets import (
    CLOSE,
    Answer,
    break_off,
    connected,
    log,
    receive,
    receive_many,
    refused,
)
from tests.support.waiting import wait_until
from waterline.clock import now_ms
from waterline.tokens import Scope, TokenFile
from workbench import Producer

pytestmark = pytest.mark.slow

KIBIBYTE = 1024
RATE = ("--token-rate", "20KiB")


def large_log(log_id: str, size: int) -> str:
    """Return a log of so many bytes."""
    text = log(id=log_id, message="")
    return log(id=log_id, message="x" * (size - len(text)))


def stored_ids(data: Path, source: str) -> list[str]:
    """Return the ids of a source as the file holds them, in the order of seq."""
    statement = "SELECT id FROM logs WHERE source = ? ORDER BY seq"
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        return [str(log_id) for (log_id,) in connection.execute(statement, (source,))]


def last_words(socket: websocket.WebSocket) -> tuple[int, str]:
    """Return the code and the reason of the close frame that must come."""
    while True:
        opcode, data = socket.recv_data()
        if opcode == CLOSE:
            break_off(socket)
            return int.from_bytes(data[:2]), data[2:].decode()


def is_served(producer: websocket.WebSocket) -> bool:
    """Say whether a log of this connection is acked."""
    producer.send(log())
    return bool(receive(producer)["type"] == "ack")


def ask(server: ServerProcess, url: str | None = None, token: str | None = None) -> Answer:
    """Ask for a WebSocket that must be refused."""
    return refused(url or server.ingest, f"Authorization: Bearer {token or server.token}")


def revoke(data: Path, name: str) -> None:
    done = run_waterline("token", "revoke", name, "--data", data)
    assert done.returncode == 0, done.stderr


# Connections


def test_token_holds_no_more_connections_than_it_may(data: Path) -> None:
    with serving(data, "--token-connections", "2") as server, ExitStack() as opened:
        other = create_token(data, "other")
        first = server.connect()
        opened.enter_context(connected(server, server.live))
        for url in (server.ingest, server.live):
            answer = ask(server, url)
            assert answer.status == 429
            assert answer.headers["content-type"] == "application/json"
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json == {
                "type": "error",
                "error": "too_many_connections",
                "message": "the token test holds 2 connections already; close one first, "
                "or raise the server's setting token_connections",
            }
        assert is_served(opened.enter_context(connected(server, token=other)))
        assert is_served(first)

        first.close()
        wait_until(lambda: server.get("/health")[1]["connections"] == 2)
        assert is_served(opened.enter_context(connected(server)))
        assert ask(server).status == 429


def test_connection_that_breaks_off_makes_room_too(data: Path) -> None:
    with serving(data, "--token-connections", "1") as server:
        for _ in range(5):
            break_off(server.connect())
            wait_until(lambda: server.get("/health")[1]["connections"] == 0)
        # What is refused takes no place, whatever it is refused for.
        for _ in range(3):
            assert ask(server, f"{server.ingest}?ack=x").status == 400
        with connected(server) as producer:
            assert is_served(producer)


# Bytes a second


def test_fast_producer_is_held_back_without_loss(data: Path) -> None:
    ids = [f"fast-{number}" for number in range(10)]
    with serving(data, *RATE) as server:
        other = create_token(data, "other")
        with connected(server) as fast, connected(server, token=other) as slow:
            for log_id in ids:
                fast.send(large_log(log_id, 10 * KIBIBYTE))
            meanwhile = []
            for _ in range(20):
                slow.send(log())
                meanwhile.append(receive(slow)["seq"])
            answers = receive_many(fast, len(ids))
        assert [(each["type"], each["logId"]) for each in answers] == [
            ("ack", each) for each in ids
        ]
        assert max(meanwhile) < answers[-1]["seq"], "it was not held back"
        assert stored_ids(data, "test") == ids


def test_request_beyond_rate_is_taken_once_its_time_has_come(data: Path) -> None:
    first, second = (large_log(log_id, 15 * KIBIBYTE).encode() for log_id in ("first", "second"))
    with serving(data, *RATE) as server:
        assert post(server, first).status == 200
        answer = post(server, second)
        assert error_of(answer) == (429, "too_many_bytes")
        assert int(answer.headers["Retry-After"]) >= 1
        assert post(server, second, token=create_token(data, "other")).status == 200
        answers = []

        def is_taken() -> bool:
            answers.append(post(server, second))
            return answers[-1].status == 200

        wait_until(is_taken)
        assert {each.status for each in answers[:-1]} <= {429}
        assert (answers[-1].json["count"], answers[-1].json["duplicates"]) == (1, 0)
    assert stored_ids(data, "test") == ["first", "second"]


def test_held_back_producer_survives_idle_timeout(
    data: Path,
) -> None:
    # The first log is held back for two and a half seconds, in which no pong is read.
    with serving(data, *RATE, "--idle-timeout", "500ms") as server, connected(server) as producer:
        producer.send(large_log("first", 70 * KIBIBYTE))
        producer.send(log(id="second"))
        assert [each["logId"] for each in receive_many(producer, 2)] == ["first", "second"]
        assert is_served(producer)


# The end of a token


def test_revoked_token_loses_its_connections_and_no_other_does(server: ServerProcess) -> None:
    gone = create_token(server.data, "gone")
    with connected(server) as producer, connected(server, server.live) as reader:
        lost = [server.connect(url, gone) for url in (server.ingest, server.ingest, server.live)]
        assert is_served(lost[0])
        revoke(server.data, "gone")
        assert [last_words(each) for each in lost] == [(1008, "the token was revoked")] * 3
        assert is_served(producer)
        while receive(reader)["type"] != "logs":
            pass
        wait_until(lambda: server.get("/health")[1]["connections"] == 2)
    assert ask(server, token=gone).status == 401


def test_token_made_anew_under_its_name_ends_what_came_with_old_one(
    server: ServerProcess,
) -> None:
    old = [server.connect(), server.connect(server.live)]
    revoke(server.data, "test")
    token = create_token(server.data, "test")
    with connected(server, token=token) as producer:
        assert [last_words(each) for each in old] == [(1008, "the token was revoked")] * 2
        assert is_served(producer)


def test_token_with_new_text_ends_what_came_with_old_one(server: ServerProcess) -> None:
    old = server.connect()
    tokens = TokenFile(server.data / "tokens.toml")
    token = tokens.renew("test", [Scope.INGEST], now_ms())  # as `waterline up --demo` does
    with connected(server, token=token) as producer:
        assert last_words(old) == (1008, "the token was revoked")
        assert is_served(producer)


def test_token_that_loses_scope_loses_connections_that_need_it(
    server: ServerProcess,
) -> None:
    path = server.data / "tokens.toml"
    producer = server.connect()
    with connected(server, server.live) as reader:
        narrowed = re.sub(r'\s*"ingest",', "", path.read_text())
        assert msgspec.toml.decode(narrowed)["test"]["scopes"] == ["read"]
        changed = path.with_suffix(".changed")
        changed.write_text(narrowed)
        changed.replace(path)
        assert last_words(producer) == (1008, "the token was revoked")
        assert ask(server).status == 403
        with connected(server, token=create_token(server.data, "other")) as other:
            assert is_served(other)
        while receive(reader)["type"] != "logs":
            pass


def test_damaged_tokens_close_nothing_and_are_told(server: ServerProcess) -> None:
    path, errors = server.data / "tokens.toml", server.process.stderr
    gone = create_token(server.data, "gone")
    whole = path.read_text()
    assert errors is not None
    with connected(server) as producer, connected(server, token=gone) as other:
        path.write_text("[damaged")
        assert "; until then connections stay open and none is let in" in errors.readline()
        assert is_served(producer)
        assert is_served(other)
        path.write_text(whole)
        revoke(server.data, "gone")
        assert last_words(other) == (1008, "the token was revoked")
        assert is_served(producer)


@pytest.mark.parametrize("content", [None, b""], ids=["gone", "empty"])
def test_producer_goes_on_when_tokens_are_away_for_while(
    server: ServerProcess, content: bytes | None
) -> None:
    path = server.data / "tokens.toml"
    good = path.read_bytes()
    server.expected_errors.append("until then connections stay open and none is let in")
    with Producer(server.ingest, server.token) as producer, connected(server) as other:
        producer.send({"type": "info", "message": "kept"})
        producer.flush()
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        wait_until(lambda: server.get("/health")[0] == 503)
        reasons = server.get("/health")[1]["reasons"]
        assert [each for each in cast("list[str]", reasons) if str(path) in each]
        assert ask(server).status == 503  # and not 401, which a producer takes for the end
        producer.send({"type": "info", "message": "kept"})
        producer.flush()
        assert is_served(other)
        path.write_bytes(good)
        wait_until(lambda: server.get("/health")[0] == 200)
        with connected(server) as anew:
            assert is_served(anew)
