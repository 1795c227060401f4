"""Recount of stored logs that no rollup has counted, as after a crash."""

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

# Bytes of a page, so that other threads get the GIL in between.
_PAGE_SIZE: Final = 2**18
# Logs still counted while the server stops: half a second of work.
MOST_AT_THE_END: Final = 100_000
# Characters of the other process's errors that are logged.
_MAX_REASON: Final = 1000


class _Stopped(Exception):
    """The server is stopping, so the recount ends."""


class Recount:
    """Records stored logs, each in the second of its `received_at`.

    A process of its own counts archived logs, as Arrow would double the memory of the server.

    Args:
        settings: data folder and measured attributes.
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
        """End the recount; thread-safe. The next start counts again."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def record(self, after: int, through: int) -> bool:
        """Record the logs in `(after, through]`, all or none.

        Unreadable archived logs are logged and left out.

        Args:
            after: a seq, exclusive.
            through: a seq, inclusive.

        Returns:
            Whether they are recorded; False if the server stops meanwhile.

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
        """Run a process that measures the archived logs in `(after, through]`."""
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
