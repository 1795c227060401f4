"""Detection of deleted or replaced files of an open database."""

import os
import sys
from pathlib import Path
from typing import Final

# Files of an open database in WAL mode. Deleting one loses commits, or lets two processes write
# without knowing of each other.
_BESIDE: Final = ("", "-wal", "-shm")


class Presence:
    """Compares the files at the paths of an open database with the first ones seen.

    SQLite goes on writing to deleted or replaced files, and those writes are lost at the end.

    Args:
        path: an open database.
    """

    def __init__(self, path: Path) -> None:
        self._paths = tuple(path.with_name(path.name + each) for each in _BESIDE)
        self._first: dict[Path, tuple[int, int]] = {}
        self.wal_size = 0
        """Bytes of the WAL at the last check."""
        self.lost()

    def lost(self) -> Path | None:
        """Return the first missing or replaced file; None if there is none.

        A file that cannot be inspected, for lack of rights, does not count as lost.
        """
        for path in self._paths:
            try:
                status = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                if path in self._first:
                    return path
                continue  # SQLite has not made it yet
            except OSError:
                continue
            found = (status.st_dev, status.st_ino)
            if self._first.setdefault(path, found) != found:
                return path
            if path == self._paths[1]:
                self.wal_size = status.st_size
        return None


def lost_sentence(path: Path) -> str:
    """Return one sentence about a missing or replaced file."""
    # Linux keeps the content of a deleted file while a process has it open.
    rescue = (
        f"; copy it from /proc/{os.getpid()}/fd before" if sys.platform == "linux" else " before"
    )
    return (
        f"{path} was deleted or replaced while the server runs; put it back{rescue} you stop the "
        "server: what it holds is lost with it"
    )
