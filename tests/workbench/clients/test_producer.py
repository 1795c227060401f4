"""The producer, against a real server that comes, goes, and refuses."""

import threading
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

import workbench
from tests.support.processes import ServerProcess, create_token, serving, start_server
from tests.support.waiting import wait_until
from waterline.errors import DeliveryError, RejectedLogs, TokenError, UsageError
from workbench.clients.producer import MAX_WINDOW, Producer, Reply

TIMESTAMP_RULE = (
    "timestamp must be an RFC 3339 time or a number of seconds to nanoseconds since 1970 UTC"
)

pytestmark = pytest.mark.slow


def numbered(count: int) -> list[dict[str, object]]:
    return [{"id": f"log-{n:06d}", "type": "info", "message": f"number {n}"} for n in range(count)]


def test_every_log_is_acked_in_order_when_the_block_ends(server: ServerProcess) -> None:
    replies: list[Reply] = []
    with Producer(server.ingest, server.token, window=50, on_reply=replies.append) as producer:
        for log in numbered(500):
            producer.send(log)
    assert [reply.log_id for reply in replies] == [log["id"] for log in numbered(500)]
    assert [reply.seq for reply in replies] == list(range(1, 501))
    assert (producer.counts.stored, producer.counts.waiting) == (500, 0)


def test_log_sent_twice_is_a_duplicate_with_its_first_seq(server: ServerProcess) -> None:
    replies: list[Reply] = []
    with Producer(server.ingest, server.token, on_reply=replies.append) as producer:
        for log in [*numbered(3), *numbered(3)]:
            producer.send(log)
    assert [(reply.seq, reply.duplicate) for reply in replies] == [
        (1, False), (2, False), (3, False), (1, True), (2, True), (3, True),
    ]  # fmt: skip
    assert (producer.counts.stored, producer.counts.duplicates) == (3, 3)


def test_log_without_an_id_is_given_one_that_is_stored(server: ServerProcess) -> None:
    with Producer(server.ingest, server.token) as producer:
        log_id = producer.send({"type": "info", "message": "anonymous", "id": None})
    with workbench.connect(server.data) as wb:
        assert list(wb.logs()["id"]) == [log_id]


def test_rejected_log_is_told_with_its_reason_and_stops_nothing(server: ServerProcess) -> None:
    replies: list[Reply] = []
    with Producer(server.ingest, server.token, on_reply=replies.append) as producer:
        producer.send({"id": "good", "type": "info", "message": "fine"})
        producer.send({"id": "bad", "type": "info", "message": "m", "timestamp": "soon"})
        producer.send({"id": "after", "type": "info", "message": "fine"})
    assert [reply.error for reply in replies] == [None, TIMESTAMP_RULE, None]
    assert (producer.counts.stored, producer.counts.rejected) == (2, 1)


def test_producer_sends_again_what_a_killed_server_had_not_acked(data: Path) -> None:
    first = start_server(data)
    port = first.ingest.rsplit(":", 1)[1].removesuffix("/ingest")
    replies: list[Reply] = []
    some_acked = threading.Event()

    def heard(reply: Reply) -> None:
        replies.append(reply)
        if len(replies) == 200:
            some_acked.set()

    with Producer(first.ingest, first.token, window=100, on_reply=heard) as producer:
        sending = threading.Thread(target=lambda: [producer.send(log) for log in numbered(2000)])
        sending.start()
        assert some_acked.wait(30)
        first.kill()
        acked_before = {reply.log_id: reply.seq for reply in list(replies)}
        with serving(data, "--port", port, token=first.token):
            sending.join()
            producer.flush()
            with workbench.connect(data) as wb:
                stored = wb.logs()
    assert producer.counts.acked == 2000
    assert sorted(stored["id"]) == [log["id"] for log in numbered(2000)]
    seqs = dict(zip(stored["id"], stored["seq"], strict=True))
    assert acked_before == {log_id: seqs[log_id] for log_id in acked_before}


def test_refused_token_ends_it_with_the_servers_sentence(server: ServerProcess) -> None:
    with (
        pytest.raises(TokenError, match="refused the token: this token is unknown"),
        Producer(server.ingest, "wl_wrong") as producer,
    ):
        producer.send({"type": "info", "message": "never stored"})


def test_token_that_may_only_read_is_refused(server: ServerProcess) -> None:
    reader = create_token(server.data, "reader", ("read",))
    with (
        pytest.raises(TokenError, match="lacks the scope ingest"),
        Producer(server.ingest, reader) as producer,
    ):
        producer.send({"type": "info", "message": "never stored"})


def test_server_that_is_not_there_is_given_up_after_the_patience() -> None:
    with (
        pytest.raises(DeliveryError, match=r"could not be reached for 0 s.*1 are not"),
        Producer("ws://127.0.0.1:9/ingest", "t", patience=0.2) as producer,
    ):
        producer.send({"type": "info", "message": "never stored"})


def test_send_refuses_at_once_what_has_no_json(server: ServerProcess) -> None:
    with Producer(server.ingest, server.token) as producer:
        with pytest.raises(UsageError, match="cannot be written as JSON"):
            producer.send({"type": "info", "message": "x", "value": object()})
        with pytest.raises(UsageError, match="16 MiB"):
            producer.send({"type": "info", "message": "x" * (16 * 2**20)})
    assert producer.counts.sent == 0


