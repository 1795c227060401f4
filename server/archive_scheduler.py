"""Archiving on a schedule: a process of its own does it, whenever logs are due."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

from waterline.clock import now_ms
from waterline.errors import DataFolderError
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.processes import python_command
from waterline.settings.model import Settings, environment_of
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import Duties, is_due

logger = logging.getLogger(__name__)

SECOND: Final = 1000  # milliseconds
# So often it is looked whether logs are due, or as often as they may be archived.
LOOK_SECONDS: Final = 60.0
# After a failed run the next one waits: twice as long each time, up to the last.
FIRST_PAUSE: Final = 60.0
LAST_PAUSE: Final = 3600.0
# After so many failures in a row it is not going to mend itself.
LASTING: Final = 3
# What a failed run says is shown to operators.
MAX_REASON: Final = 1000


class ArchiveScheduler:
    """Looks each minute whether logs are due, and runs the archive job in a process.

    The job needs Arrow, which would double the server's memory.

    Args:
        settings: what is archived when, where to.
        recorder: counts the runs and takes how long they took.
        clock: returns milliseconds UTC.
        in_doubt: says whether the clock has jumped; nothing is archived then.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        settings: Settings,
        recorder: MetricsRecorder,
        clock: Callable[[], int] = now_ms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        in_doubt: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._folder = DataFolder(settings.data)
        self._clock = clock
        self._sleep = sleep
        self._in_doubt = in_doubt
        self._process: asyncio.subprocess.Process | None = None
        self._failures = 0
        """In a row."""
        self.failure: str | None = None
        """Why the last run failed, in one sentence; None when it did not."""
        self.ended_at: int | None = None
        """When the last run ended, in milliseconds UTC."""

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._process is not None

    @property
    def is_lasting(self) -> bool:
        """Whether so many runs in a row have failed that somebody has to look."""
        return self._failures >= LASTING

    async def run(self) -> None:
        """Archive whenever logs are due, until cancelled; a run under way is then ended."""
        if self._settings.archive_after is None:
            return
        while True:
            # The job is a process of its own, and would go by a clock that has jumped.
            if not self._in_doubt() and self._is_due(self._settings.archive_after):
                await self._archive()
            await self._sleep(self._pause())

    def _is_due(self, after: int) -> bool:
        settings, now = self._settings, self._clock()
        duties = Duties(
            received_by=now - after - settings.archive_every,
            recognised_since=now - settings.dedupe_window,
            destination=settings.archive_dest,
            keep_local=settings.archive_keep_local,
        )
        try:
            return is_due(self._folder.logs, duties)
        except DataFolderError as error:
            self._fail(str(error))
            return False

    async def _archive(self) -> None:
        begun = time.monotonic()
        try:
            process = await asyncio.create_subprocess_exec(
                *python_command("waterline.archive.jobs"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | environment_of(self._settings),
            )
        except OSError as error:
            self._fail(f"the process that archives cannot be started: {error.strerror}")
            self._recorder.count(metrics.ARCHIVE_RUNS, 1, {metrics.OUTCOME: metrics.FAILED})
            return
        self._process = process
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                # It may be ended at any moment, and the next run goes on.
                process.kill()
                await process.wait()
            self._process = None
        self.ended_at = self._clock()
        self._judge(process.returncode, said, time.monotonic() - begun)

    def _judge(self, code: int | None, said: bytes, seconds: float) -> None:
        if code == 0:
            self._failures, self.failure = 0, None
            outcome = metrics.DONE
        elif code == os.EX_TEMPFAIL:  # somebody archives by hand
            outcome = metrics.BUSY
        else:
            lines = said.decode(errors="replace").strip().splitlines()
            self._fail((lines or [f"it ended with code {code}"])[-1][:MAX_REASON])
            outcome = metrics.FAILED
        self._recorder.count(metrics.ARCHIVE_RUNS, 1, {metrics.OUTCOME: outcome})
        if outcome != metrics.BUSY:  # it did nothing
            self._recorder.record(metrics.ARCHIVE_DURATION, seconds * 1000)

    def _fail(self, reason: str) -> None:
        if reason != self.failure:
            logger.error("archiving failed and is tried again: %s", reason)
        self._failures += 1
        self.failure = reason

    def _pause(self) -> float:
        if self._failures:
            return min(LAST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
        return max(1.0, min(LOOK_SECONDS, self._settings.archive_every / SECOND))
