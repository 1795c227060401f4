"""Progress callbacks of archive jobs."""

from typing import Protocol


class Progress(Protocol):
    """Called as a job goes on."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Note progress.

        Args:
            what: the work, such as `archived`.
            done: units done so far.
            total: units in all.
        """


def silent(what: str, done: int, total: int) -> None:
    """Ignore progress.

    Args:
        what: the work.
        done: units done so far.
        total: units in all.
    """
