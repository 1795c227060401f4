"""An answer in the making: it tells how far it is, and ends when it is given up."""

import threading
from contextvars import ContextVar
from typing import Final

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
