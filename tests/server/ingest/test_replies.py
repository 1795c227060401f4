"""What producers are answered: each log or frame once, in order, whatever became of it."""

import json
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.decode.decoded_logs import DecodedLogs, FrameOutcome
from server.decode.frames import read_frames
from server.ingest.replies import AckMode, batch_replies, replies
from server.submissions import Refusal, Submission
from tests.support.clock import NOON
from waterline.records import MAX_ID_LENGTH, InvalidLog, Rule
from waterline.storage.log_store import StoreResult

Reply = dict[str, Any]
TIMESTAMP_RULE = (
    "timestamp must be an RFC 3339 time or a number of seconds to nanoseconds since 1970 UTC"
)


class Nobody:
    """An owner who is never asked: these tests make the replies themselves."""

    def answer(self, *_: object) -> None:
        raise AssertionError("nobody waits")


def submission(
    batch: DecodedLogs, stored: StoreResult | None, refusal: Refusal | None = None
) -> Submission:
    return Submission(batch, 0, 0.0, Nobody(), stored, refusal)


def messages(data: bytes) -> list[Reply]:
    """Take WebSocket frames apart by the letter of RFC 6455, section 5.2; return their JSON."""
    found = []
    while data:
        first, length, data = data[0], data[1], data[2:]
        assert first == 0b1000_0001, "no whole text frame"
        assert length < 128, "a server masks nothing"
        if length == 126:
            ((length,), data) = struct.unpack(">H", data[:2]), data[2:]
            assert length > 125, "not the shortest head"
        elif length == 127:
            ((length,), data) = struct.unpack(">Q", data[:8]), data[8:]
            assert length > 65_535, "not the shortest head"
        assert len(data) >= length
        text, data = data[:length], data[length:]
        found.append(json.loads(text.decode()))
    return found


def answered(
    frames: Sequence[bytes],
    mode: AckMode,
    stored: StoreResult | None = None,
    refusal: Refusal | None = None,
) -> list[Reply]:
    """Return the replies to frames."""
    batch = read_frames(frames, "web", lambda times: ["made"] * len(times))
    return messages(replies(submission(batch, stored, refusal), mode, NOON))


def ack(log_id: str, seq: int, **others: object) -> Reply:
    return {"type": "ack", "logId": log_id, "seq": seq, "timestamp": NOON} | others


def rejection(index: int, log_id: str | None = None, message: str = "") -> Reply:
    return {
        "type": "error",
        "error": "invalid_log",
        "message": message or TIMESTAMP_RULE,
        "logId": log_id,
        "index": index,
    }


def retry(log_id: str | None, **others: object) -> Reply:
    return {
        "type": "error",
        "error": "storage_full",
        "message": "the log was not stored; send it again later",
        "logId": log_id,
        "retryable": True,
    } | others


def without_type(error: Reply) -> Reply:
    return {name: value for name, value in error.items() if name != "type"}


def batch_ack(count: int, duplicates: int, last_seq: int | None, *errors: Reply) -> Reply:
    return {
        "type": "ack",
        "count": count,
        "duplicates": duplicates,
        "lastSeq": last_seq,
        "timestamp": NOON,
        "errors": [without_type(error) for error in errors],
    }


def log(log_id: str) -> bytes:
    return b'{"id":"%b","type":"info","message":"m"}' % log_id.encode()


def bad(log_id: str) -> bytes:
    return b'{"id":"%b","type":"t","message":"m","timestamp":""}' % log_id.encode()


WITHOUT_ID = b'{"type":"info","message":"m"}'
MIXED = [
    log("a"),
    b"[" + b",".join([bad("x"), log("b"), log("a"), bad("y"), log("c")]) + b"]",
    bad("z"),
    log("b") + b"\n" + log("d"),
]
"""Six valid logs, of which a and b come twice, and three bad ones."""
MIXED_STORED = StoreResult([7, 8, 7, 10, 8, 12], [False, False, True, False, True, False])


# each


def test_each_log_is_acked_in_its_order() -> None:
    stored = StoreResult(range(5, 8), None)
    expected = [ack("a", 5), ack("made", 6), ack("b", 7)]
    assert answered([log("a"), WITHOUT_ID, log("b")], AckMode.EACH, stored) == expected
    array = b"[" + b",".join([log("a"), WITHOUT_ID, log("b")]) + b"]"
    assert answered([array], AckMode.EACH, stored) == expected


