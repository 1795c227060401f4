"""What spreads tasks: it runs many of them at a time, and gives back their results in order."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Result = TypeVar("Result")
ResultOf = TypeVar("ResultOf", covariant=True)


class Task(Protocol[ResultOf]):
    """A value that can be pickled, and that makes a result wherever it is called."""

    def __call__(self) -> ResultOf:
        """Return the result, which is to be small."""

    def name(self) -> str:
        """Return what the task is about, such as the path of a file, for an error."""

    def key(self) -> str:
        """Return a digest of what the result depends on, which no path or address does."""


class Results(Iterator[ResultOf], Protocol[ResultOf]):
    """Results of tasks, in the order of the tasks.

    Raises:
        Cancelled: they were cancelled.
    """

    def cancel(self) -> None:
        """Have no more tasks begun, and `next` end soon; any thread may call it, at any time."""

    def close(self) -> None:
        """Give up what has not been taken; it may be called again."""


class Cancelled(Exception):
    """Tasks were cancelled."""


class Spread(Protocol):
    """Runs tasks."""

    def map(
        self, tasks: Iterable[Task[Result]], *, threads: int, is_probing: bool = False
    ) -> Results[Result]:
        """Run tasks.

        Args:
            tasks: the tasks; each is asked for just before it may begin.
            threads: number of tasks at a time where they run in this process. At 1 none begins
                before the result of the one before is taken.
            is_probing: whether a result may make later tasks needless, so that few are begun before
                the first results are taken.
        """

    def close(self) -> None:
        """Let go of what was opened for it; it may be called again."""
