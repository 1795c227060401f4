"""Memory budget for unfinished messages and bodies, over all connections."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

# Bytes. Smaller holders go on when the budget is used up, so that large messages never stop them.
SMALL: Final = 2**20
# Bytes beyond the budget for small holders, and for the largest one.
RESERVE: Final = 8 * 2**20
# Seconds without progress of a large holder, after which it is refused if others wait.
STALL_SECONDS: Final = 5.0
# Seconds that the largest holder may keep others waiting, and that a holder waits at most.
TURN_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 1.0

FULL: Final = "more is being sent than fits; send this again later"
STALLED: Final = "what was begun did not go on; send it again"


class Holder(Protocol):
    """Holder of an unfinished message or body."""

    def give_up(self, reason: str) -> None:
        """Drop the bytes, and tell the peer that it may send again."""


@dataclass(slots=True, eq=False)
class Loan:
    """Bytes of one holder."""

    holder: Holder
    since: float
    moved: float
    size: int = 0
    is_whole: bool = False
    """Whether all bytes have come, so that the peer is no longer needed."""
    waits_since: float | None = None
    leads_since: float | None = None


class MemoryBudget:
    """Counts held bytes. Beyond the limit the largest holder goes on alone, and others wait.

    A short wait is no refusal. A holder that stops half-way is refused: soon if others wait, else
    after `idle_seconds`.

    Args:
        limit: bytes, without `RESERVE`.
        idle_seconds: seconds that a holder may make no progress.
        clock: returns monotonic seconds.
    """

    def __init__(
        self, limit: int, idle_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._idle = idle_seconds
        self._clock = clock
        self._loans: set[Loan] = set()
        self._held = 0
        self._freed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> int:
        """Bytes of all holders."""
        return self._held

    def open(self, holder: Holder) -> Loan:
        """Open a loan for a holder; `close` ends it."""
        now = self._clock()
        loan = Loan(holder, now, now)
        self._loans.add(loan)
        if self._timer is None:
            self._look_later()
        return loan

    def resize(self, loan: Loan, size: int) -> None:
        """Set the bytes of a loan, which counts as progress."""
        if loan not in self._loans:
            return
        grown = size - loan.size
        loan.size, loan.moved = size, self._clock()
        self._held += grown
        if grown < 0:
            self._freed.set()

    def close(self, loan: Loan) -> None:
        """End a loan; safe to call twice."""
        if loan in self._loans:
            self.resize(loan, 0)
            self._loans.discard(loan)
            self._freed.set()

    @property
    def is_full(self) -> bool:
        """Whether all holders together have as much as they may."""
        return self._held > self._limit

    def has_room(self, loan: Loan) -> bool:
        """Return whether this holder need not wait in `room`."""
        return self._may_go_on(loan)

    async def room(self, loan: Loan) -> None:
        """Wait until this holder may take more, or has been refused."""
        if self._may_go_on(loan):
            return
        loan.waits_since = self._clock()
        try:
            while loan in self._loans and not self._may_go_on(loan):
                self._freed.clear()
                await self._freed.wait()
        finally:
            loan.waits_since, loan.moved = None, self._clock()

    def look(self) -> None:
        """Refuse holders that block others or have stopped; called each second."""
        now = self._clock()
        leader = self._leader()
        for loan in list(self._loans):
            loan.leads_since = (loan.leads_since or now) if loan is leader else None
        waiting = [each for each in self._loans if each.waits_since is not None]
        for loan in [
            each for each in waiting if now - (each.waits_since or now) > PATIENCE_SECONDS
        ]:
            self._give_up(loan, FULL)
        if waiting:
            for loan in self._stalled(now, STALL_SECONDS, least=SMALL):
                self._give_up(loan, FULL)
            if leader and leader.leads_since and now - leader.leads_since > TURN_SECONDS:
                self._give_up(leader, FULL)
        for loan in self._stalled(now, self._idle, least=0):
            self._give_up(loan, STALLED)
        self._freed.set()

    def _may_go_on(self, loan: Loan) -> bool:
        if self._held <= self._limit:
            return True
        if loan.size <= SMALL and self._held <= self._limit + RESERVE:
            return True
        return loan is self._leader()

    def _leader(self) -> Loan | None:
        """Return the largest unfinished loan, which is nearest to its end."""
        parts = (each for each in self._loans if not each.is_whole)
        return max(parts, key=lambda each: (each.size, -each.since), default=None)

    def _stalled(self, now: float, seconds: float, least: int) -> list[Loan]:
        return [
            each
            for each in self._loans
            if each.waits_since is None
            and not each.is_whole
            and each.size >= least
            and now - each.moved > seconds
        ]

    def _give_up(self, loan: Loan, reason: str) -> None:
        self.close(loan)
        loan.holder.give_up(reason)

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(
            min(_LOOK_SECONDS, max(self._idle / 4, 0.05)), self._look_and_go_on
        )

    def _look_and_go_on(self) -> None:
        self._timer = None
        self.look()
        if self._loans:
            self._look_later()
