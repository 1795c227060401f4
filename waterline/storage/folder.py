"""Data folder: paths of its files, and locks against a second process."""

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from waterline.errors import ArchiveInUse, BackupInUse, DataFolderError, DataFolderInUse

PRIVATE_FOLDER: Final = 0o700
"""Mode of new folders, as logs may be confidential."""
PRIVATE_FILE: Final = 0o600
"""Mode of new files."""
LOW_DISK: Final = 256 * 2**20
"""Bytes of free disk, below which operators are warned."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths of the files in a data folder."""

    path: Path

    @property
    def logs(self) -> Path:
        """Database of hot logs, catalog and watermark."""
        return self.path / "logs.db"

    @property
    def metrics(self) -> Path:
        """Database of measurements."""
        return self.path / "metrics.db"

    @property
    def cache(self) -> Path:
        """Database of cached answers; it may be deleted."""
        return self.path / "cache.db"

    @property
    def tokens(self) -> Path:
        """File of hashed tokens."""
        return self.path / "tokens.toml"

    @property
    def archives(self) -> Path:
        """Folder of archived batches, with a folder a day."""
        return self.path / "archives"

    @property
    def manifests(self) -> Path:
        """Folder of manifests of days with Parquet, with a file a day."""
        return self.path / "manifests"

    @property
    def archive_lock(self) -> Path:
        """Lock file of the one archive job, with its process id."""
        return self.path / "archive.lock"

    @property
    def backup_lock(self) -> Path:
        """Lock file of the one backup of a data folder, with its process id."""
        return self.path / "backup.lock"

    @property
    def archive_notice(self) -> Path:
        """File that says for how long `archive_keep` was announced."""
        return self.path / "archive-keep.json"

    @property
    def attribute_types(self) -> Path:
        """File of the types that attributes have in archived batches; they are told by these."""
        return self.path / "attribute-types.json"

    @property
    def replaced_objects(self) -> Path:
        """File that names what a rewrite may leave over in object storage."""
        return self.path / "replaced-objects.json"

    @property
    def server_lock(self) -> Path:
        """Lock file of the one server, with its process id."""
        return self.path / "server.lock"

    @property
    def restoring(self) -> Path:
        """Mark of a folder that is being restored, with the name of the backup."""
        return self.path / "restoring"

    def create(self) -> None:
        """Make the folder if it is missing, and check that it can be written.

        Raises:
            DataFolderError: the folder cannot be made or written, or is half restored.
        """
        self.refuse_half_restored()
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
        """Refuse a path that is a file or an address.

        Raises:
            DataFolderError: the path is no folder.
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
        """Return the sorted folders of all archived days."""
        if not self.archives.is_dir():
            return []
        return sorted(
            each for each in self.archives.iterdir() if _DAY.fullmatch(each.name) and each.is_dir()
        )

    def refuse_half_restored(self) -> None:
        """Refuse a folder that is being restored.

        The end of the restore replaces logs and tokens, and so what came in before.

        Raises:
            DataFolderError: the mark is there.
        """
        try:
            name = self.restoring.read_text(errors="replace")
        except (OSError, ValueError):  # there is no mark, or the name has a NUL
            return
        raise DataFolderError(
            f"{self.path} is only half restored from the backup {name}; complete it with "
            "waterline restore, or name another folder with --data"
        )

    def refuse_lost_logs(self) -> None:
        """Refuse a folder that is half restored, or has archives and no logs.db.

        A new logs.db would reuse seqs, and answers would lack the archived logs.

        Raises:
            DataFolderError: the folder is half restored, or logs.db is lost.
        """
        self.refuse_half_restored()
        if file_size(self.logs):
            return
        manifests = self.manifests.glob("*.json") if self.manifests.is_dir() else ()
        if found := [*self.day_folders(), *sorted(manifests)]:
            raise DataFolderError(
                f"{self.path} has archives, such as {found[0]}, and no logs.db; put that back, or "
                "make it anew from the archives: waterline archive adopt, without files"
            )

    def size(self) -> int:
        """Return the bytes of all files below the folder."""
        return sum(file_size(each) for each in self.path.rglob("*"))


def file_size(path: Path) -> int:
    """Return the bytes of a file; 0 if it is missing."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def sync_folder(path: Path) -> None:
    """Flush a folder, so that names in it survive a power cut."""
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
    """File lock that the kernel releases when the process ends.

    Args:
        folder: the data folder.
        path: the lock file, which holds the process id.
        in_use: the error if another process holds the lock.
        who: the noun for the other process in that error.
        advice: the rest of the sentence.
    """

    def __init__(
        self,
        folder: DataFolder,
        path: Path,
        in_use: type[DataFolderInUse | ArchiveInUse | BackupInUse],
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
            DataFolderInUse: another server holds the lock.
            ArchiveInUse: another archive job holds the lock.
            BackupInUse: another backup holds the lock.
            DataFolderError: the folder cannot be written.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise _not_writable(self._folder.path, error.strerror) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            # It has just begun, or found no room for its id.
            who = f"{self._who} (process {holder})" if holder else self._who
            raise self._in_use(f"{who} {self._advice}") from error
        self._descriptor = descriptor
        # A full disk loses the process id, but a job that makes room must run.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class ServerLock(_Lock):
    """Lock of the one server of a data folder."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__(
            folder,
            folder.server_lock,
            DataFolderInUse,
            "another server",
            f"serves {folder.path}; stop it first or name another folder with --data",
        )


class ArchiveLock(_Lock):
    """Lock of the one archive job of a data folder."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__(
            folder,
            folder.archive_lock,
            ArchiveInUse,
            "another archive job",
            f"works on {folder.path}; wait until it has ended, or stop it",
        )