def test_duplicate_is_acked_as_such_with_its_first_seq() -> None:
    found = answered([log("a"), log("b")], AckMode.EACH, StoreResult([3, 9], [True, False]))
    assert found == [ack("a", 3, duplicate=True), ack("b", 9)]


def test_errors_stand_in_their_place_between_acks() -> None:
    assert answered(MIXED, AckMode.EACH, MIXED_STORED) == [
        ack("a", 7),
        rejection(0, "x"),
        ack("b", 8),
        ack("a", 7, duplicate=True),
        rejection(3, "y"),
        ack("c", 10),
        rejection(0, "z"),
        ack("b", 8, duplicate=True),
        ack("d", 12),
    ]


@pytest.mark.parametrize("mode", [AckMode.EACH, AckMode.NONE])
def test_frames_without_valid_log_are_answered_without_commit(mode: AckMode) -> None:
    nothing = "this holds no log; send a log, a JSON array of logs, or one log a line"
    found = answered([bad("a"), b"", b"[]"], mode)
    assert found == [rejection(0, "a"), rejection(0, None, nothing), rejection(0, None, nothing)]


@pytest.mark.parametrize("mode", [AckMode.EACH, AckMode.NONE])
def test_refused_log_may_be_sent_again_and_id_made_here_is_not_told(mode: AckMode) -> None:
    frames = [log("a"), b"[" + b",".join([bad("x"), WITHOUT_ID, log("b")]) + b"]", WITHOUT_ID]
    assert answered(frames, mode, refusal=Refusal.STORAGE_FULL) == [
        retry("a", index=0),
        rejection(0, "x"),
        retry(None, index=1),
        retry("b", index=2),
        retry(None, index=0),
    ]


def test_reason_of_refusal_is_told() -> None:
    (found,) = answered([log("a")], AckMode.EACH, refusal=Refusal.STORAGE_FAILED)
    assert found["error"] == "storage_failed"


# none


def test_ack_none_sends_errors_only() -> None:
    assert answered(MIXED, AckMode.NONE, MIXED_STORED) == [
        rejection(0, "x"),
        rejection(3, "y"),
        rejection(0, "z"),
    ]
    assert replies(
        submission(read_frames([log("a")], "web"), StoreResult([1], None)), AckMode.NONE, 0
    ) == (b"")


# batch


def test_each_frame_is_acked_once() -> None:
    assert answered(MIXED, AckMode.BATCH, MIXED_STORED) == [
        batch_ack(1, 0, 7),
        batch_ack(3, 1, 10, rejection(0, "x"), rejection(3, "y")),
        batch_ack(0, 0, None, rejection(0, "z")),
        batch_ack(2, 1, 12),
    ]


def test_last_seq_of_frame_is_its_highest_also_of_duplicates() -> None:
    frame = b"[" + log("a") + b"," + log("b") + b"]"
    (found,) = answered([frame], AckMode.BATCH, StoreResult([9, 4], [True, True]))
    assert found == batch_ack(2, 2, 9)


def test_single_logs_are_frames_too() -> None:
    found = answered([log("a"), log("b")], AckMode.BATCH, StoreResult(range(1, 3), None))
    assert found == [batch_ack(1, 0, 1), batch_ack(1, 0, 2)]


def test_refused_frame_is_told_once() -> None:
    found = answered(MIXED, AckMode.BATCH, refusal=Refusal.STORAGE_FULL)
    assert found == [
        retry(None, errors=[]),
        retry(
            None,
            errors=batch_ack(0, 0, None, rejection(0, "x"), rejection(3, "y"))["errors"],
        ),
        batch_ack(0, 0, None, rejection(0, "z")),
        retry(None, errors=[]),
    ]


def with_seqs(stored: StoreResult) -> list[object]:
    made = submission(read_frames(MIXED, "web"), stored)
    return [each["seqs"] for each in batch_replies(made, NOON, with_seqs=True)]


