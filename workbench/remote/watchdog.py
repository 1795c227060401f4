"""A watchdog of a question under way: a server that stands still in the middle is noticed."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Watchdog:
    """Ends what waits for a server that does not say any more that it works.

    Within the block another thread asks again and again. What the block raises after the end is a
    `TimeoutError`.

    Args:
        lives: asks the server, and returns whether it works.
        end: has what waits in the block raise an error.
        pause: seconds between two times.
    """

    def __init__(self, lives: Callable[[], bool], end: Callable[[], None], *, pause: float) -> None:
        self._lives = lives
        self._end = end
        self._pause = pause
        self._is_over = threading.Event()
        self._has_ended = False

    def __enter__(self) -> Self:
        # It may be in the middle of a question when all is over, for which nobody waits.
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        if self._has_ended and isinstance(error, Exception):
            raise TimeoutError("the server stands still") from error

    def _watch(self) -> None:
        while not self._is_over.wait(self._pause):
            if not self._lives():
                if not self._is_over.is_set():
                    self._has_ended = True
                    self._end()
                return
