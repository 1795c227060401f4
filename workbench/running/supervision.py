"""Groups of processes: started, restarted when they die, ended together."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

logger = logging.getLogger(__name__)

# Seconds for ending by themselves, so that all are gone 5 s after Ctrl-C; then they are killed.
GRACE_SECONDS: Final = 4.0
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
# Seconds of running after which a dead process is restarted at once.
HEALTHY_SECONDS: Final = 60.0

Say = Callable[[str], None]
"""Prints a line."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process to run: its name, command and environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


async def run_until_signal(work: Awaitable[None]) -> None:
    """Run a coroutine until it ends, or SIGINT or SIGTERM cancels it."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        task.result()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class ProcessGroup:
    """Processes that all end when the group does."""

    def __init__(self) -> None:
        self._processes: set[asyncio.subprocess.Process] = set()
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "ProcessGroup":
        return self

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await _end(self._processes)

    async def start(
        self, program: Program, *, read_output: bool = False
    ) -> asyncio.subprocess.Process:
        """Start a program in its own session: Ctrl-C reaches us alone, and we end it in order."""
        process = await asyncio.create_subprocess_exec(
            *program.command,
            env=dict(program.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if read_output else asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.add(process)
        return process

    def keep(self, program: Program, process: asyncio.subprocess.Process) -> None:
        """Restart a program whenever it dies."""
        self._keepers.append(asyncio.ensure_future(self._keep(program, process)))

    async def forever(self) -> None:
        """Wait for tasks that never end by themselves."""
        await asyncio.gather(*self._keepers)

    async def _keep(self, program: Program, process: asyncio.subprocess.Process) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            begun = time.monotonic()
            code = await process.wait()
            self._processes.discard(process)
            if time.monotonic() - begun > HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            logger.warning("%s ended (%s); starting it again", program.name, _cause(code))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            process = await self.start(program)


def _cause(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


async def _end(processes: set[asyncio.subprocess.Process]) -> None:
    """Ask processes to end, and kill those that have not after the grace."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    waits = [asyncio.ensure_future(process.wait()) for process in processes]
    if waits:
        _, late = await asyncio.wait(waits, timeout=GRACE_SECONDS)
        if late:
            for process in processes:
                _signal(process, signal.SIGKILL)
            await asyncio.wait(late)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # The process group, as children of a child must end with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
