"""Process of a job beside the server, such as archiving: it loads what the server must not."""

import asyncio
import os
import time
from typing import Final, NamedTuple

from waterline.processes import python_command
from waterline.settings.model import Settings, environment_of

# Characters of a failed run's last line that operators are shown.
MAX_REASON: Final = 1000


class Ended(NamedTuple):
    """A run that has ended."""

    seconds: float
    printed: str
    """What it printed, if it succeeded."""
    failure: str | None
    """Why it failed, in one sentence; None if it did not."""
    is_busy: bool
    """Whether it did nothing, as the same job was at work already."""


class JobProcess:
    """Runs a job with the settings of the server, one at a time.

    Args:
        module: what Python runs; it prints its result, or one sentence to stderr.
        settings: settings of the server.

    Attributes:
        settings: those of the next run.
    """

    def __init__(self, module: str, settings: Settings) -> None:
        self._module = module
        self.settings = settings
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._process is not None

    async def run(self) -> Ended:
        """Run the job to its end; cancelling kills it, which it must survive at any point."""
        begun = time.monotonic()
        try:
            process = await asyncio.create_subprocess_exec(
                *python_command(self._module),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | environment_of(self.settings),
            )
        except OSError as error:
            reason = f"the process of {self._module} cannot be started: {error.strerror}"
            return Ended(0.0, "", reason, is_busy=False)
        self._process = process
        try:
            printed, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._process = None
        seconds, code = time.monotonic() - begun, process.returncode
        if code == 0:
            return Ended(seconds, printed.decode().strip(), None, is_busy=False)
        lines = said.decode(errors="replace").strip().splitlines()
        reason = (lines or [f"it ended with code {code}"])[-1][:MAX_REASON]
        return Ended(seconds, "", reason, is_busy=code == os.EX_TEMPFAIL)
