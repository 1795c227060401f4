"""The view in a terminal: redrawn when something changed, until a key or a signal ends it."""

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

from workbench.monitor.screen import HELP, PAUSED, Size, View, lines_of
from workbench.monitor.watch import Watch

# The other screen, without a cursor; what was there before comes back at the end.
_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_END_OF_LINE: Final = "\x1b[K"
_END_OF_SCREEN: Final = "\x1b[J"
_STEP_SECONDS: Final = 0.1
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def show(watch: Watch, *, is_coloured: bool) -> None:
    """Show what is watched until `q`, Ctrl-C or a signal.

    Args:
        watch: what is watched.
        is_coloured: whether escapes for colours may be used.
    """
    keys = sys.stdin.fileno() if sys.stdin.isatty() else None
    drawn: tuple[int, Size, bool] | None = None
    paused: View | None = None
    watch.start()
    try:
        with _screen(keys) as pause:
            while True:
                woken = pause()
                size = Size(*shutil.get_terminal_size())
                now = (watch.looks, size, paused is not None)
                if woken or now != drawn:
                    _draw(paused or watch.view, size, paused is not None, is_coloured=is_coloured)
                    drawn = now
                key = _key(keys)
                if key in ("q", "Q"):
                    return
                if key in ("p", "P", " "):
                    paused = watch.view if paused is None else None
    finally:
        watch.stop()


def _draw(view: View, size: Size, is_paused: bool, *, is_coloured: bool) -> None:
    foot = PAUSED if is_paused else HELP
    lines = lines_of(view, size, is_coloured=is_coloured, foot=foot)
    if view.figures is None and view.trouble is None:
        lines = ["looking ...", *lines][: size.lines]
    shown = f"{_END_OF_LINE}\r\n".join(lines)
    sys.stdout.write(f"{_HOME}{shown}{_END_OF_LINE}{_END_OF_SCREEN}")
    sys.stdout.flush()


def _key(keys: int | None) -> str:
    """Return a key that is pressed within a step; without one, or without a keyboard, nothing."""
    if keys is None:
        time.sleep(_STEP_SECONDS)
        return ""
    ready, _, _ = select.select([keys], [], [], _STEP_SECONDS)
    if not ready:
        return ""
    typed = os.read(keys, 1)
    return typed.decode(errors="replace") if typed else "q"  # the terminal is gone


@contextlib.contextmanager
def _screen(keys: int | None) -> Iterator[Callable[[], bool]]:
    """Take the terminal over, and give it back as it was.

    Yields what stops the process if Ctrl-Z was pressed, with the terminal as it was meanwhile, and
    returns whether it has. A handler of the signal could not: it may come amid a write.
    """
    before = None if keys is None else termios.tcgetattr(keys)
    is_to_stop = False

    def enter() -> None:
        if keys is not None:
            tty.setcbreak(keys)
        sys.stdout.write(_ENTER)
        sys.stdout.flush()

    def leave() -> None:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
        if keys is not None and before is not None:
            termios.tcsetattr(keys, termios.TCSADRAIN, before)

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_to_stop
        is_to_stop = True

    def pause() -> bool:
        nonlocal is_to_stop
        was, is_to_stop = is_to_stop, False
        if was:
            leave()
            os.kill(os.getpid(), signal.SIGSTOP)
            enter()
        return was

    previous = {each: signal.signal(each, _end) for each in _ENDING}
    previous[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, note)
    enter()
    try:
        yield pause
    finally:
        leave()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
