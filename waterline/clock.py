"""Clocks: wall clock in milliseconds UTC, and a steady clock that ignores short jumps."""

import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = 253_402_300_799_999  # the end of the year 9999
# Milliseconds. The two clocks are read one after the other, and time servers adjust a little.
TOLERANCE: Final = 2_000
DATING_PATIENCE: Final = 5_000
"""Milliseconds that a jump must last before logs are dated by it."""
AGEING_PATIENCE: Final = 86_400_000
"""Milliseconds that a jump forward must last before ages follow it."""


def now_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def utc_text(moment: int) -> str:
    """Format milliseconds UTC for people, such as `2026-11-23 14:07:31 UTC`."""
    return f"{_EPOCH + timedelta(milliseconds=min(moment, _LAST)):%Y-%m-%d %H:%M:%S} UTC"


def steady_ms() -> int:
    """Return milliseconds on a monotonic clock; on Linux it includes suspended time."""
    if sys.platform == "linux":
        nanoseconds = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    else:
        nanoseconds = time.monotonic_ns()
    return nanoseconds // 1_000_000


class SteadyClock:
    """Wall clock that ignores short jumps forward; thread-safe.

    A jump forward is followed once it has lasted; until then time goes on as before. A clock that
    is set back is followed at once, as an earlier time makes nothing old. The first reading is
    trusted, as there is nothing to compare it with.

    Args:
        patience: milliseconds that a jump must last.
        wall: returns milliseconds UTC.
        steady: returns milliseconds on a monotonic clock.
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
        """Return the milliseconds of a forward jump that is not followed yet; 0 without one."""
        believed = self()
        return max(0, self._wall() - believed - TOLERANCE)

    def warnings(self) -> list[str]:
        """Return one sentence during a forward jump that is not followed yet, else nothing."""
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
