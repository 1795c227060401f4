"""The live feed: every log as stored, to everyone who reads, and what becomes of the slow."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any

import pytest
import websocket
from hypothesis import given
from hypothesis import strategies as st

from server.live import FRAME_SIZE, TICKS_A_POSITION, LiveHub
from server.records import MAX_DEPTH
from server.writer import Row
from tests.support.processes import PATIENCE, ServerProcess, create_token, serving
from tests.support.sockets import (
    break_off,
    connected,
    decode,
    log,
    receive,
    receive_many,
    refused,
)
from tests.support.waiting import wait_until

slow = pytest.mark.slow


@dataclass
class Received:
    """What a reader was told, kind by kind, each in its order."""

    logs: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "logs":
            self.logs += message["logs"]
        elif kind == "skipped":
            self.skipped.append(message)
        elif kind == "position":
            self.positions.append(message["seq"])
        else:
            self.events.append(message)

    @property
    def seqs(self) -> list[int]:
        return [each["seq"] for each in self.logs]

    @property
    def accounted_for(self) -> list[int]:
        """Every seq that came or was told to be skipped, once for each time, in order."""
        gone = [seq for each in self.skipped for seq in range(each["from"], each["to"] + 1)]
        return sorted([*self.seqs, *gone])


def follow(reader: websocket.WebSocket, until: int) -> Received:
    """Read up to a position that is not before a seq."""
    received = Received()
    while not received.positions or received.positions[-1] < until:
        received.take(receive(reader))
    return received


def push(producer: websocket.WebSocket, *logs: str) -> list[int]:
    """Send logs and return their seqs."""
    for each in logs:
        producer.send(each)
    return [answer["seq"] for answer in receive_many(producer, len(logs))]


@contextmanager
def reading(server: ServerProcess, receive_buffer: int = 0) -> Iterator[websocket.WebSocket]:
    """Follow the live feed; the kernel may be told to buffer little."""
    with closing(
        websocket.create_connection(
            server.live,
            header=[f"Authorization: Bearer {server.token}"],
            sockopt=[(SOL_SOCKET, SO_RCVBUF, receive_buffer)] if receive_buffer else [],
            timeout=PATIENCE,
            skip_utf8_validation=True,  # it looks at each byte in Python: 4 MB/s
        )
    ) as reader:
        assert receive(reader)["type"] == "connection"
        yield reader


# Over a real socket


@slow
def test_a_reader_gets_each_log_as_it_is_stored(server: ServerProcess) -> None:
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
def test_a_reader_who_takes_what_comes_misses_nothing_of_a_burst(server: ServerProcess) -> None:
    with reading(server) as reader, connected(server) as producer:
        count = 5_000
        for _ in range(count):
            producer.send(log(message="x" * 200))
        received = follow(reader, count)
        receive_many(producer, count)
    assert received.seqs == list(range(1, count + 1))
    assert received.skipped == []


@slow
def test_a_burst_larger_than_the_buffer_reaches_a_reader_who_takes_what_comes(data: Path) -> None:
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
def test_a_log_larger_than_the_buffer_reaches_a_reader_who_takes_what_comes(data: Path) -> None:
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
def test_a_reader_begins_with_what_is_committed_after_it_came(server: ServerProcess) -> None:
    with connected(server) as producer:
        push(producer, log(), log())
        with reading(server) as reader:
            (seq,) = push(producer, log())
            assert follow(reader, seq).seqs == [3]


@slow
def test_the_position_is_told_each_second_also_when_nothing_comes(server: ServerProcess) -> None:
    with reading(server) as reader:
        assert [receive(reader), receive(reader)] == [{"type": "position", "seq": 0}] * 2
        with connected(server) as producer:
            (seq,) = push(producer, log())
        assert follow(reader, seq).positions[-1] == 1


@slow
def test_the_position_of_a_server_that_was_restarted_is_its_last_seq(data: Path) -> None:
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
def test_a_producer_that_breaks_off_is_told_as_gone(server: ServerProcess) -> None:
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
        assert readers() == 2
        break_off(brief)
        wait_until(lambda: readers() == 1)
    wait_until(lambda: readers() == 0)


@slow
def test_what_a_reader_says_is_dropped(server: ServerProcess) -> None:
    with reading(server) as reader, connected(server) as producer:
        reader.send(log(id="from a reader"))
        reader.send_binary(b"\xff")
        (seq,) = push(producer, log(id="from a producer"))
        assert [each["id"] for each in follow(reader, seq).logs] == ["from a producer"]


@slow
def test_reading_wants_a_token_that_may_read(server: ServerProcess) -> None:
    assert refused(server.live).status == 401
    token = create_token(server.data, "pump", ("ingest",))
    answer = refused(server.live, f"Authorization: Bearer {token}")
    assert answer.status == 403
    assert answer.json["message"] == "this token lacks the scope read"
    reader = create_token(server.data, "eyes", ("read",))
    with connected(server, f"{server.live}?token={reader}", reader):
        pass


@slow
def test_a_reader_that_does_not_read_is_told_what_it_missed_and_holds_up_nobody(
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


# The hub alone


class FakeReader:
    """A reader whose peer takes frames only when told to."""

    def __init__(self) -> None:
        self.unsent = 0
        self.received = Received()
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.unsent += len(frame)
        self.received.take(decode(frame))

    def take_all(self) -> None:
        self.unsent = 0


def row(seq: int, size: int = 10) -> Row:
    return (seq, f"id {seq}", "info", 1, 2, "web", "x" * size, "{}")


def test_logs_gather_until_the_next_tick() -> None:
    hub, reader = LiveHub(10_000, 0), FakeReader()
    hub.subscribe(reader)
    hub.publish([row(1), row(2)])
    hub.publish([row(3)])
    assert reader.frames == []
    hub.tick()
    assert len(reader.frames) == 1
    assert reader.received.seqs == [1, 2, 3]
    hub.tick()
    assert len(reader.frames) == 1


def test_many_logs_do_not_wait_for_the_tick() -> None:
    hub, reader = LiveHub(16 * FRAME_SIZE, 0), FakeReader()
    hub.subscribe(reader)
    hub.publish([row(seq, FRAME_SIZE // 4) for seq in range(1, 10)])
    assert reader.received.seqs == list(range(1, 9))
    assert max(map(len, reader.frames)) < FRAME_SIZE * 5 // 4 + 1_000


def test_a_reader_that_comes_between_two_ticks_gets_nothing_from_before() -> None:
    hub, early, late = LiveHub(10_000, 0), FakeReader(), FakeReader()
    hub.subscribe(early)
    hub.publish([row(1)])
    hub.subscribe(late)
    hub.publish([row(2)])
    hub.tick()
    assert (early.received.seqs, late.received.seqs) == ([1, 2], [2])


def test_a_reader_that_went_gets_nothing_more() -> None:
    hub, reader = LiveHub(10_000, 0), FakeReader()
    hub.subscribe(reader)
    assert hub.readers == 1
    hub.unsubscribe(reader)
    hub.unsubscribe(reader)
    hub.publish([row(1)])
    for _ in range(TICKS_A_POSITION):
        hub.tick()
    assert reader.frames == []
    assert hub.readers == 0


def test_the_position_is_told_every_fifth_tick_with_or_without_readers_before() -> None:
    hub, reader = LiveHub(10_000, 41), FakeReader()
    hub.publish([row(42)])
    hub.subscribe(reader)
    for _ in range(TICKS_A_POSITION * 2):
        hub.tick()
    assert reader.received.positions == [42, 42]
    assert reader.received.logs == []


def test_a_slow_reader_is_told_the_whole_range_once_it_reads_again() -> None:
    hub, reader = LiveHub(1_000, 0), FakeReader()
    hub.subscribe(reader)
    hub.publish([row(seq, 500) for seq in range(1, 21)])
    assert (reader.received.seqs, reader.received.skipped) == ([1], [])
    reader.take_all()
    hub.publish([row(21, 500)])
    assert reader.received.skipped == [{"type": "skipped", "from": 2, "to": 20, "reason": "slow"}]
    assert reader.received.seqs == [1, 21]


def test_a_slow_reader_is_told_before_anything_else_also_before_events() -> None:
    hub, reader = LiveHub(1_000, 0), FakeReader()
    hub.subscribe(reader)
    hub.publish([row(1, 900)])
    hub.tick()
    hub.publish([row(2, 900)])
    hub.tick()
    reader.take_all()
    hub.announce("client_connect", "c", 5)
    assert [decode(frame)["type"] for frame in reader.frames] == [
        "logs",
        "skipped",
        "client_connect",
    ]


def test_one_slow_reader_takes_nothing_from_the_others() -> None:
    hub, asleep, awake = LiveHub(1_000, 0), FakeReader(), FakeReader()
    hub.subscribe(asleep)
    hub.subscribe(awake)
    for seq in range(1, 51):
        hub.publish([row(seq, 400)])
        hub.tick()
        awake.take_all()
    assert awake.received.seqs == list(range(1, 51))
    assert awake.received.skipped == []


def test_what_a_slow_reader_holds_stays_bounded() -> None:
    hub, reader = LiveHub(10_000, 0), FakeReader()
    hub.subscribe(reader)
    for seq in range(1, 501):
        hub.publish([row(seq, 300)])
        hub.announce("client_connect", "c", 5)
        hub.tick()
    assert reader.unsent <= 10_000 + 100  # and the word that it skipped


def test_events_a_slow_reader_has_no_room_for_are_dropped() -> None:
    hub, reader = LiveHub(100, 0), FakeReader()
    hub.subscribe(reader)
    hub.announce("client_connect", "a", 5)
    hub.announce("client_connect", "b", 5)
    reader.take_all()
    hub.announce("client_connect", "c", 5)
    assert [each["clientId"] for each in reader.received.events] == ["a", "c"]


actions = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.lists(st.integers(0, 600), max_size=6)),
        st.tuples(st.sampled_from(["tick", "take", "announce"]), st.just([])),
    ),
    max_size=60,
)


@given(actions, st.integers(0, 2_000))
def test_whatever_a_reader_does_each_seq_comes_or_is_told_as_skipped_once(
    given_actions: list[tuple[str, list[int]]], buffer_size: int
) -> None:
    hub, reader, last = LiveHub(buffer_size, 0), FakeReader(), 0
    hub.subscribe(reader)
    for action, sizes in given_actions:
        if action == "publish":
            hub.publish([row(last + number, size) for number, size in enumerate(sizes, 1)])
            last += len(sizes)
        elif action == "tick":
            hub.tick()
        elif action == "announce":
            hub.announce("client_connect", "c", 5)
        else:
            reader.take_all()
    for _ in range(TICKS_A_POSITION):
        reader.take_all()
        hub.tick()
    # A reader of no buffer at all is told with the next frame that finds it empty.
    reader.take_all()
    hub.announce("client_connect", "c", 5)
    assert reader.received.accounted_for == list(range(1, last + 1))
    assert reader.received.seqs == sorted(reader.received.seqs)
    assert reader.received.positions[-1] == last
