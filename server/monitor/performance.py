"""PerformanceMonitor: takes measurements from any thread, keeps sums and sketches of them."""

import threading
from dataclasses import dataclass, field
from typing import Final

from server.monitor.sketch import Sketch

# A log's type becomes a label; a producer that invents types must not fill the memory.
MAX_LABELS: Final = 100
OTHER: Final = "other"


@dataclass(slots=True)
class Summary:
    """What is kept of the values of one metric and label."""

    count: int = 0
    sum: float = 0.0
    min: float = float("inf")
    max: float = float("-inf")
    sketch: Sketch = field(default_factory=Sketch)

    def add(self, value: float, times: int) -> None:
        """Take in a value that was seen once or several times."""
        self.count += times
        self.sum += value * times
        self.min = min(self.min, value)
        self.max = max(self.max, value)
        self.sketch.add(value, times)

    def add_count(self, amount: int) -> None:
        """Count events that have no value of their own."""
        self.count += amount
        self.sum += amount
        self.min = self.max = 1.0

    def quantile(self, q: float) -> float | None:
        """Return a quantile (0 to 1) as the sketch knows it, never outside what was seen."""
        value = self.sketch.quantile(q)
        return None if value is None else min(max(value, self.min), self.max)

    def merge(self, other: "Summary") -> None:
        """Take in all that another summary holds."""
        self.count += other.count
        self.sum += other.sum
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)
        self.sketch.merge(other.sketch)


Key = tuple[str, str]
"""A metric's name and its label, which is empty where it has none."""


class PerformanceMonitor:
    """Records measurements; what came since the last `take` is kept apart for the rollups."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fresh: dict[Key, Summary] = {}
        self._earlier: dict[Key, Summary] = {}
        self._labels: dict[str, set[str]] = {}

    def record(self, name: str, value: float, label: str = "", times: int = 1) -> None:
        """Take one measurement, or several of the same value; none is fine."""
        if times:
            with self._lock:
                self._summary(name, label).add(value, times)

    def count(self, name: str, amount: int, label: str = "") -> None:
        """Count events of one kind; none is fine."""
        if amount:
            with self._lock:
                self._summary(name, label).add_count(amount)

    def take(self) -> dict[Key, Summary]:
        """Return what came since the last time, and begin anew."""
        with self._lock:
            taken, self._fresh = self._fresh, {}
            for key, summary in taken.items():
                self._earlier.setdefault(key, Summary()).merge(summary)
            return taken

    def average(self, name: str) -> float | None:
        """Return the mean of a metric over all labels since the start; None where empty."""
        total = self._total(name)
        return total.sum / total.count if total.count else None

    def percentile(self, name: str, q: float) -> float | None:
        """Return a percentile (0 to 100) of a metric since the start; None where empty."""
        return self._total(name).quantile(q / 100)

    def names(self) -> list[str]:
        """Return the names of all metrics that hold anything, in order."""
        with self._lock:
            return sorted({name for name, _ in [*self._earlier, *self._fresh]})

    def report(self) -> dict[str, dict[str, float | None]]:
        """Return for each metric average, p50, p95, p99, min, max and count since the start.

        Counts of events have no percentiles: None.
        """
        return {name: self._describe(self._total(name)) for name in self.names()}

    def counts(self, name: str) -> dict[str, int]:
        """Return how often a metric was recorded since the start, by label."""
        with self._lock:
            found: dict[str, int] = {}
            for (metric, label), summary in [*self._earlier.items(), *self._fresh.items()]:
                if metric == name:
                    found[label] = found.get(label, 0) + summary.count
            return found

    @staticmethod
    def _describe(total: Summary) -> dict[str, float | None]:
        return {
            "average": total.sum / total.count,
            "p50": total.quantile(0.50),
            "p95": total.quantile(0.95),
            "p99": total.quantile(0.99),
            "min": total.min,
            "max": total.max,
            "count": total.count,
        }

    def _total(self, name: str) -> Summary:
        total = Summary()
        with self._lock:
            for (metric, _), summary in [*self._earlier.items(), *self._fresh.items()]:
                if metric == name:
                    total.merge(summary)
        return total

    def _summary(self, name: str, label: str) -> Summary:
        known = self._labels.setdefault(name, set())
        if label not in known:
            if len(known) >= MAX_LABELS:
                label = OTHER
            known.add(label)
        return self._fresh.setdefault((name, label), Summary())
