"""Process of one archive run, started by the server when logs or old batches are due."""

import os
import signal
import sys
from pathlib import Path

from waterline.archive.jobs.priority import give_way
from waterline.archive.jobs.prune import plan_retention, prune
from waterline.archive.jobs.run import ArchiveJob
from waterline.archive.jobs.run_options import options_of
from waterline.archive.retention import NOTICE, read_notice
from waterline.clock import now_ms
from waterline.errors import ArchiveInUse, WaterlineError
from waterline.settings.model import Settings, load_settings
from waterline.storage.folder import DataFolder


def main() -> int:
    """Prune and archive once, print the number of archived logs and return the exit code.

    It is EX_TEMPFAIL if another job is running.
    """
    # Stopping the server, or its terminal, stops the run at once. The next run goes on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    give_way()
    try:
        settings = load_settings({}, os.environ, Path.cwd()).settings
        try:
            # First, as it makes room.
            _prune(settings)
        finally:
            logs = _archive(settings)
    except ArchiveInUse as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the server, which reads it
        return os.EX_TEMPFAIL
    except WaterlineError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(logs)  # noqa: T201 - for the server, which tells of the run
    return 0


def _prune(settings: Settings) -> None:
    """Prune what `archive_keep` lets go, once that was announced."""
    folder, keep = DataFolder(settings.data), settings.archive_keep
    if keep is None or read_notice(folder, keep) < NOTICE:
        return
    planned = plan_retention(folder, keep, now_ms(), settings.dedupe_window)
    if planned:
        prune(folder, planned)


def _archive(settings: Settings) -> int:
    """Archive, unless that is off; return the number of archived logs."""
    if settings.archive_after is None:
        return 0
    return ArchiveJob(DataFolder(settings.data), options_of(settings)).run().logs


if __name__ == "__main__":
    sys.exit(main())
