"""Ctrl-C: it ends a command at once while it is loaded or ends, and is an exception at work."""

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Final

INTERRUPTED: Final = 130
"""What a shell says of a program that Ctrl-C ended."""


def end_at_once() -> None:
    """Let Ctrl-C end this process without a word, unless it is ignored here."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt for a while where it would end the process at once."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
    finally:
        signal.signal(signal.SIGINT, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Nothing was begun, or all is done: an exception would only be in the way of a module that is
    # loaded, or of Python's own end.
    os._exit(INTERRUPTED)
