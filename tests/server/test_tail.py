"""The live feed: every log as stored, to everyone who reads, and what becomes of the slow."""

import json
from pathlib import Path

import pytest
import websocket

from tests.support.live import Received, follow, push, reading
from tests.support.processes import PATIENCE, ServerProcess, create_token, serving
from tests.support.sockets import (
    break_off,
    connected,
    log,
    receive,
    receive_many,
    refused,
)
from tests.support.waiting import wait_until
from waterline.records import MAX_DEPTH

slow = pytest.mark.slow


@slow
def test_reader_gets_each_log_as_it_is_stored(server: ServerProcess) -> None:
    with reading(server) as reader, connected(server) as producer:
        producer.send(
            '{"id":"a","type":"error","message":"grüße","timestamp":1700000000000,'
            '"seq":"mine","depth":[1,{"k":null}]}'
        )
        ack = receive(producer)
        (stored,) = follow(reader, ack["seq"]).logs
        assert stored == {
            "seq": ack["seq"],
            "id": "a",
            "type": "error",
            "timestamp": 1_700_000_000_000,
            "received_at": stored["received_at"],
            "source": "test",
            "message": "grüße",
            "attributes": {"seq": "mine", "depth": [1, {"k": None}]},
        }
        assert list(stored) == [
            *("seq", "id", "type", "timestamp", "received_at", "source", "message", "attributes")
        ]


@slow
def test_attributes_come_nested_however_deep_they_are(server: ServerProcess) -> None:
    deep = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    with reading(server) as reader, connected(server) as producer:
        (seq,) = push(producer, f'{{"type":"a","message":"m","x":{deep}}}')
        assert follow(reader, seq).logs[0]["attributes"] == {"x": json.loads(deep)}


@slow
def test_every_reader_gets_every_log_in_order_and_no_duplicate(server: ServerProcess) -> None:
    with reading(server) as one, reading(server) as two, connected(server) as producer:
        seqs = push(producer, *[log(id=str(number % 400)) for number in range(600)])
        assert max(seqs) == 400
        for reader in (one, two):
            received = follow(reader, 400)
            assert received.seqs == list(range(1, 401))
            assert received.skipped == []


@slow
def test_reader_who_takes_what_comes_misses_nothing_of_burst(server: ServerProcess) -> None:
    with reading(server) as reader, connected(server) as producer:
        count = 5_000
        for _ in range(count):
            producer.send(log(message="x" * 200))
        received = follow(reader, count)
        receive_many(producer, count)
    assert received.seqs == list(range(1, count + 1))
    assert received.skipped == []


@slow
def test_burst_larger_than_buffer_reaches_reader_who_takes_what_comes(data: Path) -> None:
    with (
        serving(data, "--live-buffer", "64KiB") as server,
        reading(server) as reader,
        connected(server) as producer,
    ):
        count = 1_000
        push(producer, *[log(message="x" * 500) for _ in range(count)])
        received = follow(reader, count)
    assert received.seqs == list(range(1, count + 1))
    assert received.skipped == []


@slow
def test_log_larger_than_buffer_reaches_reader_who_takes_what_comes(data: Path) -> None:
    with (
        serving(data, "--live-buffer", "64KiB") as server,
        reading(server) as reader,
        connected(server) as producer,
    ):
        (seq,) = push(producer, log(message="x" * 200_000))
        received = follow(reader, seq)
    assert [len(each["message"]) for each in received.logs] == [200_000]
    assert received.skipped == []


@slow
def test_reader_begins_with_what_is_committed_after_it_came(server: ServerProcess) -> None:
    with connected(server) as producer:
        push(producer, log(), log())
        with reading(server) as reader:
            (seq,) = push(producer, log())
            assert follow(reader, seq).seqs == [3]


@slow
def test_position_is_told_at_first_and_when_it_has_moved(server: ServerProcess) -> None:
    with reading(server) as reader:
        assert receive(reader) == {"type": "position", "seq": 0}
        with connected(server) as producer:
            (seq,) = push(producer, log())
        assert follow(reader, seq).positions[-1] == 1


