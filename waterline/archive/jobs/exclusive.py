"""Exclusive access of a job that changes the archives: lock and writing connection."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import apsw

from waterline.archive.ahead import readable_manifests, refuse_ahead
from waterline.errors import DataFolderError
from waterline.storage.folder import ArchiveLock, DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, sqlite_errors


@contextmanager
def changing(folder: DataFolder) -> Iterator[apsw.Connection]:
    """Lock out other jobs and yield a connection that writes logs.db; the server may run.

    Raises:
        ArchiveInUse: another job is running.
        ArchiveError: logs.db is older than the archives.
        DataFolderError: logs.db is missing or half restored, or cannot be read or written.
    """
    folder.refuse_half_restored()
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
        yield connection
