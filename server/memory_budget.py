"""One budget for the memory of what peers have not sent whole, over all connections and bodies."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

# Who holds less may go on when the budget is used up, so that large messages never stop small ones.
SMALL: Final = 2**20
# What is beyond the budget for those who hold little, and for the one who holds most.
RESERVE: Final = 8 * 2**20
# While others wait for room, who holds most must make progress within this time.
STALL_SECONDS: Final = 5.0
# So long a slow one may keep others waiting, and so long one waits before it is refused.
TURN_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 1.0

FULL: Final = "more is being sent than fits; send this again later"
STALLED: Final = "what was begun did not go on; send it again"


class Holder(Protocol):
    """Whoever holds the start of something that is still to come."""

    def give_up(self, reason: str) -> None:
        """Let go of what is held, and tell the peer that it may send it again."""


@dataclass(slots=True, eq=False)
class Loan:
    """What one holder holds."""

    holder: Holder
    since: float
    moved: float
    size: int = 0
    is_whole: bool = False
    """Whether all has come, so that it will be given back without the peer."""
    waits_since: float | None = None
    leads_since: float | None = None


class MemoryBudget:
    """Counts what is held; where it is too much, the largest goes on alone and others wait.

    Nothing is refused that only has to wait a moment. Refused is who stops half-way: at once
    where others wait, after `idle_seconds` where nobody does.

    Args:
        limit: bytes; `RESERVE` comes on top.
        idle_seconds: how long a holder may make no progress.
        clock: monotonic time in seconds.
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
        """Bytes that all hold together."""
        return self._held

    def open(self, holder: Holder) -> Loan:
        """Begin to count for a holder; `close` ends it."""
        now = self._clock()
        loan = Loan(holder, now, now)
        self._loans.add(loan)
        if self._timer is None:
            self._look_later()
        return loan

    def resize(self, loan: Loan, size: int) -> None:
        """Take notice of progress: so many bytes are held now."""
        if loan not in self._loans:
            return
        grown = size - loan.size
        loan.size, loan.moved = size, self._clock()
        self._held += grown
        if grown < 0:
            self._freed.set()

    def close(self, loan: Loan) -> None:
        """Count it no more; may be called twice."""
        if loan in self._loans:
            self.resize(loan, 0)
            self._loans.discard(loan)
            self._freed.set()

    async def room(self, loan: Loan) -> None:
        """Return once this holder may take more, or has been given up."""
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
        """Refuse who holds up others, or has stopped; called each second while any hold."""
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
        """Return the largest of what is not whole: it is nearest to its end."""
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
