"""One question under way: a thread of its own, which ends when its client has gone."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from workbench.query.pin import Pin
from workbench.query.progress import EFFORT, Effort
from workbench.query.session import Session

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Asked:
    """Circumstances of a question."""

    folder: Path
    now: int
    """Milliseconds UTC, from which relative times count."""
    at: Pin | str | None
    """Pin of what names none of its own, or None."""


class Work:
    """A question under way, of which another thread may give up the answer.

    Args:
        asked: its circumstances.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._effort = Effort()
        self.has_ended = False

    async def run(self, pool: ThreadPoolExecutor, answer: Callable[[Session], _Answer]) -> _Answer:
        """Return what a function answers of a session of its own, in a thread of a pool.

        Args:
            pool: the threads.
            answer: the function.

        Raises:
            GivenUp: it was given up.
            WaterlineError: there is no answer.
        """
        context = copy_context()
        context.run(EFFORT.set, self._effort)
        make = partial(context.run, self._answered, answer)
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, make)
        finally:
            self.has_ended = True

    def warned(self) -> list[list[str]]:
        """Return the warnings so far, as pairs of name and sentence."""
        return [[kind.__name__, sentence] for sentence, kind in self._effort.warnings]

    async def give_up(self) -> None:
        """Let it end; what waits for a library is interrupted."""
        await asyncio.to_thread(self._effort.give_up)

    def _answered(self, answer: Callable[[Session], _Answer]) -> _Answer:
        asked = self._asked
        with closing(Session(asked.folder, lambda: asked.now, at=asked.at, cache=False)) as session:
            return answer(session)
