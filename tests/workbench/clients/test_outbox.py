"""Logs on their way, without a server: when a frame is due, and what is sent again."""

from typing import Final

import pytest

from workbench.clients.answers import Answer, Fault, Lost
from workbench.clients.outbox import (
    ANSWER_SECONDS,
    FRAME_LOGS,
    FRAME_SIZE,
    GATHER_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAX_WAITING_SIZE,
    Frame,
    Outbox,
    Pauses,
    asking,
)

SMALL: Final = 10


class Seconds:
    """A clock in the test's hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def outbox(clock: Seconds) -> Outbox[int]:
    return Outbox("ws://host/ingest", 5_000, 60.0, clock)


def add(outbox: Outbox[int], *tags: int, size: int = SMALL) -> None:
    for tag in tags:
        if not outbox.append(b"x" * (size - 1), tag, size):
            outbox.add(b"x" * (size - 1), tag, size)


def is_full(outbox: Outbox[int]) -> bool:
    return outbox.is_full


def is_hopeless(outbox: Outbox[int]) -> bool:
    return outbox.is_hopeless


def taken(outbox: Outbox[int]) -> list[int] | None:
    frame = outbox.take()
    return None if frame is None else frame.tags()


def answer(outbox: Outbox[int], frame: Frame[int]) -> None:
    assert outbox.answered(Answer(len(frame.logs), 0, ())) is frame
    outbox.settle(frame)


def test_first_log_is_due_at_once_and_later_ones_after_a_moment(
    outbox: Outbox[int], clock: Seconds
) -> None:
    add(outbox, 1)
    assert taken(outbox) == [1]
    add(outbox, 2, 3)
    assert taken(outbox) is None
    assert not outbox.is_idle
    clock.now += GATHER_SECONDS
    assert taken(outbox) == [2, 3]
    assert taken(outbox) is None
    assert outbox.is_idle


@pytest.mark.parametrize(
    ("size", "count"), [(SMALL, FRAME_LOGS), (FRAME_SIZE // 4, 4), (2 * FRAME_SIZE, 1)]
)
def test_full_frame_is_due_at_once(outbox: Outbox[int], size: int, count: int) -> None:
    add(outbox, 0)
    assert taken(outbox) == [0]
    add(outbox, *range(1, count + 2), size=size)
    assert taken(outbox) == [*range(1, count + 1)]
    assert taken(outbox) is None


def test_unanswered_frames_are_sent_again_in_order_before_new_ones(
    outbox: Outbox[int], clock: Seconds
) -> None:
    frames = []
    for tag in range(3):
        add(outbox, tag)
        frames.append(outbox.take())
        clock.now += 1
    assert frames[0] is not None
    answer(outbox, frames[0])
    add(outbox, 3)
    outbox.reconnect()
    assert [taken(outbox) for _ in range(4)] == [[1], [2], [3], None]
    assert outbox.counts.waiting == 3


def test_window_is_full_until_an_answer_is_passed_on(clock: Seconds) -> None:
    outbox: Outbox[int] = Outbox("p", 2, 60.0, clock)
    add(outbox, 1)
    assert not is_full(outbox)
    add(outbox, 2)
    assert is_full(outbox)
    assert not outbox.append(b"", 3, 1)
    frame = outbox.take()
    assert frame is not None
    outbox.answered(Answer(2, 0, ()))
    assert is_full(outbox)
    assert outbox.has_logs
    outbox.settle(frame)
    assert not is_full(outbox)
    assert not outbox.has_logs


def test_bytes_without_an_answer_leave_no_room_for_another_frame(outbox: Outbox[int]) -> None:
    add(outbox, *range(33), size=2**20)
    assert not outbox.has_room_for_frame
    assert MAX_WAITING_SIZE == 32 * 2**20
    frame = outbox.take()
    assert frame is not None
    answer(outbox, frame)
    assert outbox.has_room_for_frame


@pytest.mark.parametrize("count", [0, 2])
def test_answer_to_another_number_of_logs_loses_the_connection(
    outbox: Outbox[int], count: int
) -> None:
    add(outbox, 1)
    outbox.take()
    with pytest.raises(Lost, match="another number of logs"):
        outbox.answered(Answer(count, 0, ()))
    assert outbox.has_logs


def test_answer_without_a_log_loses_the_connection(outbox: Outbox[int]) -> None:
    with pytest.raises(Lost, match="not sent"):
        outbox.answered(Answer(0, 0, ()))


def test_outcomes_are_counted(outbox: Outbox[int]) -> None:
    add(outbox, *range(5))
    outbox.take()
    outbox.answered(Answer(4, 1, (Fault(2, "odd"),)))
    counts = outbox.counts
    assert (counts.sent, counts.stored, counts.duplicates, counts.rejected) == (5, 3, 1, 1)
    assert (counts.acked, counts.waiting) == (4, 0)


def test_silence_counts_from_the_last_word_and_only_with_logs_without_an_answer(
    outbox: Outbox[int], clock: Seconds
) -> None:
    heard_at = clock.now
    clock.now += 10 * ANSWER_SECONDS
    outbox.check_silence(heard_at)
    add(outbox, 1)
    outbox.take()
    clock.now += ANSWER_SECONDS
    outbox.check_silence(heard_at)
    clock.now += 1
    with pytest.raises(Lost, match="said nothing for 30 s"):
        outbox.check_silence(heard_at)
    outbox.check_silence(clock.now)


def test_patience_counts_from_the_first_log_or_the_last_answer(
    outbox: Outbox[int], clock: Seconds
) -> None:
    clock.now += 1000
    assert not is_hopeless(outbox)
    add(outbox, 1)
    clock.now += 60
    assert not is_hopeless(outbox)
    clock.now += 1
    assert is_hopeless(outbox)
    frame = outbox.take()
    assert frame is not None
    answer(outbox, frame)
    assert not is_hopeless(outbox)


def test_pauses_grow_to_a_bound_and_begin_anew_after_an_answer() -> None:
    pauses, error = Pauses(60.0), OSError()
    first = pauses.after(error, had_answers=False)
    for _ in range(20):
        last = pauses.after(error, had_answers=False)
    assert first <= 0.1 < LONGEST_PAUSE_SECONDS / 2 <= last <= LONGEST_PAUSE_SECONDS
    assert pauses.after(error, had_answers=True) <= 0.1


def test_server_may_ask_for_a_longer_pause_up_to_the_patience() -> None:
    pauses = Pauses(30.0)
    assert pauses.after(Lost("busy", 20.0), had_answers=False) == 20.0
    assert pauses.after(Lost("busy", 3600.0), had_answers=False) == 30.0


@pytest.mark.parametrize(
    ("url", "seqs", "asked"),
    [
        ("ws://h/ingest", False, "ws://h/ingest?ack=batch"),
        ("ws://h/ingest?a=b&ack=each", True, "ws://h/ingest?a=b&ack=batch&seqs=true"),
    ],
)
def test_address_asks_for_an_answer_a_frame(url: str, asked: str, *, seqs: bool) -> None:
    assert asking(url, seqs=seqs) == asked
