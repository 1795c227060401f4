"""Process of one backup, started by the server when one is due."""

import os
import signal
import sys
from pathlib import Path

from waterline.archive.jobs.priority import give_way
from waterline.backup.place import open_place
from waterline.backup.repository import Repository
from waterline.backup.take import BackupJob
from waterline.errors import BackupInUse, UsageError, WaterlineError
from waterline.settings.model import Settings, load_settings
from waterline.storage.folder import DataFolder


def main() -> int:
    """Take a backup, print its name and return the exit code.

    It is EX_TEMPFAIL if another one is under way.
    """
    # Stopping the server, or its terminal, stops the backup at once. The next one goes on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    give_way()
    try:
        name = _take(load_settings({}, os.environ, Path.cwd()).settings)
    except BackupInUse as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the server, which reads it
        return os.EX_TEMPFAIL
    except WaterlineError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(name)  # noqa: T201 - for the server, which tells of it
    return 0


def _take(settings: Settings) -> str:
    if settings.backup_to is None:
        raise UsageError("backup_to is none, so there is no place for backups")
    job = BackupJob(
        DataFolder(settings.data),
        Repository(open_place(settings.backup_to)),
        dedupe_window=settings.dedupe_window,
        keep=settings.backup_keep,
    )
    return job.run().record.name


if __name__ == "__main__":
    sys.exit(main())
