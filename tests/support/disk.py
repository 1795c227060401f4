"""A disk that forgets: a VFS under SQLite that keeps what was not synced in memory only."""
# ruff: noqa: N802 - the names of the methods are SQLite's

import os
import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import apsw

from tests.support.database_file import DatabaseFile

SECTOR: Final = 512
"""Bytes that a disk writes whole or not at all."""

_JOURNALS: Final = (
    apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
)
_KEPT: Final = apsw.SQLITE_OPEN_MAIN_DB | _JOURNALS


@dataclass(frozen=True, slots=True)
class PowerCut:
    """When the power goes, and what the disk makes of it.

    Attributes:
        after: how many writes, syncs, truncations and deletions come before it.
        tears: whether the disk has written some of what was not synced, by chance; else nothing.
        seed: of that chance.
    """

    after: int
    tears: bool
    seed: int


@dataclass(slots=True)
class Contents:
    """What a file seems to hold: a real file, which has only what was synced, and what was not."""

    path: Path
    descriptor: int
    size: int
    real: int
    """Bytes from the start for which the real file counts; fewer after a truncation."""
    sectors: dict[int, bytes] = field(default_factory=dict)
    """What was not synced, each sector as it is now."""

    def read(self, amount: int, offset: int) -> bytes:
        """Return the bytes at a place, fewer where the file ends."""
        end = min(offset + amount, self.size)
        if end <= offset:
            return b""
        first, last = offset // SECTOR, (end - 1) // SECTOR
        found = b"".join(self._sector(number) for number in range(first, last + 1))
        return found[offset - first * SECTOR : end - first * SECTOR]

    def write(self, data: bytes, offset: int) -> None:
        """Put bytes at a place, in memory."""
        end = offset + len(data)
        first, last = offset // SECTOR, (end - 1) // SECTOR
        before = self._sector(first)[: offset - first * SECTOR]
        after = self._sector(last)[end - last * SECTOR :]
        whole = before + data + after
        for number in range(first, last + 1):
            start = (number - first) * SECTOR
            self.sectors[number] = whole[start : start + SECTOR]
        self.size = max(self.size, end)

    def truncate(self, size: int) -> None:
        """Make the file longer or shorter, in memory."""
        if size < self.size:
            self.real = min(self.real, size)
            last = size // SECTOR
            rest = self._sector(last)[: size % SECTOR]
            self.sectors = {number: each for number, each in self.sectors.items() if number < last}
            if rest:
                self.sectors[last] = rest.ljust(SECTOR, b"\0")
        self.size = size

    def sync(self) -> None:
        """Bring the real file up to date."""
        os.ftruncate(self.descriptor, self.real)
        self._put(list(self.sectors))
        os.ftruncate(self.descriptor, self.size)
        self.sectors.clear()
        self.real = self.size

    def tear(self, random: Random) -> None:
        """Bring some sectors of the real file up to date, as a disk may in any order."""
        if random.random() < 0.5:
            os.ftruncate(self.descriptor, self.real)
        share = random.random()
        self._put([number for number in self.sectors if random.random() < share])

    def _put(self, numbers: list[int]) -> None:
        for number in numbers:
            start = number * SECTOR
            data = self.sectors[number][: max(self.size - start, 0)]
            os.pwrite(self.descriptor, data, start)

    def _sector(self, number: int) -> bytes:
        changed = self.sectors.get(number)
        if changed is not None:
            return changed
        start = number * SECTOR
        amount = max(min(SECTOR, self.real - start), 0)
        return os.pread(self.descriptor, amount, start).ljust(SECTOR, b"\0")


