"""Durable file operations of the archive; each failure names operation and path."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from waterline.errors import ArchiveError
from waterline.storage.folder import PRIVATE_FILE, PRIVATE_FOLDER

# Hidden, so that nobody takes a half-written file for a batch.
UNFINISHED_PREFIX: Final = "."
UNFINISHED_SUFFIX: Final = ".part"

_HINTS: Final = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room on its disk",
    errno.EACCES: "check the rights on it and its folder",
    errno.EPERM: "check the rights on it and its folder",
    errno.EROFS: "its disk can only be read",
}
# By operation too: what is missing is then another thing.
_MISSING: Final = {
    "read": "restore it from a copy",
    "make the folder": "name another, which can be made",
}


class Buffer(Protocol):
    """Bytes, a memory view or an Arrow buffer."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class System:
    """Calls to the operating system, one a method, so that tests can fail each alone."""

    def make_folder(self, path: Path) -> None:
        """Make a folder in an existing one."""
        path.mkdir(PRIVATE_FOLDER)

    def create(self, path: Path) -> int:
        """Open an empty file for writing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return os.open(path, flags, PRIVATE_FILE)

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write some of the content; return the number of bytes written."""
        return os.write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        """Flush a file or folder to the disk."""
        os.fsync(descriptor)

    def rename(self, path: Path, name: Path) -> None:
        """Rename a file, replacing any file of that name."""
        path.rename(name)

    def read(self, path: Path) -> bytes:
        """Return the content of a file."""
        return path.read_bytes()

    def read_part(self, path: Path, offset: int, size: int) -> bytes:
        """Return so many bytes of a file, fewer at its end; see `Files.read_part`."""
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(size)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()


class Files:
    """Writes, reads and removes archive files; writes survive a power cut.

    Args:
        system: the calls to the operating system.
    """

    def __init__(self, system: System | None = None) -> None:
        self._system = system or System()

    def publish(self, path: Path, content: bytes | bytearray | memoryview | Buffer) -> None:
        """Write a file atomically: under another name, synced, then renamed.

        Raises:
            ArchiveError: the file cannot be written; a file of that name stays as it was.
        """
        self.make_folder(path.parent)
        unfinished = unfinished_name(path)
        with _told("write", unfinished):
            self._write(unfinished, memoryview(content))
        with _told("rename", unfinished):
            self._system.rename(unfinished, path)
        self.sync_folder(path.parent)

    def make_folder(self, path: Path) -> None:
        """Make a folder and its missing parents.

        Raises:
            ArchiveError: the folder cannot be made.
        """
        if path.is_dir():
            return
        self.make_folder(path.parent)
        with _told("make the folder", path):
            self._system.make_folder(path)
        self.sync_folder(path.parent)

    def read(self, path: Path) -> bytes:
        """Return the content of a file.

        Raises:
            ArchiveError: the file is missing or cannot be read.
        """
        with _told("read", path):
            return self._system.read(path)

    def read_part(self, path: Path, offset: int, size: int) -> bytes:
        """Return a part of a file, which may be shorter than asked for.

        Args:
            path: the file.
            offset: where the part begins, in bytes.
            size: number of bytes.

        Raises:
            ArchiveError: the file is missing or cannot be read.
        """
        with _told("read", path):
            return self._system.read_part(path, offset, size)

    def remove(self, path: Path) -> None:
        """Remove a file; do nothing if it is missing.

        Raises:
            ArchiveError: the file cannot be removed.
        """
        if not path.exists():
            return
        with _told("remove", path):
            self._system.remove(path)
        self.sync_folder(path.parent)

    def sync_folder(self, path: Path) -> None:
        """Flush a folder, so that names in it survive a power cut.

        Raises:
            ArchiveError: the folder cannot be flushed.
        """
        with _told("sync the folder", path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._system.sync(descriptor)
            finally:
                os.close(descriptor)

    def _write(self, path: Path, content: memoryview) -> None:
        descriptor = self._system.create(path)
        try:
            while content:
                content = content[self._system.write(descriptor, content) :]
            self._system.sync(descriptor)
            # Reading back for verification should come from the disk, not from the page cache.
            if sys.platform == "linux":
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def unfinished_name(path: Path) -> Path:
    """Return the temporary name of a file that is being written."""
    return path.with_name(UNFINISHED_PREFIX + path.name + UNFINISHED_SUFFIX)


@contextmanager
def _told(operation: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "check its disk")
        if error.errno == errno.ENOENT:
            hint = _MISSING.get(operation, hint)
        raise ArchiveError(f"cannot {operation} {path}: {error.strerror}; {hint}") from error
