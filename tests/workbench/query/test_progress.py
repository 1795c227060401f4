"""Who waits for an answer sees how far it is after a second, and need not wait for its end."""

import os
import pty
import re
import sys
import termios
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest

import workbench
from tests.support.archives import archive
from tests.support.folders import Log, fill
from tests.support.forking import Started, run
from tests.support.interrupts import interrupt
from tests.support.processes import PATIENCE
from tests.support.sessions import session_of
from waterline.encoding import PARQUET
from waterline.errors import PrunedLogs
from workbench.query.progress import EFFORT, Effort, GivenUp, patiently, tell, warn_of
from workbench.query.question import Question

LOG: Log = {"type": "info", "message": "m"}
# SQLite compares half a megabyte at half a million places of it: that takes seconds.
LONG: Log = {"type": "long", "message": "a" * 2**20}
SOUGHT: Final = "'a' * 2**19 + 'b'"


def unawaited(_: Future[None]) -> None:
    """Leave it be."""


@pytest.mark.slow
@pytest.mark.parametrize("question", ["wb.logs(", "wb.count(", "wb.throughput(exact=True, "])
def test_interrupt_ends_the_wait_and_the_workbench_goes_on(data: Path, question: str) -> None:
    fill(data, [LOG, LOG, *[LONG] * 100])
    answered = interrupt(
        data,
        f"{question}type='long', contains={SOUGHT})",  # it takes minutes
        before="wb.count(type='info')",
        afterwards="wb.count(type='info'), len(wb.logs(type='info'))",
    )
    assert answered == "2 2\n"


def test_abandoned_answer_ends_at_its_next_report() -> None:
    begun, ended = threading.Event(), threading.Event()

    def make() -> None:
        begun.set()
        try:
            while True:
                tell("rounds", 1)
        except GivenUp:
            ended.set()
            raise

    def told() -> None:
        begun.wait(PATIENCE)
        raise KeyboardInterrupt

    left: list[Future[None]] = []
    with pytest.raises(KeyboardInterrupt):
        patiently(make, left.append, told)
    assert ended.wait(PATIENCE)
    assert len(left) == 1


def test_nothing_begins_for_an_answer_that_was_abandoned_before() -> None:
    """Nobody would stop it: a client may go before its SELECT begins."""
    effort = Effort()
    effort.give_up()
    with pytest.raises(GivenUp), effort.stopped_by(lambda: None):
        pytest.fail("it began")


@pytest.mark.slow
def test_bar_is_shown_after_a_second_and_taken_away(data: Path) -> None:
    fill(data, [LOG, LONG])
    program = (
        "import sys, workbench\n"
        "with workbench.connect(sys.argv[1]) as wb:\n"
        f"    wb.count(type='info'), wb.count(contains={SOUGHT})\n"
    )
    shown = on_a_terminal([sys.executable, "-c", program, str(data)])
    assert re.search(r"hot logs: 0\.00 \[00:0\d", shown)
    assert shown.rstrip(" ").endswith("\r")


def on_a_terminal(command: list[str]) -> str:
    """Return what a command writes to standard error where that is a terminal."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 80))
    with Started(command, stderr=its) as process:
        os.close(its)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # it has ended
            pass
        finally:
            os.close(ours)
        assert process.wait(PATIENCE) == 0
    return shown.decode()


@pytest.mark.slow
def test_bar_is_not_shown_where_nobody_sees_it(data: Path) -> None:
    fill(data, [LONG])
    program = (
        "import sys, workbench\n"
        "with workbench.connect(sys.argv[1]) as wb:\n"
        f"    wb.count(contains={SOUGHT})\n"
    )
    done = run([sys.executable, "-c", program, str(data)])
    assert (done.returncode, done.stderr) == (0, "")


def test_hot_logs_and_files_are_told(data: Path) -> None:
    fill(data, [LOG] * 4)
    archive(data, [(1, PARQUET)] * 3, clear=True)
    told: list[tuple[str, int, int | None]] = []

    class Noted(Effort):
        def tell(self, what: str, done: int, total: int | None) -> None:
            told.append((what, done, total))

    token = EFFORT.set(Noted())
    try:
        with workbench.connect(data) as wb:
            told.clear()
            session_of(wb).logs.rows(Question())
            session_of(wb).logs.parts(Question(), pa.Table.num_rows.__get__)
    finally:
        EFFORT.reset(token)
    assert told.count(("hot logs", 1, None)) >= 2
    files = [each for each in told if each[0] == "archive files"]
    assert files == [("archive files", done, 3) for done in (0, 1, 2, 3)] * 2


def test_warning_names_the_line_of_who_waits() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patiently(lambda: warn_of("some are gone"), unawaited)
    (warning,) = caught
    assert warning.category is PrunedLogs
    assert warning.filename == __file__


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("late"), SystemExit(3)])
def test_error_of_an_answer_is_raised_in_the_waiting_thread(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        patiently(fail, unawaited)
    assert raised.value is error


def test_other_threads_make_their_answers_themselves() -> None:
    makers: list[threading.Thread] = []
    make: Callable[[], None] = lambda: makers.append(threading.current_thread())  # noqa: E731
    other = threading.Thread(target=patiently, args=(make, unawaited))
    other.start()
    other.join()
    patiently(make, unawaited)
    assert makers[0] is other
    assert makers[1] not in (other, threading.main_thread())
