"""A database in a folder that one may only read: opened so that SQLite has to write nothing.

A WAL database needs a `-shm` file beside it, also for readers. Where nobody has it open there is
none, and in a folder of another user, or on a read-only mount, none can be made.
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
"""Inode, bytes and time of change of a database, and of its WAL where that holds anything."""

_lock: Final = threading.Lock()
_copies: Final[dict[tuple[Path, State], TemporaryDirectory[str]]] = {}


@dataclass(frozen=True, slots=True)
class Opening:
    """How to open a database for reading."""

    path: Path
    uri: str
    frozen: State | None
    """What its files must still be, where SQLite takes them for ones that never change."""

    @property
    def holds(self) -> bool:
        """Whether what is read by it is what is there: nobody has come to write."""
        return self.frozen is None or self.frozen == _state(self.path)

    def check(self) -> None:
        """See that what was read is what is there.

        Raises:
            DataFolderError: it is not.
        """
        if not self.holds:
            raise DataFolderError(
                f"{self.path} was written while it was read as a file that nobody writes, as its "
                "folder can only be read; ask again"
            )


def opening(path: Path) -> Opening:
    """Return how to open a database; without its last commits never.

    Where its last commits are in a WAL that SQLite cannot read in that place, it is copied to where
    temporary files lie, once a process.

    Args:
        path: the file, which is there.

    Raises:
        DataFolderError: it cannot be copied.
    """
    plain = Opening(path, f"{_uri(path)}?mode=ro", None)
    if os.access(path.parent, os.W_OK | os.X_OK):
        return plain
    state = _state(path)
    if state[1] is None:
        return Opening(path, f"{_uri(path)}?mode=ro&immutable=1", state)
    if _beside(path, "-shm").exists():
        return plain  # somebody writes it, or was killed: SQLite can make do with what is there
    copy = _copied(path, state)
    return Opening(path, f"{_uri(copy)}?mode=ro", state)


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
        for each in (path, _beside(path, "-wal")):
            shutil.copyfile(each, Path(folder.name) / each.name)
    except OSError as error:
        if folder is not None:
            folder.cleanup()
        raise DataFolderError(
            f"{path} has commits in its WAL, and its folder cannot be written, so that it has to "
            f"be copied to be read: {error.strerror}; make room, or set TMPDIR"
        ) from error
    return folder
