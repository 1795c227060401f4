"""Windows that slide over logs by the time of their receipt, in constant memory."""

from collections import deque
from typing import Final, Generic, Protocol, TypeVar

from waterline.metrics.summary import Packed, Summary

MOST_STEPS: Final = 300
"""Steps of a window of counts: up to five minutes it slides by a second, then by more."""
SUMMARY_STEPS: Final = 30
"""Steps of a window of values, as each has a sketch."""
_SECOND: Final = 1000
_PACKED_AT_ONCE: Final = 1000
_BEHIND: Final = 10_000


class _Addable(Protocol):
    def add(self, log: float | None) -> None:
        """Add a log; its value, or None if it is only counted."""


_Cell = TypeVar("_Cell", bound=_Addable)


class Counts:
    """A number of logs."""

    __slots__ = ("logs",)

    def __init__(self) -> None:
        self.logs = 0

    def add(self, log: float | None) -> None:
        """Count a log."""
        del log
        self.logs += 1


class Values:
    """Values of logs, as a summary with a sketch."""

    __slots__ = ("_fresh", "_summary")

    def __init__(self) -> None:
        self._summary = Summary()
        # Many at once are packed in a tenth of the time.
        self._fresh: list[float] = []

    def add(self, log: float | None) -> None:
        """Add the value of a log."""
        if log is not None:
            self._fresh.append(log)
            if len(self._fresh) >= _PACKED_AT_ONCE:
                self._pack()

    @property
    def summary(self) -> Summary:
        """The summary of all values."""
        if self._fresh:
            self._pack()
        return self._summary

    def _pack(self) -> None:
        self._summary.add_packed([Packed.of(self._fresh)])
        self._fresh = []


class Window(Generic[_Cell]):
    """The steps of the last `over` milliseconds, each with what was added in it.

    Args:
        over: length, in milliseconds.
        steps: number of steps at most; a step has whole seconds.
        new: makes what a step has.
    """

    def __init__(self, over: int, steps: int, new: type[_Cell]) -> None:
        self.step = -(-over // (steps * _SECOND)) * _SECOND
        """Milliseconds of a step."""
        self._length = -(-over // self.step)
        self._new = new
        self._cells: deque[tuple[int, _Cell]] = deque()
        """Number and content of the steps that have any, ascending."""

    def add(self, at: int, log: float | None = None) -> None:
        """Add a log.

        Args:
            at: when it was received, milliseconds UTC; never earlier than the last.
            log: its value; None if it is only counted.
        """
        step = at // self.step
        if not self._cells or self._cells[-1][0] < step:
            self._cells.append((step, self._new()))
            # What is asked for ends a little before the newest logs.
            self._forget(step - _BEHIND // self.step - 1)
        self._cells[-1][1].add(log)

    def within(self, end: int) -> list[_Cell]:
        """Return what was added in the window up to a moment, exclusive."""
        last = (end - 1) // self.step
        self._forget(last)
        return [cell for step, cell in self._cells if last - self._length < step <= last]

    def _forget(self, last: int) -> None:
        while self._cells and self._cells[0][0] <= last - self._length:
            self._cells.popleft()


def counts(over: int) -> Window[Counts]:
    """Return a window of counts."""
    return Window(over, MOST_STEPS, Counts)


def values(over: int) -> Window[Values]:
    """Return a window of values."""
    return Window(over, SUMMARY_STEPS, Values)


def counted(window: Window[Counts], end: int) -> int:
    """Return the number of logs in a window up to a moment."""
    return sum(each.logs for each in window.within(end))


def summed(window: Window[Values], end: int) -> Summary:
    """Return the summary of the values in a window up to a moment."""
    total = Summary()
    for each in window.within(end):
        total.merge(each.summary)
    return total
