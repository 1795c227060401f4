"""Waiting for an answer: a progress bar when it takes long, and an interrupt heeded at once."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Final, TypeVar

from workbench.progress_bar import DELAY_SECONDS, ProgressBars
from workbench.query.progress import EFFORT, Effort, Told
from workbench.query.warning import warn_of

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
        told: tells how far the answer is, where `make` does not do so by `asking.effort.tell`.
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
