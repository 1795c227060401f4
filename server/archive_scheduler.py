"""Scheduler of archive runs, each in a process, whenever logs or old batches are due."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from server.attempts import Attempts
from server.job_process import JobProcess
from waterline.archive.retention_watch import RetentionWatch
from waterline.clock import now_ms
from waterline.errors import DataFolderError
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.settings.model import Settings
from waterline.storage.due import Duties, is_due
from waterline.storage.folder import DataFolder

logger = logging.getLogger(__name__)

# Seconds between two checks for due logs, unless they may be archived more often.
LOOK_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class ArchiveRun:
    """A run that has ended."""

    ended_at: int
    """Milliseconds UTC."""
    seconds: float
    logs: int | None
    """Number of logs that it archived; None if it failed."""
    failure: str | None
    """Why it failed, in one sentence."""


class ArchiveScheduler:
    """Checks each minute for what is due, and runs the archive job in a process.

    The job needs Arrow, which would double the memory of the server.

    Args:
        settings: the archive settings.
        recorder: counts and times the runs.
        clock: returns milliseconds UTC.
        sleep: waits for some seconds.
        in_doubt: returns whether the clock has jumped; no run starts then.
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
        self._job = JobProcess("waterline.archive.jobs", settings)
        self._attempts = Attempts(logger, "archiving failed")
        self.ended_at: int | None = None
        """End of the last run, milliseconds UTC."""
        self.last_run: ArchiveRun | None = None
        """The last run; one that found another job at work did nothing."""
        self.retention = RetentionWatch(settings, clock)
        """What `archive_keep` lets go."""

    @property
    def is_scheduled(self) -> bool:
        """Whether logs are archived by themselves."""
        return self._settings.archive_after is not None

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._job.is_running

    @property
    def failure(self) -> str | None:
        """Why the last run failed, in one sentence; None if it did not."""
        return self._attempts.failure

    @property
    def is_lasting(self) -> bool:
        """Whether the last runs failed; see `Attempts`."""
        return self._attempts.is_lasting

    def use(self, settings: Settings) -> None:
        """Go on by other settings; `archive_keep` and `dedupe_window` stay as they were."""
        self._settings = self._job.settings = settings

    async def run(self) -> None:
        """Archive and prune whenever that is due, until cancelled, which kills a run under way."""
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, self.retention.look)
            # The job, in its own process, would follow a clock that has jumped.
            if not self._in_doubt() and (self.retention.is_due or self._is_due()):
                await self._archive()
            await self._sleep(self._attempts.pause(LOOK_SECONDS, self._settings.archive_every))

    def _is_due(self) -> bool:
        settings, now, after = self._settings, self._clock(), self._settings.archive_after
        if after is None:
            return False
        duties = Duties(
            received_by=now - after - settings.archive_every,
            recognised_since=now - settings.dedupe_window,
            destination=settings.batches_address,
            keep_local=settings.archive_keep_local,
        )
        try:
            return is_due(self._folder.logs, duties)
        except DataFolderError as error:
            self._attempts.fail(str(error))
            return False

    async def _archive(self) -> None:
        ended = await self._job.run()
        self.ended_at = self._clock()
        if ended.is_busy:  # another run, started by hand
            outcome = metrics.BUSY
        elif ended.failure is not None:
            self._attempts.fail(ended.failure)
            outcome = metrics.FAILED
        else:
            self._attempts.succeed()
            outcome = metrics.DONE
        self._recorder.count(metrics.ARCHIVE_RUNS, 1, {metrics.OUTCOME: outcome})
        if ended.is_busy:  # it did nothing
            return
        self._recorder.record(metrics.ARCHIVE_DURATION, ended.seconds * 1000)
        logs = int(ended.printed) if ended.failure is None else None
        self.last_run = ArchiveRun(self.ended_at, ended.seconds, logs, self.failure)
