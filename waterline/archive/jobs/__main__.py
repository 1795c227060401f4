"""Process of one archive run, started by the server when logs or old batches are due."""

import sys

from waterline.archive.jobs.beside_server import run_beside_server
from waterline.archive.jobs.prune import plan_retention, prune
from waterline.archive.jobs.run import ArchiveJob
from waterline.archive.jobs.run_options import options_of
from waterline.archive.retention import NOTICE, read_notice
from waterline.clock import now_ms
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder


def main() -> int:
    """Prune and archive once, print the number of archived logs and return the exit code."""
    return run_beside_server(_run)


def _run(settings: Settings) -> bytes:
    """Do all that is due; return the number of archived logs as a line."""
    try:
        # First, as it makes room.
        _prune(settings)
    finally:
        logs = _archive(settings)
    return b"%d\n" % logs


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