class ForgetfulDisk(apsw.VFS):
    """SQLite's own VFS, but a change reaches the real file when it is synced and not before.

    So the death of the process is a power cut. A name is safe once its folder was synced: SQLite
    does so at the first sync of a journal or WAL that it may have created (`unixOpen` and
    `unixSync` in its os_unix.c) and where it asks for it at a deletion; `folder_synced` tells of
    others. Deletions happen at once, which SQLite must also bear. The wal-index, `-shm`, is no
    part of it: SQLite never syncs it and builds it anew after a crash.

    Args:
        name: what SQLite is to call it; it becomes the default.
        cut: when the power goes.
        may_sync: False keeps every connection at `synchronous=OFF`, whatever it asks for.
    """

    def __init__(self, name: str, cut: PowerCut, *, may_sync: bool = True) -> None:
        # By its name: the default is this one from now on.
        self.base = apsw.vfs_names()[0]
        super().__init__(name, self.base, makedefault=True)
        self.lock = threading.RLock()
        self.may_sync = may_sync
        self._cut = cut
        self._steps = 0
        self._files: dict[Path, Contents] = {}
        self._unsafe_names: set[Path] = set()

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file; only those that hold or restore data forget."""
        if name is None or not flags[0] & _KEPT:
            return apsw.VFSFile(self.base, name, flags)
        path = Path(name if isinstance(name, str) else name.filename())
        with self.lock:
            if not path.exists():
                self._unsafe_names.add(path)
            file = ForgetfulFile(self, path, name, flags)
            if path not in self._files:
                # Never closed: that would drop the locks that SQLite holds on the same file.
                descriptor = os.open(path, os.O_RDWR)
                size = os.fstat(descriptor).st_size
                self._files[path] = Contents(path, descriptor, size, size)
            return file

    def xAccess(self, pathname: str, flags: int) -> bool:
        """Say whether a file is there; SQLite takes an empty one for none."""
        contents = self._files.get(Path(pathname))
        if contents is not None and flags == apsw.SQLITE_ACCESS_EXISTS:
            return contents.size > 0
        return super().xAccess(pathname, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Delete a file at once."""
        with self.lock:
            self.step()
            path = Path(filename)
            super().xDelete(filename, syncdir)
            self._files.pop(path, None)
            self._unsafe_names.discard(path)
            if syncdir:
                self.folder_synced(path.parent.stat())

    def contents(self, path: Path) -> Contents:
        """Return what an open file seems to hold."""
        return self._files[path]

    def folder_synced(self, folder: os.stat_result) -> None:
        """Take it that the names in a folder are safe now."""
        with self.lock:
            self._unsafe_names = {
                each
                for each in self._unsafe_names
                if not os.path.samestat(each.parent.stat(), folder)
            }

    def step(self) -> None:
        """Count one change that is about to be made; the power may go before it."""
        self._steps += 1
        if self._steps > self._cut.after:
            self._end()

    def _end(self) -> None:
        random = Random(self._cut.seed)
        for contents in self._files.values():
            if self._cut.tears:
                contents.tear(random)
            contents.path.with_name(contents.path.name + "-shm").unlink(missing_ok=True)
        for name in sorted(self._unsafe_names):
            if not self._cut.tears or random.random() < 0.5:
                name.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


class ForgetfulFile(DatabaseFile):
    """One open file of the disk; its locks and its wal-index are SQLite's own."""

    def __init__(
        self, disk: ForgetfulDisk, path: Path, name: str | apsw.URIFilename, flags: list[int]
    ) -> None:
        super().__init__(disk.base, name, flags)
        self._disk = disk
        self._path = path
        self._syncs_folder = bool(flags[0] & _JOURNALS and flags[0] & apsw.SQLITE_OPEN_CREATE)

    def xRead(self, amount: int, offset: int) -> bytes:
        """Return what was written, synced or not."""
        with self._disk.lock:
            return self._disk.contents(self._path).read(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Keep a change in memory."""
        with self._disk.lock:
            self._disk.step()
            self._disk.contents(self._path).write(data, offset)

    def xTruncate(self, newsize: int) -> None:
        """Keep a new size in memory."""
        with self._disk.lock:
            self._disk.step()
            self._disk.contents(self._path).truncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002
        """Let the real file have all changes."""
        with self._disk.lock:
            self._disk.step()
            self._disk.contents(self._path).sync()
            if self._syncs_folder:
                self._disk.folder_synced(self._path.parent.stat())
                self._syncs_folder = False

    def xFileSize(self) -> int:
        """Return the size with what was not synced."""
        with self._disk.lock:
            return self._disk.contents(self._path).size

    def xFileControl(self, op: int, ptr: int) -> bool:
        """Take `PRAGMA synchronous` away from a connection that may not sync."""
        if op == apsw.SQLITE_FCNTL_PRAGMA and not self._disk.may_sync:
            pragma = apsw.VFSFcntlPragma(ptr)
            if pragma.name.lower() == "synchronous" and pragma.value not in {None, "OFF"}:
                return True
        return super().xFileControl(op, ptr)
