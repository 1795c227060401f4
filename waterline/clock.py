"""The wall clock as everything here counts it, and how far it is believed when it jumps."""

import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = 253_402_300_799_999  # the end of the year 9999
# The two clocks are looked at one after the other, and time servers adjust a little.
TOLERANCE: Final = 2_000  # milliseconds
DATING_PATIENCE: Final = 5_000
"""Milliseconds for which a jump must last before logs are dated by it."""
AGEING_PATIENCE: Final = 86_400_000
"""Milliseconds for which a jump forward must last before anything counts as old by it."""


def now_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def utc_text(moment: int) -> str:
    """Return milliseconds UTC for a person to read, such as `2026-11-23 14:07:31 UTC`."""
    return f"{_EPOCH + timedelta(milliseconds=min(moment, _LAST)):%Y-%m-%d %H:%M:%S} UTC"


def steady_ms() -> int:
    """Return milliseconds on a clock that nobody sets; on Linux it also goes on in sleep."""
    if sys.platform == "linux":
        nanoseconds = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    else:
        nanoseconds = time.monotonic_ns()
    return nanoseconds // 1_000_000


class SteadyClock:
    """The wall clock, without what it shows for a while only; any thread may ask it.

    A jump forward is believed once it has lasted; until then the time goes on as before it. A
    clock that is set back is followed at once, for the earlier time makes nothing old. What the
    clock shows first is believed, as there is nothing to compare it with.

    Args:
        patience: milliseconds for which a jump must last.
        wall: returns milliseconds UTC.
        steady: returns milliseconds on a clock that nobody sets.
    """

    def __init__(
        self,
        patience: int,
        wall: Callable[[], int] = now_ms,
        steady: Callable[[], int] = steady_ms,
    ) -> None:
        self._patience = patience
        self._wall = wall
        self._steady = steady
        self._lock = threading.Lock()
        self._offset = wall() - steady()
        self._jumped_to = self._offset
        self._jumped_at: int | None = None

    def __call__(self) -> int:
        """Return milliseconds UTC."""
        with self._lock:
            wall, steady = self._wall(), self._steady()
            offset = wall - steady
            if abs(offset - self._offset) <= TOLERANCE:
                self._follow(offset)
            elif self._jumped_at is None or abs(offset - self._jumped_to) > TOLERANCE:
                self._jumped_at, self._jumped_to = steady, offset
            elif steady - self._jumped_at >= self._patience:
                self._follow(offset)
            return min(wall, steady + self._offset)

    def ahead(self) -> int:
        """Return by how many milliseconds the wall clock has jumped forward and is not believed."""
        believed = self()
        return max(0, self._wall() - believed - TOLERANCE)

    def warnings(self) -> list[str]:
        """Return a sentence where the wall clock has jumped forward and is not believed."""
        ahead = self.ahead()
        if not ahead:
            return []
        sentence = (
            f"this machine's clock jumped forward by {ahead // 1000} seconds; nothing is archived, "
            "removed or called quiet by it until it has stayed so for a day, or the server starts "
            "again: set the clock right"
        )
        return [sentence]

    def _follow(self, offset: int) -> None:
        self._offset, self._jumped_at = offset, None
