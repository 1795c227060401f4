"""What a job that changes the archives holds meanwhile: the lock, and a connection that writes."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import apsw

from waterline.archive.ahead import readable_manifests, refuse_ahead
from waterline.errors import DataFolderError
from waterline.storage.folder import ArchiveLock, DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, sqlite_errors

# Pages in the WAL before they go to the database: a job changes many, and while a large checkpoint
# keeps the disk busy a commit of the server waits. Measured, 8,000 made the slowest acks twice as
# late, and 250 gained nothing more.
CHECKPOINT_PAGES: Final = 1_000


@contextmanager
def changing(folder: DataFolder) -> Iterator[apsw.Connection]:
    """Keep other jobs out and give a connection to logs.db; its server may run or not.

    Raises:
        ArchiveInUse: another job works on the folder.
        ArchiveError: logs.db is of an earlier time than the archives.
        DataFolderError: there are no logs, or logs.db cannot be read or written.
    """
    if not folder.logs.exists():
        raise DataFolderError(
            f"there are no logs in {folder.path}; name the data folder with --data"
        )
    with (
        ArchiveLock(folder),
        closing(open_writer(folder.logs, LOGS, "FULL")) as connection,
        sqlite_errors(folder.logs),
    ):
        refuse_ahead(folder, connection, readable_manifests(folder))
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        yield connection
