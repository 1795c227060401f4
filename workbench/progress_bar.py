"""Progress bars for terminals and notebooks."""

import sys
from types import TracebackType
from typing import Final, NoReturn, Self

from tqdm import tqdm

DELAY_SECONDS: Final = 1.0
"""Seconds before a bar appears."""


class ProgressBars:
    """Shows a bar for each task, one after the other; none if standard error is not seen.

    Args:
        delay: seconds before a bar appears.
    """

    def __init__(self, delay: float = DELAY_SECONDS) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._what = ""
        self._delay = delay

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Show the amount done of a task, and the total if known."""
        if not _is_seen():
            return
        if self._bar is None or what != self._what:
            self.close()
            self._what = what
            self._bar = tqdm(
                desc=what, total=total, unit="", unit_scale=True, file=sys.stderr,
                delay=self._delay, leave=False,
            )  # fmt: skip
        if done == self._bar.n:
            self._bar.refresh()  # to advance its clock
        else:
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
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


def _is_seen() -> bool:
    # A notebook's standard error is no terminal, but shown.
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")
