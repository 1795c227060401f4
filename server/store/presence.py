"""Whether the files of a database that is open are still the ones at their paths."""

from pathlib import Path
from typing import Final

# SQLite keeps these beside a database in WAL mode for as long as it is open; who deletes one takes
# what is not in the database yet, or lets two processes write without knowing of each other.
_BESIDE: Final = ("", "-wal", "-shm")


class Presence:
    """Compares what is at the paths of an open database with what was there at first.

    SQLite goes on in files that were deleted or replaced, and all of it is lost at its end.

    Args:
        path: the database, which is open.
    """

    def __init__(self, path: Path) -> None:
        self._paths = tuple(path.with_name(path.name + each) for each in _BESIDE)
        self._first: dict[Path, tuple[int, int]] = {}
        self.wal_size = 0
        """Bytes of the write-ahead log when last looked at."""
        self.lost()

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
    return (
        f"{path} was deleted or replaced while the server runs; "
        "put it back, or stop the server and see what is in the folder"
    )
