"""The databases of a data folder as they were before logs are moved in, kept beside them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw

from waterline.clock import utc_text
from waterline.storage.copies import copy_database, refuse_without_room
from waterline.storage.folder import DataFolder, file_size, sync_folder
from waterline.storage.sqlite import sqlite_errors

_SUFFIX: Final = ".before-migrate"


@dataclass(slots=True)
class Copies:
    """Copies of the databases."""

    now: list[Path] = field(default_factory=list)
    """As they were before this run; at its end those of databases that it changed."""
    earlier: list[Path] = field(default_factory=list)
    """As they were before earlier runs, also before interrupted ones."""


def moment_in_names(moment: int) -> str:
    """Return milliseconds UTC as a part of names, such as `20261123T140731`."""
    return utc_text(moment)[:19].replace("-", "").replace(":", "").replace(" ", "T")


@contextmanager
def kept_before(folder: DataFolder, at: str) -> Iterator[Copies]:
    """Copy the databases as they are at the start; the copies go if nothing was changed.

    Each run has its own: a server may have stored logs since an interrupted one. Archive files need
    no copy: moving in adds some, and changes none.

    Args:
        folder: the data folder, locked.
        at: the time, as a part of the names of the copies.

    Yields:
        The copies; none of a new folder.

    Raises:
        DataFolderError: there is no room, or a database cannot be read.
    """
    databases = (folder.logs, folder.metrics)
    for part in folder.path.glob(f".*{_SUFFIX}*"):
        part.unlink()  # of a run that was interrupted while it copied
    copies = Copies(earlier=_earlier(folder))
    suffix = _free_suffix(databases, at)
    with ExitStack() as opened:
        watched: list[_Watched] = []
        try:
            for each in databases:
                if file_size(each):
                    watched.append(opened.enter_context(_watching(each)))
                    copies.now.append(watched[-1].copy_to(each.with_name(each.name + suffix)))
            yield copies
        finally:
            # The next server counts logs that moved into the one in the other: they go together.
            if not any(each.was_changed() for each in watched):
                for copy in copies.now:
                    copy.unlink()
                copies.now.clear()
            sync_folder(folder.path)


def _earlier(folder: DataFolder) -> list[Path]:
    """Return the copies of earlier runs, without what SQLite puts beside one that is opened."""
    found = sorted(folder.path.glob(f"[!.]*{_SUFFIX}*"))
    return [path for path in found if not path.name.endswith(("-wal", "-shm", "-journal"))]


def _free_suffix(databases: tuple[Path, ...], at: str) -> str:
    """Return the end of names that no copy has; two runs may begin in one second."""
    suffix = first = f"{_SUFFIX}-{at}"
    number = 1
    while any(each.with_name(each.name + suffix).exists() for each in databases):
        number += 1
        suffix = f"{first}-{number}"
    return suffix


class _Watched:
    """A database that others may write to.

    Args:
        database: its path.
        connection: a connection to it, without an open transaction.
    """

    def __init__(self, database: Path, connection: apsw.Connection) -> None:
        self._database = database
        self._connection = connection
        self._before = self._version()

    def copy_to(self, copy: Path) -> Path:
        """Copy it, and return the path of the copy.

        Raises:
            DataFolderError: there is no room, or it cannot be read.
        """
        refuse_without_room(self._database, "a copy of it before logs are moved in")
        with sqlite_errors(self._database):
            copy_database(self._connection, copy)
        return copy

    def was_changed(self) -> bool:
        """Return whether another connection wrote to it since this was made."""
        return self._version() != self._before

    def _version(self) -> object:
        with sqlite_errors(self._database):
            return self._connection.execute("PRAGMA data_version").fetchall()


@contextmanager
def _watching(database: Path) -> Iterator[_Watched]:
    with sqlite_errors(database):
        connection = apsw.Connection(str(database))
    with closing(connection):
        yield _Watched(database, connection)
