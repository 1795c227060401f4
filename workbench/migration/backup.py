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
    """Copy the databases as they are at the start; a copy goes if its database was not changed.

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
    copies = Copies(earlier=sorted(folder.path.glob(f"[!.]*{_SUFFIX}*")))
    suffix = _free_suffix(databases, at)
    with ExitStack() as unchanged:
        for each in databases:
            if file_size(each):
                copy = each.with_name(each.name + suffix)
                unchanged.enter_context(_copied(each, copy, copies))
        yield copies
    sync_folder(folder.path)


def _free_suffix(databases: tuple[Path, ...], at: str) -> str:
    """Return the end of names that no copy has; two runs may begin in one second."""
    suffix = first = f"{_SUFFIX}-{at}"
    number = 1
    while any(each.with_name(each.name + suffix).exists() for each in databases):
        number += 1
        suffix = f"{first}-{number}"
    return suffix


@contextmanager
def _copied(database: Path, copy: Path, copies: Copies) -> Iterator[None]:
    """Copy a database, and remove the copy at the end if nobody wrote to the database."""
    refuse_without_room(database, "a copy of it before logs are moved in")
    with sqlite_errors(database):
        connection = apsw.Connection(str(database))
    with closing(connection):
        with sqlite_errors(database):
            copy_database(connection, copy)
            before = _version(connection)
        copies.now.append(copy)
        try:
            yield
        finally:
            with sqlite_errors(database):
                is_unchanged = _version(connection) == before
            if is_unchanged:
                copy.unlink()
                copies.now.remove(copy)


def _version(connection: apsw.Connection) -> object:
    """Return what changes when another connection writes to the database."""
    return connection.execute("PRAGMA data_version").fetchall()
