"""Division of long work over turns of the event loop."""

import asyncio


class Turns:
    """Bounds the work in one turn of the event loop, summed over all tasks that share it.

    Tasks that only yield after each step would together do a step each in one turn.

    Args:
        limit: work in one turn, in any unit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent = 0
        self._order = asyncio.Lock()

    async def spend(self, amount: int) -> None:
        """Count work; once it adds up to the limit, return after others had a turn.

        Tasks that wait go on in their order, one a turn.
        """
        self._spent += amount
        if self._spent >= self._limit:
            async with self._order:
                self._spent = 0
                await asyncio.sleep(0)
