"""The data folder: where each file lies, and the locks that keep a second process out."""

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from waterline.errors import ArchiveInUse, DataFolderError, DataFolderInUse

PRIVATE_FOLDER: Final = 0o700
"""The mode of each folder that we make: logs may hold what not everybody should see."""
PRIVATE_FILE: Final = 0o600
"""The mode of each file that we make."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The paths of the files in one data folder."""

    path: Path

    @property
    def logs(self) -> Path:
        """The hot logs and all that the watermark to the archives needs."""
        return self.path / "logs.db"

    @property
    def metrics(self) -> Path:
        """The measurements, by second."""
        return self.path / "metrics.db"

    @property
    def cache(self) -> Path:
        """Answers that the workbench keeps; it may be deleted."""
        return self.path / "cache.db"

    @property
    def tokens(self) -> Path:
        """The tokens, hashed."""
        return self.path / "tokens.toml"

    @property
    def archives(self) -> Path:
        """The archived batches, a folder a day."""
        return self.path / "archives"

    @property
    def manifests(self) -> Path:
        """What the catalog says of each day whose batches are Parquet, a file a day."""
        return self.path / "manifests"

    @property
    def archive_lock(self) -> Path:
        """Held by the one job that changes the archives; names its process."""
        return self.path / "archive.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the one server of this folder; names its process."""
        return self.path / "server.lock"

    def create(self) -> None:
        """Make the folder where it is missing, and see that it can be written.

        Raises:
            DataFolderError: it cannot be made or written.
        """
        try:
            if not self.path.is_dir():
                self.path.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
                sync_folder(self.path.parent)
        except (FileExistsError, NotADirectoryError) as error:
            raise DataFolderError(
                f"the data folder {self.path} is a file; name a folder with --data"
            ) from error
        except OSError as error:
            raise DataFolderError(
                f"the data folder {self.path} cannot be made: {error.strerror}; "
                "name another with --data"
            ) from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise _not_writable(self.path, "permission denied")

    def refuse_file(self) -> None:
        """See that nobody takes a file, or an address, for a data folder to read.

        Raises:
            DataFolderError: it is one.
        """
        if self.path.is_file():
            raise DataFolderError(
                f"{self.path} is a file; give its folder, {self.path.parent}"
                if self.path.name == "logs.db"
                else f"{self.path} is a file; give the data folder, the one that has logs.db in it"
            )
        if re.match(r"\w+:/", str(self.path)):
            raise DataFolderError(
                f"{self.path} is no folder; give the data folder of the server, as it is on this "
                "machine"
            )

    def day_folders(self) -> list[Path]:
        """Return the folders of all archived days, in order."""
        if not self.archives.is_dir():
            return []
        return sorted(
            each for each in self.archives.iterdir() if _DAY.fullmatch(each.name) and each.is_dir()
        )

    def refuse_lost_logs(self) -> None:
        """See that nobody makes a logs.db anew beside the archives of one that is gone.

        Its seqs would be given again, and its logs were in no answer.

        Raises:
            DataFolderError: there are archives and no logs.db.
        """
        if file_size(self.logs):
            return
        manifests = self.manifests.glob("*.json") if self.manifests.is_dir() else ()
        if found := [*self.day_folders(), *sorted(manifests)]:
            raise DataFolderError(
                f"{self.path} has archives, such as {found[0]}, and no logs.db; put that back, or "
                "make it anew from the archives: waterline archive adopt, without files"
            )

    def size(self) -> int:
        """Return the bytes that all files of the folder take, those in folders below it too."""
        return sum(file_size(each) for each in self.path.rglob("*"))


def file_size(path: Path) -> int:
    """Return a file's bytes, 0 where there is none."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def sync_folder(path: Path) -> None:
    """Make what was created or renamed in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_writable(path: Path, reason: str | None) -> DataFolderError:
    return DataFolderError(
        f"the data folder {path} cannot be written: {reason}; "
        "give its user the right to, or name another with --data"
    )


class _Lock:
    """Holds a data folder for one process; the kernel lets go when the process ends.

    Args:
        folder: the data folder.
        path: the file that is locked, and names the process.
        in_use: the error where another process holds it.
        who: what the sentence of that error calls the other.
        advice: what the other does, and what to do about it.
    """

    def __init__(
        self,
        folder: DataFolder,
        path: Path,
        in_use: type[DataFolderInUse | ArchiveInUse],
        who: str,
        advice: str,
    ) -> None:
        self._folder = folder
        self._path = path
        self._in_use = in_use
        self._who = who
        self._advice = advice
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            DataFolderInUse: another server holds it.
            ArchiveInUse: another archive job holds it.
            DataFolderError: the folder cannot be written.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise _not_writable(self._folder.path, error.strerror) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise self._in_use(f"{self._who} (process {holder}) {self._advice}") from error
        self._descriptor = descriptor
        # On a full disk nobody reads who holds it; a job that makes room must run all the same.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class ServerLock(_Lock):
    """Held by the one server of a data folder."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__(
            folder,
            folder.server_lock,
            DataFolderInUse,
            "another server",
            f"serves {folder.path}; stop it first or name another folder with --data",
        )


class ArchiveLock(_Lock):
    """Held by the one job that changes the archives of a data folder."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__(
            folder,
            folder.archive_lock,
            ArchiveInUse,
            "another archive job",
            f"works on {folder.path}; wait until it has ended, or stop it",
        )


def open_to_others(folder: DataFolder) -> list[str]:
    """Return a sentence where all users of this machine may read logs, else nothing.

    A group that may read them is somebody's choice, and tokens.toml holds hashes alone.
    """
    if not _others(folder.path, stat.S_IXOTH):
        return []
    names = sorted(set(_readable(folder)))
    if not names:
        return []
    warning = (
        f"all users of this machine can read {', '.join(names)} in {folder.path}; where that is "
        f"not wanted: chmod -R o-rwx {folder.path}"
    )
    return [warning]


def _readable(folder: DataFolder) -> Iterator[str]:
    """Yield the names of files in a folder that all users may read, and of the archives."""
    for database in (folder.logs, folder.metrics, folder.cache):
        for suffix in ("", "-wal", "-shm"):
            path = database.with_name(database.name + suffix)
            if _others(path, stat.S_IROTH):
                yield path.name
    days = folder.day_folders() if _others(folder.archives, stat.S_IXOTH) else []
    # The newest are enough: what was made in between was made by a version in between.
    for day in {*days[:1], *days[-1:]}:
        if _others(day, stat.S_IXOTH) and any(
            _others(each, stat.S_IROTH) for each in day.iterdir()
        ):
            yield folder.archives.name


def _others(path: Path, bit: int) -> bool:
    """Say whether all users have this right; not of what is not there."""
    try:
        return bool(path.stat().st_mode & bit)
    except OSError:
        return False