def test_arguments_without_meaning_are_refused() -> None:
    with pytest.raises(UsageError, match="no WebSocket address"):
        Producer("http://127.0.0.1:3001", "t")
    with pytest.raises(UsageError, match=f"window=0 .* {MAX_WINDOW}"):
        Producer("ws://127.0.0.1:3001", "t", window=0)


def test_closing_twice_is_fine_and_leaves_no_thread(server: ServerProcess) -> None:
    producer = Producer(server.ingest, server.token)
    producer.send({"type": "info", "message": "x"})
    producer.flush()
    producer.close()
    producer.close()
    assert "producer" not in {thread.name for thread in threading.enumerate()}


def test_object_as_other_programs_write_is_a_log_with_its_id(server: ServerProcess) -> None:
    with Producer(server.ingest, server.token) as producer:
        made = producer.send({"level": "warn", "msg": "hm", "time": 1_795_514_400, "status": 1})
        assert producer.send({"id": "a", "lvl": "error", "msg": "boom", "type": "job"}) == "a"
        assert producer.send({"id": "a", "lvl": "error", "msg": "boom", "type": "job"}) == "a"
        number = producer.send({"id": 7, "msg": "fine"})
    assert (producer.counts.stored, producer.counts.duplicates) == (3, 1)
    with workbench.connect(server.data) as wb:
        logs = wb.logs(attributes="all").sort_values("seq")
    assert list(logs["id"]) == [made, "a", number]
    assert list(logs["type"]) == ["warning", "error", "info"]
    assert list(logs["message"]) == ["hm", "boom", "fine"]
    assert logs["timestamp"].iloc[0].timestamp() == 1_795_514_400
    assert logs["attributes.id"].dropna().tolist() == [7]
    assert logs["attributes.type"].dropna().tolist() == ["job"]


def send_all(server: ServerProcess, times: Mapping[str, object]) -> None:
    with Producer(server.ingest, server.token) as producer:
        for log_id, timestamp in times.items():
            producer.send({"id": log_id, "type": "info", "message": "m", "timestamp": timestamp})


def test_rejected_logs_are_told_when_the_block_ends(server: ServerProcess) -> None:
    reason = r"rejected 2 of 4 logs.*'bad': timestamp must be an RFC 3339 time"
    with pytest.raises(RejectedLogs, match=reason) as told:
        send_all(server, {"a": None, "bad": "soon", "worse": [], "b": None})
    assert server.token not in str(told.value)
    with workbench.connect(server.data) as wb:
        assert list(wb.logs()["id"]) == ["a", "b"]


def test_flush_tells_rejected_logs_once(server: ServerProcess) -> None:
    with Producer(server.ingest, server.token) as producer:
        producer.send({"id": "bad", "type": "info", "message": "x", "timestamp": "soon"})
        with pytest.raises(RejectedLogs, match="rejected 1 of 1 logs"):
            producer.flush()
        producer.send({"type": "info", "message": "fine"})


def send_and_fail(server: ServerProcess, kind: type[BaseException]) -> None:
    with Producer(server.ingest, server.token) as producer:
        producer.send({"id": "bad", "type": "info", "message": "m", "timestamp": "soon"})
        wait_until(lambda: producer.counts.rejected == 1)
        raise kind("the program's own")


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_error_of_the_block_is_not_hidden_by_rejected_logs(
    server: ServerProcess, kind: type[BaseException]
) -> None:
    with pytest.raises(kind) as raised:
        send_and_fail(server, kind)
    assert str(raised.value) == "the program's own"
    assert ["has rejected 1 of 1 logs" in note for note in raised.value.__notes__] == [True]


def test_numpy_and_pandas_values_are_stored_by_the_rule(server: ServerProcess) -> None:
    moment = pd.Timestamp("2026-01-02T03:04:05")
    with Producer(server.ingest, server.token) as producer:
        producer.send(
            {
                "id": UUID(int=7),
                "type": np.str_("info"),
                "message": b"all \xff",
                "timestamp": moment,
            }
            | {"n": np.int64(5), "nan": np.nan, "nat": pd.NaT, "inf": -np.inf, "keys": {5: {"x"}}}
        )
    with workbench.connect(server.data) as wb:
        log = wb.logs(attributes="all").iloc[0]
    assert log["id"] == str(UUID(int=7))
    assert (log["type"], log["message"]) == ("info", "all \\xff")
    assert log["timestamp"] == moment.tz_localize("UTC")
    assert log["n"] == 5
    assert log["inf"] == "-Infinity"


def test_password_in_an_address_is_in_no_sentence() -> None:
    with (
        pytest.raises(DeliveryError, match=r"^ws://127\.0\.0\.1:9/ingest could not") as caught,
        Producer("ws://anna:secret@127.0.0.1:9/ingest", "t", patience=0.2) as producer,
    ):
        producer.send({"type": "info", "message": "m"})
    assert "secret" not in str(caught.value)
