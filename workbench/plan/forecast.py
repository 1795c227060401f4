"""Forecast of the bytes of a folder over time, and of when a disk is full. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from waterline.metrics.spans import SECOND, Table
from workbench.plan.measured import Measured

HORIZON: Final = 10 * 365 * 86_400.0
"""Seconds that are looked ahead."""
_STEPS: Final = 4_000
_FIRST: Final = 1.0
_EXACT: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What a forecast goes by, besides what was measured. Times are seconds, sizes bytes."""

    rate: float
    """Logs a second."""
    hot_for: float | None
    """How long logs stay hot at most; None for ever."""
    archived_log: float
    """Bytes of an archived log; 0 where archives are not kept here."""
    keep_for: float | None
    """How long logs are kept from their receipt; None for ever."""
    keep_bytes: int | None
    retention: Mapping[Table, float]
    """How long measurements are kept."""
    now: float
    """Seconds since 1970 UTC."""
    least_wal: Mapping[str, int]
    """Bytes that the WAL of a database grows to, whatever a checkpoint takes otherwise."""


class Forecast:
    """Bytes that a folder will have.

    Args:
        measured: the folder.
        assumed: what is assumed.
    """

    def __init__(self, measured: Measured, assumed: Assumed) -> None:
        self._measured = measured
        self._assumed = assumed

    def hot_bytes(self, seconds: float) -> float:
        """Return the bytes of logs.db at a time from now on."""
        return self._hot_rows(seconds) * self._measured.hot_log

    def archived_bytes(self, seconds: float) -> float:
        """Return the bytes of the archives."""
        assumed = self._assumed
        new = max(0.0, self._come(seconds) - self._hot_rows(seconds))
        if assumed.keep_for is not None and assumed.hot_for is not None:
            new = min(new, assumed.rate * max(0.0, assumed.keep_for - assumed.hot_for))
        total = new * assumed.archived_log + self._old_archives(seconds)
        return total if assumed.keep_bytes is None else min(total, assumed.keep_bytes)

    def metric_bytes(self, seconds: float) -> float:
        """Return the bytes of metrics.db."""
        measured = self._measured
        rows = sum(each.rows for each in measured.metric_rows.values())
        if not rows:
            return measured.metric_bytes
        more = 0.0
        for table, each in measured.metric_rows.items():
            most = each.a_second * self._assumed.retention[table]
            more += min(max(0.0, most - each.rows), each.a_second * seconds)
        return measured.metric_bytes * (1 + more / rows)

    def wal_bytes(self, seconds: float) -> float:
        """Return the bytes of the WALs; where it is not known how fast they grow, at most."""
        faster = self._assumed.rate / self._measured.rate if self._measured.rate else 1.0
        total = 0.0
        for name, each in self._measured.wals.items():
            most = max(each.most, self._assumed.least_wal.get(name, 0))
            more = most if each.a_second is None else each.a_second * faster * seconds
            total += max(each.size, min(most, each.size + more))
        return total

    def size(self, seconds: float) -> float:
        """Return the bytes of all of these."""
        return (
            self.hot_bytes(seconds)
            + self.archived_bytes(seconds)
            + self.metric_bytes(seconds)
            + self.wal_bytes(seconds)
        )

    def growth(self, seconds: float) -> float:
        """Return the bytes that the folder will take besides those that it takes now."""
        return self.size(seconds) - self._size_now

    def seconds_to(self, free: float) -> float | None:
        """Return the seconds until so many more bytes are taken; None beyond the horizon."""
        before = 0.0
        for at in _moments():
            if self.growth(at) >= free:
                return self._between(before, at, free)
            before = at
        return None

    @property
    def most(self) -> float:
        """The largest size within the horizon."""
        return max(self.size(at) for at in _moments())

    @property
    def _size_now(self) -> float:
        measured = self._measured
        archived = 0 if not self._assumed.archived_log else self._old_archives(0.0)
        wals = sum(each.size for each in measured.wals.values())
        return measured.hot_bytes + archived + measured.metric_bytes + wals

    def _between(self, low: float, high: float, free: float) -> float:
        for _ in range(_EXACT):
            middle = (low + high) / 2
            if self.growth(middle) >= free:
                high = middle
            else:
                low = middle
        return high

    def _come(self, seconds: float) -> float:
        """Return the logs that are hot now, and those that come in until then."""
        return self._measured.hot_rows + self._assumed.rate * seconds

    def _hot_rows(self, seconds: float) -> float:
        """Return the logs that are hot then: those received no longer ago than they stay so."""
        assumed, measured = self._assumed, self._measured
        if assumed.hot_for is None:
            return self._come(seconds)
        new = assumed.rate * min(seconds, assumed.hot_for)
        if measured.hot_since is None:
            return new
        reach = max(1.0, assumed.now - measured.hot_since / SECOND)
        gone = (seconds + reach - assumed.hot_for) / reach
        return new + measured.hot_rows * min(1.0, max(0.0, 1 - gone))

    def _old_archives(self, seconds: float) -> float:
        """Return the bytes of the batches of today that are kept then."""
        assumed = self._assumed
        if not assumed.archived_log:
            return 0.0
        bound = None if assumed.keep_for is None else assumed.now + seconds - assumed.keep_for
        return sum(
            each.stored_bytes
            for each in self._measured.batches
            if each.local_removed_at is None
            and (bound is None or each.last_received_at / SECOND >= bound)
        )


def _moments() -> Sequence[float]:
    """Return moments from a second to the horizon, each a bit later than the one before."""
    factor = (HORIZON / _FIRST) ** (1 / _STEPS)
    return [_FIRST * factor**step for step in range(_STEPS + 1)]