@slow
def test_position_of_server_that_was_restarted_is_its_last_seq(data: Path) -> None:
    with serving(data) as first, connected(first) as producer:
        push(producer, log(), log())
    with serving(data, token=first.token) as second, reading(second) as reader:
        assert receive(reader) == {"type": "position", "seq": 2}


@slow
def test_readers_hear_of_clients_that_come_and_go(server: ServerProcess) -> None:
    header = [f"Authorization: Bearer {server.token}"]
    with reading(server) as reader:
        clients = []
        for url in (server.ingest, server.live):
            client = websocket.create_connection(url, header=header, timeout=PATIENCE)
            clients.append(receive(client)["clientId"])
            client.close()
        received = Received()
        while len(received.events) < 4:
            received.take(receive(reader))
    events = [(each["type"], each["clientId"]) for each in received.events]
    assert sorted(events) == sorted(
        (kind, client) for client in clients for kind in ("client_connect", "client_disconnect")
    )
    for client in clients:
        assert events.index(("client_connect", client)) < events.index(
            ("client_disconnect", client)
        )
    for each in received.events:
        assert set(each) == {"type", "clientId", "timestamp"}


@slow
def test_producer_that_breaks_off_is_told_as_gone(server: ServerProcess) -> None:
    with reading(server) as reader:
        break_off(server.connect())
        received = Received()
        while len(received.events) < 2:
            received.take(receive(reader))
    assert [each["type"] for each in received.events] == ["client_connect", "client_disconnect"]


@slow
def test_readers_are_counted_and_forgotten_when_they_go(server: ServerProcess) -> None:
    def readers() -> object:
        return server.get("/health")[1]["live_readers"]

    with reading(server), reading(server) as brief:
        wait_until(lambda: readers() == 2)
        break_off(brief)
        wait_until(lambda: readers() == 1)
    wait_until(lambda: readers() == 0)


@slow
def test_messages_of_reader_are_dropped(server: ServerProcess) -> None:
    with reading(server) as reader, connected(server) as producer:
        reader.send(log(id="from a reader"))
        reader.send_binary(b"\xff")
        (seq,) = push(producer, log(id="from a producer"))
        assert [each["id"] for each in follow(reader, seq).logs] == ["from a producer"]


@slow
def test_reading_wants_token_that_may_read(server: ServerProcess) -> None:
    assert refused(server.live).status == 401
    token = create_token(server.data, "pump", ("ingest",))
    answer = refused(server.live, f"Authorization: Bearer {token}")
    assert answer.status == 403
    assert answer.json["message"] == "this token lacks the scope read"
    reader = create_token(server.data, "eyes", ("read",))
    with connected(server, f"{server.live}?token={reader}", reader):
        pass


@slow
def test_reader_that_does_not_read_is_told_what_it_missed_and_holds_up_nobody(
    data: Path,
) -> None:
    large = log(message="x" * 1_000_000)
    count = 24  # 24 MB: far more than buffer and kernel hold for one who does not read
    with (
        serving(data, "--live-buffer", "64KiB") as server,
        reading(server, receive_buffer=4096) as sleeper,
        reading(server) as awake,
        connected(server) as producer,
    ):
        received = Received()
        for number in range(1, count + 1):
            push(producer, large)
            while not received.seqs or received.seqs[-1] < number:
                received.take(receive(awake))
        assert received.seqs == list(range(1, count + 1))
        assert received.skipped == []

        missed = follow(sleeper, count)
        assert {each["reason"] for each in missed.skipped} == {"slow"}
        assert missed.accounted_for == list(range(1, count + 1))
        assert missed.seqs == sorted(missed.seqs)
        assert missed.seqs[0] == 1

        # From here on it gets everything again.
        push(producer, log())
        assert follow(sleeper, count + 1).seqs == [count + 1]
