"""Searches in threads: their results, faults and ends."""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.archives import archive, path_of
from tests.support.folders import NOON, fill
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from waterline.encoding import PARQUET
from waterline.errors import UsageError
from workbench.dashboard.explorer.searcher import (
    MOST_ABANDONED,
    MOST_AT_ONCE,
    Done,
    Fault,
    Search,
    Searcher,
    Tell,
    Work,
)
from workbench.explore.calls import matching
from workbench.query.asking import Asking
from workbench.query.progress import tell as tell_progress
from workbench.query.question import Question, ask
from workbench.query.session import Session


def searcher_of(data: Path) -> Searcher:
    """Return what searches a data folder."""
    return Searcher(lambda: Session(data, cache=False))


@pytest.fixture
def searcher(data: Path) -> Iterator[Searcher]:
    fill(data, [{"type": "info", "message": "m"}])
    made = searcher_of(data)
    yield made
    made.stop()


def ended(search: Search) -> list[object]:
    """Wait until a search has ended; return all that it told."""
    found: list[object] = []

    def is_done() -> bool:
        found.extend(search.results())
        return search.is_done

    wait_until(is_done, "the search does not end")
    return found


def test_results_come_in_order_and_done_is_the_last(searcher: Searcher) -> None:
    going_on = threading.Event()

    def work(opened: Asking, tell: Tell) -> None:
        tell("first")
        going_on.wait()
        tell(opened.answer(matching, Question()))

    search = searcher.start(work)
    found: list[object] = []

    def has_come() -> bool:
        found.extend(search.results())
        return bool(found)

    wait_until(has_come)
    assert found == ["first"]
    assert not search.is_done
    going_on.set()
    assert ended(search) == [1, Done()]
    assert search.results() == []
    assert search.is_done


def test_fault_is_told_in_place_of_done(searcher: Searcher) -> None:
    error = UsageError("no")

    def work(_: Asking, tell: Tell) -> None:
        tell(1)
        raise error

    assert ended(searcher.start(work)) == [1, Fault(error)]


@pytest.mark.logs  # with its traceback
def test_search_that_fails_unforeseen_says_so_once(
    searcher: Searcher, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Asking, tell: Tell) -> None:
        tell(1)
        tell(1 // 0)

    search = searcher.start(work)
    first, fault = ended(search)
    assert first == 1
    assert isinstance(fault, Fault)
    assert "the search failed: ZeroDivisionError" in str(fault.error)
    assert search.results() == []
    (record,) = caplog.records
    assert record.exc_info is not None


def test_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    searcher = searcher_of(tmp_path / "none")
    (fault,) = ended(searcher.start(lambda _, tell: tell(1)))
    assert isinstance(fault, Fault)
    assert str(tmp_path / "none") in str(fault.error)
    searcher.stop()


def test_cancelled_search_ends_at_its_next_report(searcher: Searcher) -> None:
    begun, asked, over = threading.Event(), threading.Event(), threading.Event()

    def work(_: Asking, tell: Tell) -> None:
        try:
            tell_progress("archive files", 1, 9)
            begun.set()
            asked.wait()
            tell_progress("archive files", 2, 9)
            tell("too much")
        finally:
            over.set()

    search = searcher.start(work)
    begun.wait()
    assert search.told == ("archive files", 1, 9)
    search.cancel()
    asked.set()
    over.wait()
    # The only thread that is left at it is free again.
    assert ended(searcher.start(lambda _, tell: tell(1)))[0] == 1
    assert search.results() == []


def test_search_that_is_cancelled_before_its_turn_does_not_begin(searcher: Searcher) -> None:
    going_on, begun = threading.Event(), threading.Event()

    def wait(_: Asking, __: Tell) -> None:
        going_on.wait()

    before = [searcher.start(wait) for _ in range(MOST_AT_ONCE)]
    search = searcher.start(lambda _, __: begun.set())
    search.cancel()
    going_on.set()
    for each in before:
        ended(each)
    ended(searcher.start(lambda _, __: None))
    assert not begun.is_set()


def read_archived(opened: Asking, tell: Tell) -> None:
    tell(opened.answer(matching, ask(now=NOON, query="m")))


@pytest.fixture
def pipe(data: Path) -> Iterator[Path]:
    """A pipe in place of an archive file, at which who reads it waits as at a disk that hangs."""
    fill(data, [{"type": "info", "message": "m"}] * 3)
    (batch,) = archive(data, [(1, PARQUET)])
    path = path_of(data, batch)
    path.unlink()
    os.mkfifo(path)
    yield path
    # Those who wait read nothing, and end; nobody may come after them.
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    path.unlink()
    os.close(descriptor)


def wait_at(searches: Sequence[Search]) -> None:
    """Wait until searches read an archive file."""
    wait_until(lambda: all(each.told == ("archive files", 0, 1) for each in searches))


@pytest.mark.usefixtures("pipe")
def test_searches_held_up_by_a_file_that_nobody_waits_for_hold_up_no_other(data: Path) -> None:
    searcher = searcher_of(data)
    held = [searcher.start(read_archived) for _ in range(MOST_AT_ONCE)]
    wait_at(held)
    waiting = searcher.start(lambda opened, tell: tell(opened.answer(matching, Question())))
    assert waiting.told is None
    for each in held:
        each.cancel()
    assert ended(waiting) == [3, Done()]
    assert all(each.results() == [] for each in held)
    searcher.stop()


def test_only_so_many_searches_that_nobody_waits_for_may_be_held_up(data: Path, pipe: Path) -> None:
    searcher = searcher_of(data)
    held: list[Search] = []
    while len(held) < MOST_ABANDONED + MOST_AT_ONCE:
        some = [searcher.start(read_archived) for _ in range(MOST_AT_ONCE)]
        wait_at(some)
        for each in some:
            each.cancel()
        held += some
    waiting = searcher.start(lambda _, tell: tell("its turn"))
    # All that were cancelled last keep their turns.
    assert waiting.told is None
    let_go(pipe)
    assert ended(waiting) == ["its turn", Done()]
    searcher.stop()


def let_go(pipe: Path) -> None:
    """Let those who wait at a pipe read nothing."""
    os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))


