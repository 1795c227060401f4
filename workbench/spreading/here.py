"""Tasks in the threads of this process."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, Generic

from workbench.spreading.spread import Cancelled, Result, Results, Spread, Task


class Here:
    """Runs tasks in threads of this process."""

    def map(
        self, tasks: Iterable[Task[Result]], *, threads: int, is_probing: bool = False
    ) -> Results[Result]:
        """Run tasks; see `Spread.map`."""
        del is_probing  # so few are begun in any case
        return _Running(lambda begun: _made(begun, threads), tasks)

    def close(self) -> None:
        """Do nothing: nothing is open."""


HERE: Final[Spread] = Here()
"""Runs tasks in threads of this process."""


class _Running(Generic[Result]):
    """Results of tasks that run here.

    Args:
        make: makes results of tasks.
        tasks: the tasks.
    """

    def __init__(
        self,
        make: Callable[[Iterable[Task[Result]]], Generator[Result, None, None]],
        tasks: Iterable[Task[Result]],
    ) -> None:
        self._tasks = tasks
        self._is_cancelled = False
        self._made = make(self._begun())

    def __iter__(self) -> "_Running[Result]":
        return self

    def __next__(self) -> Result:
        return next(self._made)

    def cancel(self) -> None:
        self._is_cancelled = True

    def close(self) -> None:
        self._made.close()

    def _begun(self) -> Generator[Task[Result], None, None]:
        for task in self._tasks:
            if self._is_cancelled:
                raise Cancelled
            yield task


def _made(tasks: Iterable[Task[Result]], threads: int) -> Generator[Result, None, None]:
    if threads == 1:
        for task in tasks:
            yield task()
        return
    with ThreadPoolExecutor(threads) as pool:
        made: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                # The context carries progress to the waiting thread.
                made.append(pool.submit(copy_context().run, task))
                if len(made) > threads:
                    yield made.popleft().result()
            while made:
                yield made.popleft().result()
        finally:
            for each in made:
                each.cancel()
