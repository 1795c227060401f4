"""Copies of a database beside it: whole or not there, and for their user alone."""

import os
import shutil
from contextlib import closing, suppress
from pathlib import Path

import apsw

from waterline.errors import DataFolderError
from waterline.storage.folder import PRIVATE_FILE, file_size, sync_folder
from waterline.units import human_size


def make_private(path: Path) -> None:
    """Create a missing database with a private mode, which -wal and -shm inherit."""
    # Opening an existing one and closing it would drop the locks of our other connections. Errors
    # here occur again in SQLite, which reports them.
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))


def refuse_without_room(path: Path, copy: str) -> None:
    """Refuse to copy a database to its own disk if it does not fit.

    Args:
        path: the database; its WAL counts, too.
        copy: what the copy is, for the error.

    Raises:
        DataFolderError: there is no room.
    """
    wanted = file_size(path) + file_size(path.with_name(f"{path.name}-wal"))
    free = shutil.disk_usage(path.parent).free
    if free < wanted:
        raise DataFolderError(
            f"there is no room beside {path} for {copy}: {human_size(wanted)} are needed, "
            f"{human_size(free)} are free; make room on its disk"
        )


def copy_database(connection: apsw.Connection, copy: Path) -> None:
    """Copy a database at one moment; an earlier copy of that name is replaced.

    A copy that is cut short has another name, and the next one begins anew.

    Args:
        connection: a connection to the database, without an open transaction.
        copy: the path of the copy.

    Raises:
        apsw.Error: nothing was copied.
    """
    unfinished = copy.with_name(f".{copy.name}.part")
    for suffix in ("", "-journal", "-wal", "-shm"):
        unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)
    make_private(unfinished)
    with closing(apsw.Connection(str(unfinished))) as target:
        target.execute("PRAGMA synchronous = FULL")
        with target.backup("main", connection, "main") as backup:
            backup.step(-1)
    unfinished.rename(copy)
    sync_folder(copy.parent)
