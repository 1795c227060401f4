"""Scheduler of backups, each in a process of its own, at the pace of the settings."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from server.attempts import Attempts
from server.job_process import JobProcess
from waterline.backup.last import absolute, read_last
from waterline.clock import now_ms
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder
from waterline.units import counted

logger = logging.getLogger(__name__)

# Seconds between two looks, unless backups may be due more often.
LOOK_SECONDS: Final = 60.0


class BackupScheduler:
    """Takes a backup whenever `backup_every` has passed since the last one.

    When that was is told by the data folder, so that restarts do not move it.

    Args:
        settings: settings of the server.
        clock: returns milliseconds UTC.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], int] = now_ms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._folder = DataFolder(settings.data)
        self._clock = clock
        self._sleep = sleep
        self._job = JobProcess("waterline.backup", settings)
        self._attempts = Attempts(logger, "a backup failed")

    async def run(self) -> None:
        """Take backups until cancelled, which kills one under way: the next goes on."""
        while True:
            if self._is_due():
                await self._take()
            await self._sleep(self._attempts.pause(LOOK_SECONDS, self._settings.backup_every))

    def use(self, settings: Settings) -> None:
        """Go on by other settings."""
        if settings.backup_to != self._settings.backup_to:
            self._attempts.succeed()
        self._settings = self._job.settings = settings

    def reasons(self) -> list[str]:
        """Return a sentence if backups keep failing, else nothing."""
        attempts = self._attempts
        return [f"no backup is taken: {attempts.failure}"] if attempts.is_lasting else []

    def warnings(self) -> list[str]:
        """Return a sentence if the last backup failed or lacks files, else nothing."""
        attempts = self._attempts
        if attempts.failure is not None and not attempts.is_lasting:
            return [f"a backup failed and is tried again: {attempts.failure}"]
        last = read_last(self._folder)
        if last is not None and last.lacks:
            lacks = counted(last.lacks, "file")
            warning = (
                f"the backup {last.name} lacks {lacks} that were missing or damaged; "
                "waterline archive verify names them"
            )
            return [warning]
        return []

    def health(self) -> dict[str, object]:
        """Return what /health tells of backups; sizes in bytes, times in milliseconds UTC."""
        last = read_last(self._folder)
        return {
            "scheduled": self._settings.backup_to is not None,
            "running": self._job.is_running,
            "last": last
            and {
                "name": last.name,
                "place": last.place,
                "taken": last.taken_at,
                "logs": last.logs,
                "written_bytes": last.size,
                "lacks": last.lacks,
            },
        }

    def _is_due(self) -> bool:
        place, last, now = self._settings.backup_to, read_last(self._folder), self._clock()
        if place is None:
            return False
        if last is not None and last.place != absolute(place):
            last = None  # one that was taken elsewhere by hand is no replacement
        # A clock that was set back must not put off backups for years.
        return last is None or not 0 <= now - last.taken_at < self._settings.backup_every

    async def _take(self) -> None:
        ended = await self._job.run()
        if ended.is_busy:  # another one, taken by hand
            return
        if ended.failure is None:
            self._attempts.succeed()
            logger.info("took the backup %s in %.1f s", ended.printed, ended.seconds)
        else:
            self._attempts.fail(ended.failure)
