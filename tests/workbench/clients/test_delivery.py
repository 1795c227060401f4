"""Delivery of logs, many a frame, to servers that come late, refuse, stall and end."""

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

import workbench
from tests.support.ports import lasting_port
from tests.support.processes import ServerProcess, create_token, serving, stalled, start_server
from tests.support.resetting_proxy import resetting_proxy
from tests.support.sockets import connected
from tests.support.waiting import wait_until
from waterline.errors import DeliveryError, UsageError
from workbench.clients.answers import Answer
from workbench.clients.delivery import Delivery
from workbench.clients.outbox import FRAME_LOGS, FRAME_SIZE, MAX_MESSAGE_SIZE, MAX_WAITING_SIZE
from workbench.clients.producer import Producer, Reply

pytestmark = pytest.mark.slow

TIMESTAMP_RULE = (
    "timestamp must be an RFC 3339 time or a number of seconds to nanoseconds since 1970 UTC"
)


def log(log_id: str, **others: object) -> bytes:
    return json.dumps({"id": log_id, "type": "info", "message": "m"} | others).encode()


class Heard:
    """What a delivery is answered, frame by frame."""

    def __init__(self) -> None:
        self.frames: list[tuple[Sequence[int], Answer]] = []

    def __call__(self, tags: Sequence[int], answer: Answer) -> None:
        self.frames.append((tags, answer))

    @property
    def tags(self) -> list[int]:
        return [tag for tags, _ in self.frames for tag in tags]

    @property
    def faults(self) -> list[tuple[int, str]]:
        return [
            (tags[each.index], each.message)
            for tags, answer in self.frames
            for each in answer.errors
        ]


def delivered(data: Path, logs: Sequence[bytes], *, window: int = 100_000) -> Heard:
    """Queue logs, tagged by their place, before the server comes; return what was answered."""
    heard, token, port = Heard(), create_token(data), lasting_port()
    url = f"ws://127.0.0.1:{port}/ingest"
    delivery = Delivery(url, token, window=window, patience=60, on_answer=heard)
    try:
        for tag, each in enumerate(logs):
            delivery.put(each, tag)
        with serving(data, "--port", str(port), token=token):
            delivery.flush()
    finally:
        delivery.close()
    return heard


# Frames


def test_queued_logs_go_in_full_frames_and_are_answered_in_order(data: Path) -> None:
    heard = delivered(data, [log(f"{n:05d}") for n in range(2_500)])
    assert heard.tags == list(range(2_500))
    assert max(len(tags) for tags, _ in heard.frames) == FRAME_LOGS
    assert len(heard.frames) < 10
    with workbench.connect(data) as wb:
        assert list(wb.logs().sort_values("seq")["id"]) == [f"{n:05d}" for n in range(2_500)]


def test_odd_logs_of_a_frame_are_rejected_alone_each_with_its_reason(data: Path) -> None:
    logs = [log(str(n)) for n in range(1_500)]
    logs[0] = log("first", timestamp="")
    logs[7] = b'{"no": "json'
    logs[999] = b"[]"
    logs[1_000] = log("x" * 200)
    heard = delivered(data, logs)
    assert [tag for tag, _ in heard.faults] == [0, 7, 999, 1_000]
    assert heard.faults[0][1] == TIMESTAMP_RULE
    assert heard.faults[1][1].startswith("this is no JSON: ")
    with workbench.connect(data) as wb:
        assert set(wb.logs()["id"]) == {str(n) for n in range(1_500)} - {"0", "7", "999", "1000"}


def test_frame_of_nothing_but_odd_logs_names_every_one(data: Path) -> None:
    heard = delivered(data, [log(str(n), timestamp="") for n in range(3_000)])
    assert heard.faults == [(n, TIMESTAMP_RULE) for n in range(3_000)]


def test_large_logs_go_alone_between_small_ones(data: Path) -> None:
    sizes = [10, FRAME_SIZE - 100, FRAME_SIZE, 10, 3 * FRAME_SIZE, 2**20, 10]
    heard = delivered(data, [log(str(n), message="x" * size) for n, size in enumerate(sizes)])
    assert heard.tags == list(range(len(sizes)))
    with workbench.connect(data) as wb:
        logs = wb.logs().sort_values("seq")
    assert list(logs["message"].str.len()) == sizes


def test_log_may_take_as_much_as_a_message(data: Path) -> None:
    frame = len(log("a", message=""))
    largest = log("a", message="x" * (MAX_MESSAGE_SIZE - frame))
    heard = delivered(data, [log("b"), largest, log("c")])
    assert (heard.tags, heard.faults) == ([0, 1, 2], [])