def test_each_search_has_a_progress_of_its_own(searcher: Searcher) -> None:
    meeting = threading.Barrier(3)

    def work(number: int) -> Search:
        def tell_and_meet(_: Asking, __: Tell) -> None:
            tell_progress("archive files", number)
            meeting.wait()
            meeting.wait()

        return searcher.start(tell_and_meet)

    searches = [work(1), work(2)]
    meeting.wait()
    assert [each.told for each in searches] == [
        ("archive files", 1, None),
        ("archive files", 2, None),
    ]
    meeting.wait()


def test_stopped_searcher_begins_nothing_that_waits(searcher: Searcher) -> None:
    going_on, begun = threading.Event(), threading.Event()

    def wait(_: Asking, __: Tell) -> None:
        going_on.wait()

    before = [searcher.start(wait) for _ in range(MOST_AT_ONCE)]
    searcher.start(lambda _, __: begun.set())
    searcher.stop()
    going_on.set()
    for each in before:
        ended(each)
    assert not begun.is_set()


def counted_work(begun: list[str], going_on: threading.Event) -> Work:
    def work(_: Asking, tell: Tell) -> None:
        begun.append("once more")
        tell("first")
        going_on.wait()
        tell_progress("archive files", 1)
        tell("last")

    return work


def test_searches_of_one_key_are_one_with_all_results_for_each(searcher: Searcher) -> None:
    begun, going_on = list[str](), threading.Event()
    work = counted_work(begun, going_on)
    first = searcher.start(work, "key")
    wait_until(lambda: bool(begun))
    second, other = searcher.start(work, "key"), searcher.start(work, "another")
    going_on.set()
    whole = ["first", "last", Done()]
    assert [ended(each) for each in (first, second, other)] == [whole] * 3
    assert ended(searcher.start(work, "key")) == whole
    assert len(begun) == 2
    del first, second
    assert ended(searcher.start(work, "key")) == whole
    assert len(begun) == 3, "what no page holds is not kept"


def test_shared_search_ends_only_when_all_have_cancelled_it(searcher: Searcher) -> None:
    begun, going_on = list[str](), threading.Event()
    work = counted_work(begun, going_on)
    first, second = searcher.start(work, "key"), searcher.start(work, "key")
    wait_until(lambda: bool(begun))
    first.cancel()
    first.cancel()
    going_on.set()
    assert ended(second) == ["first", "last", Done()]
    going_on.clear()
    third = searcher.start(work, "other")
    wait_until(lambda: len(begun) == 2)
    third.cancel()
    fourth = searcher.start(work, "other")  # what is given up is of no use to others
    wait_until(lambda: len(begun) == 3)
    going_on.set()
    assert ended(fourth) == ["first", "last", Done()]
    assert "last" not in third.results()


# Waking those who wait


def test_who_searches_is_woken_at_each_result(searcher: Searcher) -> None:
    woken = threading.Semaphore(0)
    told = threading.Event()

    def work(_: Asking, tell: Tell) -> None:
        tell(1)
        assert told.wait(PATIENCE)
        tell(2)

    search = searcher.start(work, wake=woken.release)
    assert woken.acquire(timeout=PATIENCE)
    assert search.results() == [1]
    told.set()
    assert woken.acquire(timeout=PATIENCE)
    assert woken.acquire(timeout=PATIENCE)
    assert ended(search) == [2, Done()]


def test_who_joins_a_search_is_woken_for_what_was_found(searcher: Searcher) -> None:
    over, joined = threading.Event(), threading.Semaphore(0)

    def work(_: Asking, tell: Tell) -> None:
        tell(1)
        assert over.wait(PATIENCE)

    first = searcher.start(work, "same")
    wait_until(lambda: first.results() == [1])
    second = searcher.start(work, "same", joined.release)
    assert joined.acquire(timeout=0)
    second.cancel()
    over.set()
    assert ended(first) == [Done()]
    assert not joined.acquire(timeout=0), "it has left"
