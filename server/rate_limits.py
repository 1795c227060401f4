"""What one token may take: so many connections at once, so many bytes a second."""

import time
from collections.abc import Callable
from typing import Final

_SECOND: Final = 10**9
# So many buckets are kept before the full ones among them are looked for.
_FEW: Final = 64


class TokenLimits:
    """Counts connections and bytes by the name of their token; lives on the event loop.

    Bytes are counted by a token bucket that holds what one second allows, so that so much may
    come at once after a pause. What is taken beyond it is a debt, and whoever takes must wait
    until it is paid: in any T seconds no more passes than `rate * T` and one bucket, or one
    single piece where that is larger. All sums are whole numbers, so no error can gather.

    Args:
        connections: how many connections a token may hold at once.
        rate: bytes a second that a token may send on all its connections; None is no limit.
        clock: monotonic time in nanoseconds.
    """

    def __init__(
        self,
        connections: int,
        rate: int | None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._most = connections
        self._rate = rate
        self._clock = clock
        self._held: dict[str, int] = {}
        # When each bucket will be full again, in nanoseconds times the rate: in this unit a byte
        # takes 10**9 whatever the rate is, so nothing needs dividing.
        self._full_at: dict[str, int] = {}
        self._look_at = _FEW

    @property
    def most_connections(self) -> int:
        """How many connections a token may hold at once."""
        return self._most

    @property
    def buckets(self) -> int:
        """How many names are remembered for the bytes that came with them."""
        return len(self._full_at)

    def connections(self, name: str) -> int:
        """Return how many connections a token holds."""
        return self._held.get(name, 0)

    def enter(self, name: str) -> bool:
        """Count one more connection of a token, unless it holds as many as it may."""
        held = self.connections(name)
        if held >= self._most:
            return False
        self._held[name] = held + 1
        return True

    def leave(self, name: str) -> None:
        """Count one connection less; only who was let in may leave.

        Raises:
            KeyError: the token holds none.
        """
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]

    def take(self, name: str, size: int) -> float:
        """Count bytes that have come; return the seconds to wait before they go on.

        For a connection that can be held back: read no more from it meanwhile.
        """
        if self._rate is None:
            return 0.0
        now = self._clock() * self._rate
        full_at = self._full(name, now) + size * _SECOND
        self._full_at[name] = full_at
        return self._seconds(full_at - now - self._bucket)

    def ask(self, name: str, size: int) -> float:
        """Count bytes and return 0, or count nothing and return the seconds after which they fit.

        For a request that is refused rather than held back. One that is larger than the bucket
        fits when the bucket is full, else it never would.
        """
        if self._rate is None:
            return 0.0
        now = self._clock() * self._rate
        full_at = self._full(name, now)
        missing = full_at - now + min(size * _SECOND, self._bucket) - self._bucket
        if missing > 0:
            return self._seconds(missing)
        self._full_at[name] = full_at + size * _SECOND
        return 0.0

    @property
    def _bucket(self) -> int:
        assert self._rate is not None
        return self._rate * _SECOND

    def _seconds(self, debt: int) -> float:
        return max(debt, 0) / self._bucket

    def _full(self, name: str, now: int) -> int:
        """Return when a bucket is full, not before now; make room for a name that is new."""
        full_at = self._full_at.get(name)
        if full_at is not None:
            return max(full_at, now)
        if len(self._full_at) >= self._look_at:
            self._full_at = {each: full for each, full in self._full_at.items() if full > now}
            self._look_at = max(_FEW, 2 * len(self._full_at))
        return now
