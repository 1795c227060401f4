"""Progress bars of archive jobs, for whoever waits at a terminal."""

import sys
from types import TracebackType
from typing import NoReturn, Self

from tqdm import tqdm

# What is done before then needs no bar.
DELAY_SECONDS = 1.0


class ProgressBars:
    """A bar for each thing a job does, one after the other; none where nobody sees it."""

    def __init__(self) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that so much of it is done."""
        if self._bar is None or what != self._what:
            self.close()
            self._what = what
            self._bar = tqdm(
                desc=what, total=total, unit="", unit_scale=True, disable=None, file=sys.stderr,
                delay=DELAY_SECONDS, leave=False,
            )  # fmt: skip
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
