"""The live feed from a seq of the past on, and with filters, against real servers."""

import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import websocket

from tests.support.folders import alter
from tests.support.live import Received, follow, push, reading
from tests.support.processes import ServerProcess, serving
from tests.support.sockets import (
    DeflateSocket,
    break_off,
    connected,
    log,
    receive,
    receive_many,
    refused,
)
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow


def push_many(producer: websocket.WebSocket, count: int, size: int = 200) -> None:
    """Send logs and wait for their acks."""
    step = max(1, min(500, 2**22 // size))
    for begin in range(0, count, step):
        amount = min(step, count - begin)
        producer.send("\n".join([log(message="x" * size)] * amount))
        receive_many(producer, amount)


def test_reader_gets_all_that_is_stored_from_0_and_then_what_comes(
    server: ServerProcess,
) -> None:
    with connected(server) as producer:
        push_many(producer, 3_000)
        with reading(server, after=0) as reader:
            past = follow(reader, 3_000)
            assert past.positions[0] == 0
            assert past.seqs == list(range(1, 3_001))
            push(producer, log(id="new"))
            assert follow(reader, 3_001).seqs == [3_001]
        with reading(server, after=2_998) as reader:
            assert follow(reader, 3_001).seqs == [2_999, 3_000, 3_001]


def test_past_comes_in_shape_of_present(server: ServerProcess) -> None:
    with reading(server) as reader, connected(server) as producer:
        push(producer, '{"type":"a","message":"grüße \\u0000","seq":"mine","x":[1.50,{"k":null}]}')
        present = follow(reader, 1).logs
        with reading(server, after=0) as late:
            past = follow(late, 1).logs
        assert past == present
        assert list(past[0]) == list(present[0])


def test_reader_joining_under_load_gets_each_log_once_in_order(server: ServerProcess) -> None:
    count = 40_000
    with connected(server) as producer, connected(server) as second:
        push_many(producer, 2_000)
        sender = threading.Thread(target=push_many, args=(second, count))
        sender.start()
        try:
            for after in (0, 1_000):
                with reading(server, after=after) as reader:
                    received = follow(reader, after + 5_000)
                    assert received.seqs == list(range(after + 1, received.seqs[-1] + 1))
            with reading(server, after=1_500) as reader:
                received = follow(reader, 2_000 + count)
        finally:
            sender.join()
    assert received.seqs == list(range(1_501, 2_000 + count + 1))
    assert received.skipped == []


def test_one_seq_behind_and_one_beyond_last_join_present(server: ServerProcess) -> None:
    with connected(server) as producer:
        push(producer, log(), log())
        with reading(server, after=2) as exact, reading(server, after=2**63 - 1) as beyond:
            push(producer, log())
            for reader in (exact, beyond):
                received = follow(reader, 3)
                assert received.positions[0] == 2
                assert received.seqs == [3]


def test_filters_hold_for_past_and_present(data: Path) -> None:
    with serving(data) as server, connected(server) as producer:
        logs = [
            log(type="error", message="pump ran dry"),
            log(type="warning", message="pump slow"),
            log(type="error", message="Pump"),
            log(message="pump"),
        ]
        push(producer, *logs)
        with reading(server, after=0, type=["error", "warning"], contains="pump") as reader:
            assert follow(reader, 4).seqs == [1, 2]
            push(producer, *logs)
            received = follow(reader, 8)
            assert received.seqs == [5, 6]
            assert received.positions[-1] == 8
        with reading(server, after=0, source="nobody") as reader:
            assert follow(reader, 8).logs == []
        with reading(server, after=0, source="test") as reader:
            assert len(follow(reader, 8).logs) == 8


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("after=-1", "after is one seq: a whole number from 0; 0 begins with the first log"),
        ("after=1&after=2", "after is one seq: a whole number from 0; 0 begins with the first log"),
        ("typ=error", "'typ' is unknown here; there is type, source, contains, after, token"),
        ("type=", "type is empty; give a text, or leave it out for any"),
        ("contains=%FF", "contains is not UTF-8"),
    ],
)
def test_query_that_makes_no_sense_is_refused_before_upgrade(
    shared_server: ServerProcess, query: str, reason: str
) -> None:
    answer = refused(
        f"{shared_server.live}?{query}", f"Authorization: Bearer {shared_server.token}"
    )
    assert answer.status == 400
    assert answer.json == {"type": "error", "error": "bad_request", "message": reason}


