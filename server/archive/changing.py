"""What a job that changes the archives holds meanwhile: the lock, and a connection that writes."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import apsw

from server.errors import DataFolderError
from server.store.folder import ArchiveLock, DataFolder
from server.store.schema import LOGS
from server.store.sqlite import open_writer, sqlite_errors


@contextmanager
def changing(folder: DataFolder) -> Iterator[apsw.Connection]:
    """Keep other jobs out and give a connection to logs.db; its server may run or not.

    Raises:
        ArchiveInUse: another job works on the folder.
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
        yield connection
