"""Whether the files of a database that is open are still the ones at their paths."""

import os
import sys
import time
from pathlib import Path
from typing import Final

# SQLite keeps these beside a database in WAL mode for as long as it is open; who deletes one takes
# what is not in the database yet, or lets two processes write without knowing of each other.
_BESIDE: Final = ("", "-wal", "-shm")

# A file system may give one time to all that changes within a tick of the kernel, of 10 ms at most.
_TICK_NS: Final = 1_000_000_000


class Presence:
    """Compares what is at the paths of an open database with what was there at first.

    SQLite goes on in files that were deleted or replaced, and all of it is lost at its end.

    Args:
        path: the database, which is open.
    """

    def __init__(self, path: Path) -> None:
        self._paths = tuple(path.with_name(path.name + each) for each in _BESIDE)
        self._folder = path.parent
        self._first: dict[Path, tuple[int, int]] = {}
        self._seen: tuple[int, int, int] | None = None
        self.wal_size = 0
        """Bytes of the write-ahead log when last looked at."""
        self.lost()

    def lost_since(self) -> Path | None:
        """Return the same as `lost`, without looking at each file where no name was changed.

        Each look lets go of Python's lock, which a thread that works may then keep for 5 ms: so a
        commit affords one. A file elsewhere, behind a link, is seen by `lost` alone.
        """
        try:
            status = self._folder.stat()
        except OSError:
            return self.lost()
        seen = (status.st_dev, status.st_ino, status.st_mtime_ns)
        if seen == self._seen:
            return None
        is_settled = time.time_ns() - status.st_mtime_ns - _TICK_NS > 0
        lost = self.lost()
        # What is lost is looked for again until it is back, though it changes nothing more.
        self._seen = seen if is_settled and lost is None else None
        return lost

    def lost(self) -> Path | None:
        """Return the first file that is gone or is another one; None where all is well.

        What cannot be looked at, because the rights on its folder went, is not taken for lost.
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
    """Return what to tell of a file that is gone or replaced."""
    # Linux keeps the content of a deleted file while a process has it open.
    rescue = (
        f"; copy it from /proc/{os.getpid()}/fd before" if sys.platform == "linux" else " before"
    )
    return (
        f"{path} was deleted or replaced while the server runs; put it back{rescue} you stop the "
        "server: what it holds is lost with it"
    )
