"""Summary: what is kept of the values of one metric, however many there were."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeVar

from waterline.metrics.sketch import Sketch, pack

Key = TypeVar("Key", bound=Hashable)


class Packed(NamedTuple):
    """Finite values, at least one, in as little space as a summary wants to know them."""

    size: int
    sum: float
    min: float
    max: float
    halves: memoryview

    @classmethod
    def of(cls, values: Sequence[float]) -> "Packed":
        """Pack values: some 50 ns each, and as much again when a summary takes them in."""
        return cls(len(values), float(sum(values)), min(values), max(values), pack(values))


@dataclass(slots=True)
class Summary:
    """Count, sum, least, greatest and a sketch; of what is only counted, count and sum.

    `min`, `max` and `sketch` are None until a value comes, and stay so for what is only counted.
    """

    count: int = 0
    sum: float = 0.0
    min: float | None = None
    max: float | None = None
    sketch: Sketch | None = None

    def add(self, value: float, times: int = 1) -> None:
        """Take in a finite value that was seen once or several times."""
        self._widen(value, value)
        self.count += times
        self.sum += value * times
        self._sketch().add(value, times)

    def add_packed(self, values: Sequence["Packed"]) -> None:
        """Take in values that were packed, at least one of them."""
        self._widen(min(each.min for each in values), max(each.max for each in values))
        self.count += sum(each.size for each in values)
        self.sum += sum(each.sum for each in values)
        self._sketch().add_packed(chain.from_iterable(each.halves for each in values))

    def add_count(self, events: int, amount: float) -> None:
        """Count events that together make an amount, such as logs and their bytes."""
        self.count += events
        self.sum += amount

    @property
    def average(self) -> float | None:
        """The mean, for what is counted the amount an event; None where empty."""
        return self.sum / self.count if self.count else None

    def quantile(self, q: float) -> float | None:
        """Return a quantile (0 to 1) as the sketch knows it, never outside what was seen.

        None where there were no values.
        """
        value = None if self.sketch is None else self.sketch.quantile(q)
        if value is None or self.min is None or self.max is None:
            return None
        return min(max(value, self.min), self.max)

    def merge(self, other: "Summary") -> None:
        """Take in all that another summary holds."""
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
    """Add summaries to those of the same key; what is added is left as it was."""
    for key, summary in more:
        totals.setdefault(key, Summary()).merge(summary)
