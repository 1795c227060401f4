"""A VFS under SQLite whose writes and syncs fail from one of them on: a full or a broken disk."""
# ruff: noqa: N802 - the names of the methods are SQLite's

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from tests.support.database_file import DatabaseFile


class FaultyDisk(apsw.VFS):
    """SQLite's own VFS; it becomes the default of this process until it is unregistered.

    Args:
        first: which write or sync fails first, counted from 1.
        error: what it fails with.
        lasts: whether all after it fail too.
    """

    def __init__(self, first: int, error: type[apsw.Error], *, lasts: bool) -> None:
        self.base = apsw.vfs_names()[0]
        super().__init__("faulty", self.base, makedefault=True)
        self._first = first
        self._error = error
        self._lasts = lasts
        self.steps = 0
        """Writes and syncs so far."""

    @property
    def is_hit(self) -> bool:
        """Whether any of them failed."""
        return self.steps >= self._first

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file; any of them may fail."""
        return _FaultyFile(self, name, flags)

    def step(self) -> None:
        """Count a write or sync that is about to be made, and let it fail if it is to."""
        self.steps += 1
        if self.steps == self._first or (self._lasts and self.is_hit):
            raise self._error("it was made to fail")


class _FaultyFile(DatabaseFile):
    def __init__(
        self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__(disk.base, name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.step()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.step()
        super().xSync(flags)


@contextmanager
def faulty_disk(first: int, error: type[apsw.Error], *, lasts: bool) -> Iterator[FaultyDisk]:
    """Put the disk under every database that this process opens meanwhile."""
    disk = FaultyDisk(first, error, lasts=lasts)
    try:
        yield disk
    finally:
        disk.unregister()