def test_larger_log_is_refused_and_the_next_is_sent(server: ServerProcess) -> None:
    heard = Heard()
    delivery = Delivery(server.ingest, server.token, window=10, patience=60, on_answer=heard)
    with pytest.raises(UsageError, match=f"16 MiB as JSON, this one takes {MAX_MESSAGE_SIZE + 1} "):
        delivery.put(b"x" * (MAX_MESSAGE_SIZE + 1), 0)
    delivery.put(log("a"), 1)
    delivery.flush()
    delivery.close()
    assert heard.tags == [1]


# The window


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def has_acked(sender: Delivery[int] | Producer, count: int) -> bool:
    return sender.counts.acked >= count


def test_put_waits_while_so_many_bytes_are_without_an_answer(server: ServerProcess) -> None:
    size = 2**20
    count = 2 * MAX_WAITING_SIZE // size
    with Producer(server.ingest, server.token) as producer:
        producer.send({"type": "info", "message": "m"})
        producer.flush()
        with stalled(server.process):
            sending = in_thread(
                lambda: [
                    producer.send({"type": "info", "message": "x" * size}) for _ in range(count)
                ]
            )
            wait_until(lambda: producer.counts.waiting * size >= MAX_WAITING_SIZE - size)
            sending.join(0.2)
            assert sending.is_alive()
            assert producer.counts.waiting <= MAX_WAITING_SIZE // size + 1
        sending.join()
    assert producer.counts.stored == count + 1


def test_single_log_is_acked_without_another_or_a_flush(server: ServerProcess) -> None:
    with Producer(server.ingest, server.token) as producer:
        for number in range(20):
            producer.send({"type": "info", "message": "m"})
            wait_until(partial(has_acked, producer, number + 1))


def test_many_threads_may_send(server: ServerProcess) -> None:
    replies: list[Reply] = []
    with Producer(server.ingest, server.token, window=500, on_reply=replies.append) as producer:

        def send(thread: int) -> None:
            for number in range(2_000):
                producer.send({"id": f"{thread}-{number:04d}", "type": "info", "message": "m"})

        threads = [in_thread(partial(send, n)) for n in range(4)]
        for each in threads:
            each.join()
    expected = [f"{thread}-{number:04d}" for thread in range(4) for number in range(2_000)]
    assert sorted(reply.log_id for reply in replies) == expected
    for thread in range(4):  # each thread's own logs keep their order
        own = [reply.log_id for reply in replies if reply.log_id.startswith(f"{thread}-")]
        assert own == sorted(own)
    assert sorted(reply.seq or 0 for reply in replies) == list(range(1, 8_001))


def test_token_that_is_held_back_for_its_rate_sends_each_log_once(data: Path) -> None:
    with (
        serving(data, "--token-rate", "200KiB") as server,
        Producer(server.ingest, server.token) as producer,
    ):
        for _ in range(500):
            producer.send({"type": "info", "message": "x" * 1_000})
        producer.flush()
        assert (producer.counts.stored, producer.counts.duplicates) == (500, 0)


# Replies


def test_replies_to_a_frame_tell_each_log_as_it_is(data: Path) -> None:
    token, port = create_token(data), lasting_port()
    sent = ["a", "b", "a", "c", "odd", "b", "d"]
    replies: list[Reply] = []
    url = f"ws://127.0.0.1:{port}/ingest"
    with Producer(url, token, on_reply=replies.append) as producer:
        for each in sent:
            timestamp = "soon" if each == "odd" else None
            producer.send({"id": each, "type": "info", "message": "m", "timestamp": timestamp})
        with serving(data, "--port", str(port), token=token):
            producer.flush()
    with workbench.connect(data) as wb:
        logs = wb.logs()
    seqs = dict(zip(logs["id"], logs["seq"], strict=True))
    assert [reply.log_id for reply in replies] == sent
    assert [reply.seq for reply in replies] == [seqs.get(each) for each in sent]
    assert [reply.duplicate for reply in replies] == [False, False, True, False, False, True, False]
    assert [reply.error for reply in replies] == [
        TIMESTAMP_RULE if x == "odd" else None for x in sent
    ]


