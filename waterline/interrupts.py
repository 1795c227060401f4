"""Handling of Ctrl-C: immediate exit while loading or ending, KeyboardInterrupt at work."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

INTERRUPTED: Final = 130
"""Exit code of a shell for a program that Ctrl-C ended."""


def end_at_once() -> None:
    """Make Ctrl-C exit this process silently, unless SIGINT is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Make Ctrl-C raise KeyboardInterrupt inside the block, if it would exit the process."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
    finally:
        signal.signal(signal.SIGINT, _end)


def heed_again() -> None:
    """Have Python hear of Ctrl-C again, where a library has put a handler of its own before it."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    # No work is under way. An exception would disturb an import, or the exit of the interpreter.
    os._exit(INTERRUPTED)