def test_seqs_of_a_frame_are_runs_that_tell_duplicates_from_new_logs() -> None:
    assert with_seqs(MIXED_STORED) == [
        [(7, 1, False)],
        [(8, 1, False), (7, 1, True), (10, 1, False)],
        [],
        [(8, 1, True), (12, 1, False)],
    ]
    assert with_seqs(StoreResult(range(3, 9), None)) == [
        [(3, 1, False)], [(4, 3, False)], [], [(7, 2, False)],
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1))
def test_runs_of_seqs_put_together_are_the_seqs(logs: list[tuple[int, bool]]) -> None:
    frame = b"\n".join(log(str(index)) for index in range(len(logs)))
    stored = StoreResult([seq for seq, _ in logs], [known for _, known in logs])
    (found,) = batch_replies(submission(read_frames([frame], "web"), stored), NOON, with_seqs=True)
    runs = found["seqs"]
    assert isinstance(runs, list)
    assert [
        (seq, known) for first, count, known in runs for seq in range(first, first + count)
    ] == logs


# Whatever the ids and the frames


# Those that need escapes take six bytes a character, emoji four.
ids = st.one_of(
    st.text(min_size=1, max_size=MAX_ID_LENGTH),
    st.text('\x00\x01\x1f"\\\n\u2028\x7f', min_size=1, max_size=MAX_ID_LENGTH),
    st.sampled_from(["💧" * MAX_ID_LENGTH, "\x00" * MAX_ID_LENGTH, '"' * MAX_ID_LENGTH, "a"]),
)
seqs = st.integers(1, 2**63 - 1)


@given(st.lists(st.tuples(ids, seqs), min_size=1, max_size=5), st.integers(0, 2**48))
def test_any_id_is_acked_as_it_is(logs: list[tuple[str, int]], committed_at: int) -> None:
    frames = [json.dumps({"id": each, "type": "a", "message": "m"}).encode() for each, _ in logs]
    stored = StoreResult([seq for _, seq in logs], None)
    batch = read_frames(frames, "web")
    assert batch.outcomes is None
    expected = [ack(log_id, seq, timestamp=committed_at) for log_id, seq in logs]
    assert messages(replies(submission(batch, stored), AckMode.EACH, committed_at)) == expected
    # The way that looks at each log alone says the same.
    outlined = batch._replace(outcomes=[FrameOutcome(len(logs), ())])
    assert messages(replies(submission(outlined, stored), AckMode.EACH, committed_at)) == expected


outcomes = st.sampled_from(["new", "duplicate", "rejected"])
outlines = st.lists(st.lists(st.tuples(outcomes, ids), min_size=1, max_size=6), max_size=6)


@given(outlines, st.booleans())
def test_each_ack_mode_answers_all_logs_in_order(
    outline: list[list[tuple[str, str]]], is_refused: bool
) -> None:
    frames, kept, expected = [], [], []
    for logs in outline:
        faults = [
            (index, InvalidLog("why", Rule.TYPE, log_id))
            for index, (outcome, log_id) in enumerate(logs)
            if outcome == "rejected"
        ]
        frames.append(FrameOutcome(len(logs) - len(faults), faults))
        for index, (outcome, log_id) in enumerate(logs):
            if outcome == "rejected":
                expected.append(rejection(index, log_id, "why"))
                continue
            kept.append((log_id, outcome == "duplicate"))
            others = {"duplicate": True} if kept[-1][1] else {}
            stored_as = ack(log_id, len(kept), **others)
            expected.append(retry(log_id, index=index) if is_refused else stored_as)
    batch = DecodedLogs(
        [each for each, _ in kept], ["a"] * len(kept), b"", frozenset(), frames, "web", {}
    )
    known = [is_known for _, is_known in kept]
    stored = StoreResult(range(1, len(kept) + 1), known if any(known) else None)
    done = submission(
        batch,
        stored if kept and not is_refused else None,
        Refusal.STORAGE_FULL if kept and is_refused else None,
    )

    assert messages(replies(done, AckMode.EACH, NOON)) == expected
    errors = [each for each in expected if each["type"] == "error"]
    assert messages(replies(done, AckMode.NONE, NOON)) == errors
    found = messages(replies(done, AckMode.BATCH, NOON))
    assert found == json.loads(json.dumps(list(batch_replies(done, NOON))))
    assert len(found) == len(outline)
    for reply, logs in zip(found, outline, strict=True):
        valid = sum(outcome != "rejected" for outcome, _ in logs)
        if reply["type"] == "ack":
            assert reply["count"] == valid
            assert valid + len(reply["errors"]) == len(logs)
            assert reply["duplicates"] == sum(outcome == "duplicate" for outcome, _ in logs)
        else:
            assert is_refused
            assert valid
