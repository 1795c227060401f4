"""Limits of a token: connections at once, and bytes a second."""

import time
from collections.abc import Callable
from typing import Final

_SECOND: Final = 10**9
# Buckets kept before full ones are removed.
_FEW: Final = 64


class TokenLimits:
    """Counts connections and bytes by token name, on the event loop.

    A token bucket of one second limits bytes, so that a pause allows a burst of one second. Bytes
    beyond it are a debt, to be waited for. In any T seconds at most `rate * T` and one bucket pass,
    or one larger piece. All sums are integers, so errors do not accumulate.

    Args:
        connections: connections that a token may hold at once.
        rate: bytes a second of a token over all connections; None is no limit.
        clock: returns monotonic nanoseconds.
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
        # When each bucket will be full, in nanoseconds times the rate. In this unit a byte takes
        # 10**9 at any rate, so nothing is divided.
        self._full_at: dict[str, int] = {}
        self._look_at = _FEW

    def change(self, connections: int, rate: int | None) -> None:
        """Set other limits; connections that are open stay so.

        Args:
            connections: see the class.
            rate: see the class.
        """
        if rate != self._rate:
            # What was sent before is in a unit of the former rate.
            self._full_at = {}
        self._most, self._rate = connections, rate

    @property
    def most_connections(self) -> int:
        """Connections that a token may hold at once."""
        return self._most

    @property
    def buckets(self) -> int:
        """Number of remembered buckets."""
        return len(self._full_at)

    def connections(self, name: str) -> int:
        """Return the number of connections of a token."""
        return self._held.get(name, 0)

    def enter(self, name: str) -> bool:
        """Count a connection; return False if the token is at its limit."""
        held = self.connections(name)
        if held >= self._most:
            return False
        self._held[name] = held + 1
        return True

    def leave(self, name: str) -> None:
        """Uncount a connection after a successful `enter`.

        Raises:
            KeyError: the token has no connection.
        """
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]

    def take(self, name: str, size: int) -> float:
        """Count received bytes; return the seconds to wait before the next read.

        This is for connections that can be held back.
        """
        if self._rate is None:
            return 0.0
        now = self._clock() * self._rate
        full_at = self._full(name, now) + size * _SECOND
        self._full_at[name] = full_at
        return self._seconds(full_at - now - self._bucket)

    def ask(self, name: str, size: int) -> float:
        """Count bytes and return 0, or count nothing and return the seconds until they fit.

        This is for requests, which are refused rather than held back. A request larger than the
        bucket fits if the bucket is full, else it never would.
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
        """Return when a bucket is full, at least now; drop full buckets for a new name."""
        full_at = self._full_at.get(name)
        if full_at is not None:
            return max(full_at, now)
        if len(self._full_at) >= self._look_at:
            self._full_at = {each: full for each, full in self._full_at.items() if full > now}
            self._look_at = max(_FEW, 2 * len(self._full_at))
        return now
