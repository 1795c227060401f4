"""Holding producers back while more waits for its commit than may, or is decoded at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Counts the bytes that wait; closed above the high mark, opened again below half of it.

    Were the two marks one, every commit would wake all producers for a log or two.
    """

    def __init__(self, high: int) -> None:
        self._high = high
        self._low = high // 2
        self._waiting = 0
        self._open = asyncio.Event()
        self._open.set()
        self._left = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Bytes that wait for their commit."""
        return self._waiting

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return self._open.is_set()

    def enter(self, size: int) -> None:
        """Count so many bytes that wait from now on."""
        self._waiting += size
        if self._waiting > self._high:
            self._open.clear()

    def leave(self, size: int) -> None:
        """Count so many bytes that wait no longer."""
        self._waiting -= size
        if self._waiting <= self._low:
            self._open.set()
        self._left.set()

    async def wait(self) -> None:
        """Return once more may come."""
        await self._open.wait()

    async def room(self, size: int) -> None:
        """Return once so many bytes fit below half of the mark, or nothing waits at all."""
        while self._waiting and self._waiting + size > self._low:
            self._left.clear()
            await self._left.wait()


class Room:
    """Lets so many bytes of large things in at once, or one alone, in the order they came."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._queue: deque[asyncio.Event] = deque()

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Wait for room, and take it until the end of the block."""
        mine = asyncio.Event()
        self._queue.append(mine)
        try:
            while self._queue[0] is not mine or not self._fits(size):
                mine.clear()
                await mine.wait()
            self._inside += size
        finally:
            self._queue.remove(mine)
            self._wake()
        try:
            yield
        finally:
            self._inside -= size
            self._wake()

    def _fits(self, size: int) -> bool:
        return not self._inside or self._inside + size <= self._limit

    def _wake(self) -> None:
        if self._queue:
            self._queue[0].set()
