"""Process of one backup, started by the server when one is due."""

import sys

from waterline.archive.jobs.beside_server import run_beside_server
from waterline.backup.place import open_place
from waterline.backup.repository import Repository
from waterline.backup.take import BackupJob
from waterline.errors import UsageError
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder


def main() -> int:
    """Take a backup, print its name and return the exit code."""
    return run_beside_server(_take)


def _take(settings: Settings) -> bytes:
    if settings.backup_to is None:
        raise UsageError("backup_to is none, so there is no place for backups")
    job = BackupJob(
        DataFolder(settings.data),
        Repository(open_place(settings.backup_to)),
        dedupe_window=settings.dedupe_window,
        keep=settings.backup_keep,
    )
    taken = job.run()
    noted = f" ({'; '.join(taken.warnings)})" if taken.warnings else ""
    return f"{taken.record.name}{noted}\n".encode()


if __name__ == "__main__":
    sys.exit(main())
