"""Progress bars, for whoever waits at a terminal or in a notebook."""

import sys
from types import TracebackType
from typing import Final, NoReturn, Self

from tqdm import tqdm

DELAY_SECONDS: Final = 1.0
"""What is done before then needs no bar."""


class ProgressBars:
    """A bar for each thing that is done, one after the other; none where nobody sees it.

    Args:
        delay: seconds for which a thing goes on before its bar is shown.
    """

    def __init__(self, delay: float = DELAY_SECONDS) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._what = ""
        self._delay = delay

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Show that so much of it is done, of so much if that is known."""
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
            self._bar.refresh()  # so that its clock goes on
        else:
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


def _is_seen() -> bool:
    # A notebook's is no terminal, but it shows what is written there.
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")
