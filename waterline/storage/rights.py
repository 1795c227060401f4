"""Who else may read a data folder: what earlier versions made could be read by all users."""

import stat
from collections.abc import Iterator
from pathlib import Path

from waterline.storage.folder import DataFolder


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
