"""Summary of the values of one metric, in constant space."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeVar

from waterline.metrics.sketch import Sketch, pack

Key = TypeVar("Key", bound=Hashable)


class Packed(NamedTuple):
    """At least one finite value, packed in the precision of a summary."""

    size: int
    sum: float
    min: float
    max: float
    halves: memoryview

    @classmethod
    def of(cls, values: Sequence[float]) -> "Packed":
        """Pack values; takes some 50 ns each, and as much again to add them."""
        return cls(len(values), float(sum(values)), min(values), max(values), pack(values))


@dataclass(slots=True)
class Summary:
    """Count, sum, minimum, maximum and sketch of values; for counts only count and sum.

    `min`, `max` and `sketch` are None without values.
    """

    count: int = 0
    sum: float = 0.0
    min: float | None = None
    max: float | None = None
    sketch: Sketch | None = None

    def add(self, value: float, times: int = 1) -> None:
        """Add a finite value, once or several times."""
        self._widen(value, value)
        self.count += times
        self.sum += value * times
        self._sketch().add(value, times)

    def add_packed(self, values: Sequence["Packed"]) -> None:
        """Add packed values, at least one."""
        self._widen(min(each.min for each in values), max(each.max for each in values))
        self.count += sum(each.size for each in values)
        self.sum += sum(each.sum for each in values)
        self._sketch().add_packed(chain.from_iterable(each.halves for each in values))

    def add_count(self, events: int, amount: float) -> None:
        """Add events and their amount, such as logs and bytes."""
        self.count += events
        self.sum += amount

    @property
    def average(self) -> float | None:
        """Mean value, or amount an event; None without any."""
        return self.sum / self.count if self.count else None

    def quantile(self, q: float) -> float | None:
        """Return a quantile; see `quantiles`."""
        (value,) = self.quantiles(q)
        return value

    def quantiles(self, *wanted: float) -> list[float | None]:
        """Return some quantiles (each 0 to 1), clamped to minimum and maximum.

        They are None without values.
        """
        if self.sketch is None or self.min is None or self.max is None:
            return [None] * len(wanted)
        least, most = self.min, self.max
        return [
            None if each is None else min(max(each, least), most)
            for each in self.sketch.quantiles(*wanted)
        ]

    def merge(self, other: "Summary") -> None:
        """Add another summary."""
        self.count += other.count
        self.sum += other.sum
        if other.min is not None and other.max is not None:
            self._widen(other.min, other.max)
        if other.sketch is not None:
            self._sketch().merge(other.sketch)

    def _widen(self, least: float, greatest: float) -> None:
        self.min = least if self.min is None or least < self.min else self.min
        self.max = greatest if self.max is None or greatest > self.max else self.max

    def _sketch(self) -> Sketch:
        if self.sketch is None:
            self.sketch = Sketch()
        return self.sketch


def merge_into(totals: dict[Key, Summary], more: Iterable[tuple[Key, Summary]]) -> None:
    """Add copies of summaries to those of the same key."""
    for key, summary in more:
        totals.setdefault(key, Summary()).merge(summary)
