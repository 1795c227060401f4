"""One row of the table: a figure, what it stands beside, and whether it met its target."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Where the ratio of a figure to what it stands beside should be."""

    ratio: float
    at_most: bool

    def holds(self, ratio: float) -> bool:
        """Whether a ratio is where it should be."""
        return ratio <= self.ratio if self.at_most else ratio >= self.ratio

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.ratio:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure of several rounds; `values` and `references` have one for each, in turn."""

    name: str
    unit: str
    values: Sequence[float]
    beside: str
    references: Sequence[float]
    target: Target | None = None
    is_whole: bool = True
    """Whether what else belongs to the figure was so, as `note` says."""
    note: str = ""

    @property
    def measured(self) -> float:
        """The median of the figure."""
        return statistics.median(self.values)

    @property
    def reference(self) -> float:
        """The median of what it stands beside."""
        return statistics.median(self.references)

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: what slows a whole round down does not move it."""
        pairs = zip(self.values, self.references, strict=True)
        return statistics.median(value / reference for value, reference in pairs)

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        if self.target is None:
            return None
        return self.is_whole and self.target.holds(self.ratio)


def compared(
    name: str,
    values: Sequence[float],
    beside: str,
    references: Sequence[float],
    at_least: float | None = None,
) -> Row:
    """Return the row of a rate in logs a second beside another rate of the same rounds."""
    target = None if at_least is None else Target(at_least, at_most=False)
    return Row(
        name=name,
        unit="logs/s",
        values=values,
        beside=beside,
        references=references,
        target=target,
    )


def limited(name: str, values: Sequence[float], unit: str, limit: float) -> Row:
    """Return the row of a figure that should not be above a limit."""
    return Row(
        name=name,
        unit=unit,
        values=values,
        beside="limit",
        references=[limit] * len(values),
        target=Target(1.0, at_most=True),
    )
