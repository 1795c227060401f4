"""Opening of databases in read-only folders, where SQLite must not write.

A WAL database needs a `-shm` file, also for readers. Without a writer the file is missing, and in a
folder of another user or on a read-only mount it cannot be made.
"""

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote

from waterline.errors import DataFolderError

State = tuple[tuple[int, int, int] | None, tuple[int, int, int] | None]
"""Inode, bytes and modification time of a database, and of its WAL unless that is empty."""

_lock: Final = threading.Lock()
_copies: Final[dict[tuple[Path, State], TemporaryDirectory[str]]] = {}


@dataclass(frozen=True, slots=True)
class Opening:
    """Way to open a database for reading."""

    path: Path
    uri: str
    frozen: State | None
    """State that the files must keep, if SQLite reads them as immutable."""

    @property
    def holds(self) -> bool:
        """Whether the files are unchanged, so that reads are valid."""
        return self.frozen is None or self.frozen == _state(self.path)

    def check(self) -> None:
        """Refuse reads of files that changed meanwhile.

        Raises:
            DataFolderError: the files changed.
        """
        if not self.holds:
            raise DataFolderError(
                f"{self.path} was written while it was read as a file that nobody writes; ask again"
            )


def opening(path: Path) -> Opening:
    """Return how to open a database with all of its commits.

    If the last commits are in a WAL that SQLite cannot read in place, database and WAL are copied
    to a temporary folder, once a process.

    Args:
        path: an existing database.

    Raises:
        DataFolderError: the files cannot be copied.
    """
    plain = Opening(path, f"{_uri(path)}?mode=ro", None)
    if os.access(path.parent, os.W_OK | os.X_OK):
        return plain
    state = _state(path)
    if state[1] is None:
        return _immutable(path, state)
    if _beside(path, "-shm").exists():
        return plain  # a writer runs or was killed: SQLite can use the existing file
    copy = _copied(path, state)
    return Opening(path, f"{_uri(copy)}?mode=ro", state)


def untouched(path: Path) -> Opening:
    """Return how to open the database of another program, so that nothing in its folder changes.

    The program may run. SQLite reads the `-shm` file that is there, and makes none.

    Args:
        path: an existing database.

    Raises:
        DataFolderError: the files cannot be copied.
    """
    if _beside(path, "-shm").exists():
        return Opening(path, f"{_uri(path)}?mode=ro&readonly_shm=1", None)
    state = _state(path)
    if state[1] is None and not _beside(path, "-journal").exists():
        return _immutable(path, state)
    copy = _copied(path, state)
    return Opening(path, f"{_uri(copy)}?mode=ro", state)


def immutable(path: Path) -> Opening:
    """Return how to open a database that nobody has open, whose WAL is empty or missing.

    SQLite makes no files for it.

    Args:
        path: an existing database.
    """
    return _immutable(path, _state(path))


def _immutable(path: Path, state: State) -> Opening:
    return Opening(path, f"{_uri(path)}?mode=ro&immutable=1", state)


def _uri(path: Path) -> str:
    return f"file:{quote(os.fsencode(path.absolute()))}"


def _state(path: Path) -> State:
    wal = _file_state(_beside(path, "-wal"))
    return _file_state(path), wal if wal is not None and wal[1] else None


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _file_state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataFolderError(f"{path} cannot be read: {error.strerror}") from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def _copied(path: Path, state: State) -> Path:
    with _lock:
        folder = _copies.get((path, state))
        if folder is None:
            folder = _copies[(path, state)] = _copy(path)
        return Path(folder.name) / path.name


def _copy(path: Path) -> TemporaryDirectory[str]:
    folder = None
    try:
        folder = TemporaryDirectory(prefix="waterline-")
        for each in (path, _beside(path, "-wal"), _beside(path, "-journal")):
            if each.exists():
                shutil.copyfile(each, Path(folder.name) / each.name)
    except OSError as error:
        if folder is not None:
            folder.cleanup()
        raise DataFolderError(
            f"{path} has commits in its WAL, and its folder is not to be written, so that it has "
            f"to be copied to be read: {error.strerror}; make room, or set TMPDIR"
        ) from error
    return folder
