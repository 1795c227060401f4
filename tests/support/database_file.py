"""A file of SQLite's as tests stand in for it: its locks are refused as the kernel does."""

import apsw


class DatabaseFile(apsw.VFSFile):
    """One open file; what a test does not override is SQLite's own."""

    def __init__(self, base: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(base, name, flags)
        self._is_read_only = bool(flags[0] & apsw.SQLITE_OPEN_READONLY)

    def xLock(self, level: int) -> None:  # noqa: N802 - as SQLite calls it
        """Take a lock of the real file; one that only reads is never alone with it.

        SQLite asks for that at the close of a reader of a WAL, the kernel refuses it (EBADF), and
        SQLite goes on. APSW would let `Connection.close` raise what was refused, unless it is busy.
        """
        if self._is_read_only and level == apsw.SQLITE_LOCK_EXCLUSIVE:
            raise apsw.BusyError
        super().xLock(level)
