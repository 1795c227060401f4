"""Backpressure on producers while too many bytes wait for their commit or are decoded."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Counts waiting bytes; closes above the high mark, opens below half of it.

    With a single mark every commit would wake all producers for a log or two.

    Args:
        high: the high mark, in bytes.
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
        """Bytes waiting for their commit."""
        return self._waiting

    @property
    def is_open(self) -> bool:
        """Whether producers may send."""
        return self._open.is_set()

    def enter(self, size: int) -> None:
        """Add waiting bytes."""
        self._waiting += size
        if self._waiting > self._high:
            self._open.clear()

    def leave(self, size: int) -> None:
        """Remove committed bytes."""
        self._waiting -= size
        if self._waiting <= self._low:
            self._open.set()
        self._left.set()

    async def wait(self) -> None:
        """Wait until the gate is open."""
        await self._open.wait()

    async def room(self, size: int) -> None:
        """Wait until this many bytes fit below half of the mark, or nothing waits."""
        while self._waiting and self._waiting + size > self._low:
            self._left.clear()
            await self._left.wait()


class Room:
    """Admits large messages in order, up to a limit of bytes at once, or one alone.

    Args:
        limit: bytes admitted at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._queue: deque[asyncio.Event] = deque()

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Wait for room and hold it inside the block."""
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