class BackupLock(_Lock):
    """Lock of the one backup of a data folder."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__(
            folder,
            folder.backup_lock,
            BackupInUse,
            "another backup",
            f"of {folder.path} is under way; wait until it has ended, or stop it",
        )


def open_to_others(folder: DataFolder) -> list[str]:
    """Return a sentence each if all users of the machine can read logs, or write files.

    Group rights are a deliberate choice, and tokens.toml holds only hashes.
    """
    if not _others(folder.path, stat.S_IXOTH):
        return []
    warnings = []
    if names := sorted(set(_readable(folder))):
        warnings.append(
            f"all users of this machine can read {', '.join(names)} in {folder.path}; where that "
            f"is not wanted: chmod -R o-rwx {folder.path}"
        )
    if names := sorted(set(_writable(folder))):
        warnings.append(
            f"all users of this machine can write {', '.join(names)} of {folder.path}, and so "
            f"change or remove logs; chmod -R o-w {folder.path}"
        )
    return warnings


def _readable(folder: DataFolder) -> Iterator[str]:
    """Yield the names of databases and archives that all users can read."""
    for database in (folder.logs, folder.metrics, folder.cache):
        for suffix in ("", "-wal", "-shm"):
            path = database.with_name(database.name + suffix)
            if _others(path, stat.S_IROTH):
                yield path.name
    for day in _days_in_reach(folder):
        if any(_others(each, stat.S_IROTH) for each in day.iterdir()):
            yield folder.archives.name


def _writable(folder: DataFolder) -> Iterator[str]:
    """Yield the names of what all users can write: the folder itself, its files, archives."""
    if _others(folder.path, stat.S_IWOTH):
        yield "the folder"
    for each in folder.path.iterdir():
        # The rights of a link itself mean nothing.
        if not each.is_symlink() and _others(each, stat.S_IWOTH):
            yield each.name
    for day in _days_in_reach(folder):
        if any(_others(each, stat.S_IWOTH) for each in (day, *day.iterdir())):
            yield folder.archives.name


def _days_in_reach(folder: DataFolder) -> Iterator[Path]:
    """Yield folders of days that all users can enter.

    The first and the last day are enough: days between were made by versions between.
    """
    days = folder.day_folders() if _others(folder.archives, stat.S_IXOTH) else []
    for day in {*days[:1], *days[-1:]}:
        if _others(day, stat.S_IXOTH):
            yield day


def _others(path: Path, bit: int) -> bool:
    """Return whether all users have a right on a path; False if the path is missing."""
    try:
        return bool(path.stat().st_mode & bit)
    except OSError:
        return False