def test_large_log_sent_twice_has_its_seq_both_times(server: ServerProcess) -> None:
    replies: list[Reply] = []
    with Producer(server.ingest, server.token, on_reply=replies.append) as producer:
        for log_id in ("small", "large", "large"):
            size = 200_000 if log_id == "large" else 1
            producer.send({"id": log_id, "type": "info", "message": "x" * size})
    assert [(reply.seq, reply.duplicate) for reply in replies] == [
        (1, False), (2, False), (2, True),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("kind", [LookupError, OSError])
def test_failing_on_reply_ends_a_flush_with_an_error(
    server: ServerProcess, kind: type[Exception]
) -> None:
    def fail(reply: Reply) -> None:
        raise kind(reply.log_id)

    producer = Producer(server.ingest, server.token, on_reply=fail)
    producer.send({"type": "info", "message": "m"})
    with pytest.raises(DeliveryError, match="could not be passed on"):
        producer.flush()
    producer.close()


# The end


def test_what_was_sent_before_a_close_is_stored_without_an_ack(server: ServerProcess) -> None:
    producer = Producer(server.ingest, server.token, window=50_000)
    producer.send({"type": "info", "message": "m"})
    producer.flush()
    for _ in range(20_000):
        producer.send({"type": "info", "message": "m"})
    producer.close()
    with workbench.connect(server.data) as wb:
        wait_until(lambda: wb.count() == 20_001)


def test_closed_producer_takes_no_more_and_waits_for_nothing(data: Path) -> None:
    producer = Producer(f"ws://127.0.0.1:{lasting_port()}/ingest", create_token(data))
    producer.send({"type": "info", "message": "m"})
    waiting = in_thread(producer.close)
    with pytest.raises(DeliveryError, match=r"1 logs are not acked .* closed before"):
        producer.flush()
    waiting.join()
    with pytest.raises(UsageError, match="this producer is closed"):
        producer.send({"type": "info", "message": "m"})


# Lost connections


@pytest.mark.parametrize("end", [ServerProcess.kill, ServerProcess.stop])
def test_every_log_is_stored_once_though_the_server_ends(
    data: Path, end: Callable[[ServerProcess], object]
) -> None:
    token, port = create_token(data), lasting_port()
    heard, count = Heard(), 40_000
    url = f"ws://127.0.0.1:{port}/ingest"
    delivery = Delivery(url, token, window=10_000, patience=60, on_answer=heard)

    def put_all() -> None:
        for tag in range(count):
            delivery.put(log(f"{tag:06d}", message=f"{tag}"), tag)

    sending = in_thread(put_all)
    for part in (1, 2, 3):
        running = start_server(data, "--port", str(port), token=token)
        wait_until(partial(has_acked, delivery, part * count // 5))
        end(running)
    with serving(data, "--port", str(port), token=token):
        sending.join()
        delivery.flush()
        delivery.close()
        with workbench.connect(data) as wb:
            logs = wb.logs().sort_values("seq")
    assert heard.tags == list(range(count))
    assert list(logs["id"]) == [f"{tag:06d}" for tag in range(count)]
    assert delivery.counts.stored + delivery.counts.duplicates == count


def test_connections_that_break_anywhere_in_a_frame_lose_and_repeat_nothing(
    server: ServerProcess,
) -> None:
    heard, count = Heard(), 20_000
    cuts = [400, 66_000, 131_000, 300_000]
    with resetting_proxy(server.ingest, cuts) as url:
        delivery = Delivery(url, server.token, window=5_000, patience=60, on_answer=heard)
        for tag in range(count):
            delivery.put(log(f"{tag:06d}", message="x" * 30), tag)
        delivery.flush()
        delivery.close()
    assert heard.tags == list(range(count))
    assert delivery.counts.acked == count
    with workbench.connect(server.data) as wb:
        assert list(wb.logs().sort_values("seq")["id"]) == [f"{tag:06d}" for tag in range(count)]


def test_refused_handshake_is_repeated_when_the_server_asks_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/ingest"
        delivery = Delivery(url, "t", window=10, patience=60, on_answer=Heard())
        delivery.put(log("a"), 0)
        asked = []
        for _ in range(2):
            peer, _ = listener.accept()
            asked.append(time.monotonic())
            with peer:
                while b"\r\n\r\n" not in peer.recv(65536):
                    pass
                peer.sendall(
                    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
                )
        delivery.close()
    assert asked[1] - asked[0] >= 0.9


def test_token_at_its_limit_of_connections_waits_for_its_turn(data: Path) -> None:
    with serving(data, "--token-connections", "1") as server:
        with connected(server):
            producer = Producer(server.ingest, server.token)
            producer.send({"type": "info", "message": "m"})
        producer.flush()
        producer.close()
        assert producer.counts.acked == 1
