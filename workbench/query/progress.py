"""Progress of an answer: bars, warnings at the analyst's line, and interrupts heeded at once."""

import inspect
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Final, TypeVar

from waterline.errors import INSTALLED, PrunedLogs
from waterline.printable import printable
from workbench.progress_bar import DELAY_SECONDS, ProgressBars

# Frames of these files are not the analyst's.
_HERE: Final = f"{Path(__file__).parents[1]}/"

Told = tuple[str, int, int | None]
"""What is being done, how much of it is done, and of how much if that is known."""


class GivenUp(Exception):
    """Nobody waits for the answer any more."""


class Effort:
    """What the thread that waits for an answer and the one that makes it have in common.

    Attributes:
        told: how far the answer is; None while there is nothing to tell.
        warnings: what to warn of, with the kind of warning: the waiting thread knows at which line.
    """

    def __init__(self) -> None:
        self.told: Told | None = None
        self.warnings: list[tuple[str, type[UserWarning]]] = []
        self._is_given_up = threading.Event()

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Tell how far it is.

        Raises:
            GivenUp: nobody waits any more.
        """
        self.told = what, done, total
        if self._is_given_up.is_set():
            raise GivenUp

    def give_up(self) -> None:
        """Let it end at what it tells next."""
        self._is_given_up.set()


EFFORT: Final[ContextVar[Effort | None]] = ContextVar("EFFORT", default=None)
"""That of the answer which the present thread makes; None where nobody waits elsewhere."""


def tell(what: str, done: int, total: int | None = None) -> None:
    """Tell how far the answer is that this thread makes.

    Raises:
        GivenUp: nobody waits for it any more.
    """
    effort = EFFORT.get()
    if effort is not None:
        effort.tell(what, done, total)


def warn_of(sentence: str | None, kind: type[UserWarning] = PrunedLogs) -> None:
    """Warn of what an answer lacks, if anything, at the line that called the workbench."""
    effort = EFFORT.get()
    if sentence is None:
        return
    sentence = printable(sentence)
    if effort is None:
        warnings.warn(kind(sentence), stacklevel=_callers_level())
    else:
        effort.warnings.append((sentence, kind))


def _callers_level() -> int:
    """Return what `warnings.warn`, called by our caller, needs to name the analyst's line.

    That is the first line outside of ours and of what is installed, as pandas or SQLAlchemy may lie
    between; where there is none, as in a thread of its own, the first one outside of ours.
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


# Seconds between two looks at how far it is.
_GLANCE: Final = 0.1

_Result = TypeVar("_Result")


def patiently(
    make: Callable[[], _Result],
    give_up: Callable[[Future[_Result]], None],
    told: Callable[[], Told | None] | None = None,
) -> _Result:
    """Return what a function makes of a question, which may take long.

    The main thread, which alone is told of an interrupt, lets another one make it: a read in a
    library of C cannot be interrupted, but left to itself. Other threads make it themselves.

    Args:
        make: makes the answer.
        give_up: is called at an interrupt, with what will be the answer.
        told: tells how far the answer is, where `make` does not do so by `tell`.
    """
    if threading.current_thread() is not threading.main_thread():
        return make()
    effort, making = Effort(), Future[_Result]()
    context = copy_context()
    context.run(EFFORT.set, effort)
    # Left to itself it must not keep the program from ending.
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
