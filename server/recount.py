"""Recounting: meters logs that are stored and in no rollup yet, as after a crash."""

import logging
import os
import subprocess
import threading
from typing import Final

from waterline.errors import DataFolderError
from waterline.metrics.log_stats import record_stored
from waterline.metrics.parcel import DamagedParcel, unpack_seconds
from waterline.metrics.recorder import MetricsRecorder
from waterline.processes import python_command
from waterline.settings.model import Settings, environment_of
from waterline.storage.folder import DataFolder
from waterline.storage.pages import LogPages

logger = logging.getLogger(__name__)

# A page is at most so large, so that whatever else wants Python's lock gets it in between.
_PAGE_SIZE: Final = 2**18
# While the server stops, so many logs are still counted: half a second's work.
MOST_AT_THE_END: Final = 100_000
# What the other process says is shown to operators.
_MAX_REASON: Final = 1000


class _Stopped(Exception):
    """The server stops, so nothing is to be counted any more."""


class Recount:
    """Records stored logs in a recorder, each in the second in which it was received.

    Archived ones are counted by a process of its own: they need Arrow, which would double the
    server's memory.

    Args:
        settings: where the data is, what is measured.
        recorder: takes the measurements.
    """

    def __init__(self, settings: Settings, recorder: MetricsRecorder) -> None:
        self._settings = settings
        self._folder = DataFolder(settings.data)
        self._recorder = recorder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def stop(self) -> None:
        """End what is under way, from any thread: the next start counts again."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def record(self, after: int, through: int) -> bool:
        """Record the logs above one seq and up to another, all of them or none.

        What is archived and cannot be read is told, and left out.

        Returns:
            Whether they are recorded; they are not where the server stops meanwhile.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        apart = MetricsRecorder()
        pages = LogPages(self._folder.logs)
        try:
            place = after
            while place < through:
                if self._is_stopped and through - place > MOST_AT_THE_END:
                    raise _Stopped
                page = pages.read(place, through, _PAGE_SIZE)
                if page.begin > place:
                    self._record_archived(apart, place, page.begin)
                record_stored(apart, page.logs, self._settings.measured_attributes)
                place = page.end
        except _Stopped:
            return False
        finally:
            pages.close()
        self._recorder.add(apart.take())
        return True

    def _record_archived(self, recorder: MetricsRecorder, after: int, through: int) -> None:
        """Have a process meter what is archived of the logs above one seq and up to another."""
        code, said, errors = self._run(after, through)
        if code == 0:
            try:
                seconds, missing = unpack_seconds(said)
            except DamagedParcel as error:
                missing = [str(error)]
            else:
                recorder.add(seconds)
        else:
            lines = errors.decode(errors="replace").strip().splitlines()
            missing = [(lines or [f"the process that counts ended with code {code}"])[-1]]
        if missing:
            logger.warning(
                "logs from seq %d to %d were archived before they were counted, and these are in "
                "no measurement: %s",
                after + 1,
                through,
                "; ".join(missing)[:_MAX_REASON],
            )

    def _run(self, after: int, through: int) -> tuple[int, bytes, bytes]:
        command = python_command("waterline.archive.jobs.count", str(after), str(through))
        with self._lock:
            if self._is_stopped:
                raise _Stopped
            try:
                process = self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=os.environ | environment_of(self._settings),
                )
            except OSError as error:
                raise DataFolderError(
                    f"the process that counts archived logs cannot be started: {error.strerror}"
                ) from error
        said, errors = process.communicate()
        with self._lock:
            self._process = None
            if self._is_stopped:
                raise _Stopped
        return process.returncode, said, errors
