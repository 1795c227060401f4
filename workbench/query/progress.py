"""Progress of an answer: bars, warnings at the analyst's line, and interrupts heeded at once."""

import inspect
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Final, TypeVar

from waterline.errors import INSTALLED, PrunedLogs
from waterline.printable import printable
from workbench.progress_bar import DELAY_SECONDS, ProgressBars

# Folder of our own files, whose stack frames are not the analyst's.
_HERE: Final = f"{Path(__file__).parents[1]}/"

Told = tuple[str, int, int | None]
"""Name of the work, amount done, and total if known."""


class GivenUp(Exception):
    """The answer was abandoned."""


class Effort:
    """State that the waiting thread and the answering one share.

    Attributes:
        told: progress so far, or None.
        warnings: sentences and kinds of warnings, which the waiting thread issues.
    """

    def __init__(self) -> None:
        self.told: Told | None = None
        self.warnings: list[tuple[str, type[UserWarning]]] = []
        self._is_given_up = threading.Event()
        # What begins is either stopped, or finds that all is given up.
        self._lock = threading.Lock()
        self._stops: list[Callable[[], None]] = []

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Report progress.

        Args:
            what: the work, such as `archive files`.
            done: units done so far.
            total: units in all; None if unknown.

        Raises:
            GivenUp: the answer was abandoned.
        """
        self.told = what, done, total
        if self._is_given_up.is_set():
            raise GivenUp

    @contextmanager
    def stopped_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Let `give_up` call a function while the block runs, which ends what runs in it.

        Raises:
            GivenUp: the answer was abandoned before.
        """
        with self._lock:
            if self._is_given_up.is_set():
                raise GivenUp
            self._stops.append(stop)
        try:
            yield
        finally:
            self._stops.remove(stop)

    def give_up(self) -> None:
        """Let the answering thread end at its next report, and what it waits for at once."""
        with self._lock:
            self._is_given_up.set()
            stops = [*self._stops]
        for stop in reversed(stops):
            stop()


EFFORT: Final[ContextVar[Effort | None]] = ContextVar("EFFORT", default=None)
"""Effort of the answer that this thread makes; None if no other thread waits for it."""


def tell(what: str, done: int, total: int | None = None) -> None:
    """Report progress of the answer that this thread makes.

    Args:
        what: the work, such as `archive files`.
        done: units done so far.
        total: units in all; None if unknown.

    Raises:
        GivenUp: the answer was abandoned.
    """
    effort = EFFORT.get()
    if effort is not None:
        effort.tell(what, done, total)


def stopped_by(stop: Callable[[], None]) -> AbstractContextManager[None]:
    """Let an interrupt of the answer that this thread makes call a function meanwhile.

    Args:
        stop: ends at once what this thread waits for; another thread calls it.

    Raises:
        GivenUp: the answer was abandoned before.
    """
    effort = EFFORT.get()
    return nullcontext() if effort is None else effort.stopped_by(stop)


def warn_of(sentence: str | None, kind: type[UserWarning] = PrunedLogs) -> None:
    """Warn at the line that called the workbench; `None` warns of nothing."""
    effort = EFFORT.get()
    if sentence is None:
        return
    sentence = printable(sentence)
    if effort is None:
        warnings.warn(kind(sentence), stacklevel=_callers_level())
    else:
        effort.warnings.append((sentence, kind))


def _callers_level() -> int:
    """Return the `stacklevel` at which our caller's warning names the analyst's line.

    That is the first frame outside of our files and of installed packages, as pandas or SQLAlchemy
    may lie between. Without one, as in a thread, it is the first frame outside of our files.
    """
    level, first, frame = 0, None, inspect.currentframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_HERE):
            if not file.startswith(INSTALLED):
                return level
            first = level if first is None else first
        level, frame = level + 1, frame.f_back
    return level if first is None else first


# Seconds between two looks at the progress.
_GLANCE: Final = 0.1

_Result = TypeVar("_Result")


def patiently(
    make: Callable[[], _Result],
    give_up: Callable[[Future[_Result]], None],
    told: Callable[[], Told | None] | None = None,
) -> _Result:
    """Return what a function answers, which may take long; an interrupt ends it at once.

    Only the main thread hears of an interrupt, and a read in a library of C cannot be interrupted.
    So the main thread lets another one answer, and abandons it. Other threads answer themselves,
    and end when their effort is given up.

    Args:
        make: returns the answer.
        give_up: called at an interrupt with the future of the answer.
        told: returns the progress, if `make` does not report it by `tell`.
    """
    if threading.current_thread() is not threading.main_thread():
        return _stoppable(make, give_up)
    effort, making = Effort(), Future[_Result]()
    context = copy_context()
    context.run(EFFORT.set, effort)
    # An abandoned thread must not keep the program from ending.
    threading.Thread(target=context.run, args=(_make, make, making), daemon=True).start()
    try:
        _show_until_done(making, told or (lambda: effort.told))
    except KeyboardInterrupt:
        effort.give_up()
        give_up(making)
        raise
    for sentence, kind in effort.warnings:
        warn_of(sentence, kind)
    return making.result()


def _stoppable(make: Callable[[], _Result], give_up: Callable[[Future[_Result]], None]) -> _Result:
    """Return what a function answers in this thread; another one may give its effort up."""
    effort = EFFORT.get()
    if effort is None:
        return make()
    making = Future[_Result]()
    with effort.stopped_by(lambda: give_up(making)):
        _make(make, making)
    return making.result()


def _make(make: Callable[[], _Result], making: Future[_Result]) -> None:
    try:
        making.set_result(make())
    except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
        making.set_exception(error)


def _show_until_done(making: Future[_Result], told: Callable[[], Told | None]) -> None:
    if wait([making], DELAY_SECONDS).done:
        return
    with ProgressBars(delay=0) as bars:
        while not wait([making], _GLANCE).done:
            so_far = told()
            if so_far is not None:
                bars(*so_far)