def test_archived_logs_are_told_as_skipped(data: Path) -> None:
    with serving(data) as first, connected(first) as producer:
        push_many(producer, 10)
    alter(DataFolder(data).logs, "UPDATE seam SET archived_through = 6")
    with serving(data, token=first.token) as server:
        for after, begin in ((0, 1), (3, 4)):
            with reading(server, after=after) as reader:
                received = follow(reader, 10)
            archived = {"type": "skipped", "from": begin, "to": 6, "reason": "archived"}
            assert received.skipped == [archived]
            assert received.seqs == [7, 8, 9, 10]
        with reading(server, after=6) as reader:
            assert follow(reader, 10).skipped == []


def test_slow_reader_fetches_what_it_missed_and_nobody_else_notices(data: Path) -> None:
    count, size = 120, 200_000
    with (
        serving(data, "--live-buffer", "64KiB") as server,
        reading(server, receive_buffer=4096) as sleeper,
        reading(server) as awake,
        connected(server) as producer,
    ):
        others = Received()
        for number in range(1, count + 1):
            push(producer, log(message="x" * size))
            while not others.seqs or others.seqs[-1] < number:
                others.take(receive(awake))
        assert others.seqs == list(range(1, count + 1))
        assert others.skipped == []

        missed = follow(sleeper, count)
        assert missed.skipped
        fetched = []
        for each in missed.skipped:
            assert each["reason"] == "slow"
            with reading(server, after=each["from"] - 1) as again:
                found = Received()
                while not found.seqs or found.seqs[-1] < each["to"]:
                    found.take(receive(again))
            assert found.skipped == []
            fetched += [seq for seq in found.seqs if seq <= each["to"]]
        assert fetched == missed.gone
        assert sorted([*fetched, *missed.seqs]) == list(range(1, count + 1))


def test_reader_of_past_that_does_not_read_is_not_skipped(data: Path) -> None:
    count = 40
    with (
        serving(data, "--live-buffer", "64KiB") as server,
        connected(server) as producer,
    ):
        push_many(producer, count, 500_000)
        with reading(server, receive_buffer=4096, after=0) as sleeper:
            push_many(producer, 1_000)
            received = follow(sleeper, count + 1_000)
    assert received.seqs == list(range(1, count + 1_001))
    assert received.skipped == []


def test_reader_of_past_may_go_at_any_time(data: Path) -> None:
    with serving(data) as server:
        with connected(server) as producer:
            push_many(producer, 40, 500_000)
        for _ in range(3):
            with reading(server, receive_buffer=4096, after=0):
                pass
        # Who holds pages open would keep the writer from emptying its WAL at the end.
        with reading(server, receive_buffer=4096, after=0) as reader:
            assert server.stop() == 0
            break_off(reader)
    assert sorted(path.name for path in data.glob("logs.db*")) == ["logs.db"]


def _resident(server: ServerProcess) -> int:
    """Return the bytes of memory that a server has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


@pytest.mark.xdist_group("load")
@pytest.mark.parametrize("query", [{}, {"type": ["info"]}, {"after": 0}])
def test_readers_that_never_read_cost_their_buffers_while_200_000_logs_pass(
    data: Path, query: dict[str, object]
) -> None:
    buffer_size, sleepers, count = 2**20, 8, 200_000

    def send(server: ServerProcess, amount: int) -> None:
        with connected(server, f"{server.ingest}?ack=batch") as producer:
            for _ in range(amount // 2_000):
                producer.send("\n".join([log(message="x" * 200)] * 2_000))
                receive(producer)

    with serving(data, "--live-buffer", "1MiB") as server:
        send(server, 100_000)  # so that what the server itself takes has been taken
        before = _resident(server)
        with ExitStack() as opened:
            for _ in range(sleepers):
                opened.enter_context(reading(server, 4096, **query))
            send(server, count)
            grown = _resident(server) - before
        # 60 MB passed each of them; the margin is for what their frames and the heap take.
        assert grown < sleepers * buffer_size + 16 * 2**20


def test_readers_are_sent_plain_frames_also_when_they_offer_to_inflate(
    server: ServerProcess,
) -> None:
    with closing(DeflateSocket(server, server.live)) as reader, connected(server) as producer:
        assert reader.agreed == ""
        push(producer, log())
        kinds = set()
        while "logs" not in kinds:
            message, compressed = reader.receive()
            assert not compressed
            kinds.add(message["type"])
