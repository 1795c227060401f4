"""Progress: how a job tells how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Is told how far a job is."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take notice: so much of it is done."""


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""
