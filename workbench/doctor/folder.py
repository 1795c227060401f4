"""The data folder: on a local disk, written by this user, read by no others."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from waterline.errors import DataFolderError
from waterline.storage.folder import DataFolder, open_to_others
from workbench.doctor.finding import Finding, Verdict, fault, ok, skipped, told, warning
from workbench.doctor.kernel import mount_of
from workbench.doctor.subject import Subject
from workbench.doctor.writable import folder_refusal

_NETWORKS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "afs"})
_NAMED: Final = 3


def folder(subject: Subject) -> Iterator[Finding]:
    """Look at the folder itself."""
    path = subject.folder.path
    try:
        subject.folder.refuse_file()
    except DataFolderError as error:
        yield told(Verdict.FAULT, str(error))
        return
    refusal = None if path.exists() else folder_refusal(path)
    if refusal is not None:
        yield fault(
            f"{path} does not exist, and {refusal}, so that the server does not start",
            "give the user of the server the right to write there, or give another data folder",
        )
        return
    if not path.exists():
        yield skipped(f"{path} does not exist yet; the server makes it")
        return
    mounted = mount_of(path)
    if mounted is not None and mounted[0] in _NETWORKS:
        yield fault(
            f"{path} is on a network file system ({mounted[0]}), whose locks SQLite cannot rely on",
            "move it to a local disk",
        )
    if mounted is not None and "ro" in mounted[1]:
        yield fault(f"{path} is on a disk that is mounted read-only", "mount it for writing")
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield fault(
            f"{path} cannot be read and written by this user ({os.geteuid()})",
            "run as the user that it belongs to, or give this one the right to",
        )
    else:
        yield ok(f"{path.absolute()} can be read and written")


def rights(subject: Subject) -> Iterator[Finding]:
    """Look at who may read and write its files."""
    if not subject.folder.path.is_dir():
        yield skipped("there is no folder yet")
        return
    found = [
        *(told(Verdict.WARNING, each) for each in open_to_others(subject.folder)),
        *_strangers(subject.folder),
        *_of_tokens(subject.folder),
    ]
    others = "their group alone" if _has_group(subject.folder) else "no others"
    yield from found or [
        ok(f"its files belong to one user, and {others} can read its logs or write its files")
    ]


def _strangers(folder: DataFolder) -> Iterator[Finding]:
    """Yield what follows if files belong to another user than the folder, as after a run as root.

    A server of root writes them all the same, and so may the other user.
    """
    owner = folder.path.stat().st_uid
    names = [
        str(path.relative_to(folder.path))
        for path, found in _entries(folder.path)
        if found.st_uid != owner
    ]
    if not names:
        return
    more = "" if len(names) <= _NAMED else f" and {len(names) - _NAMED} more"
    belong = "belongs" if len(names) == 1 else "belong"
    verdict, follows = fault, "so that the server may not write there"
    if owner == 0:
        verdict, follows = warning, "who may read and change what is in reach"
    yield verdict(
        f"{', '.join(names[:_NAMED])}{more} {belong} to another user than {folder.path}, {follows}",
        f"chown -R --reference={folder.path} {folder.path}",
    )


def _has_group(folder: DataFolder) -> bool:
    """Return whether the group of the folder can enter it, and read or write something there."""
    if not folder.path.stat().st_mode & stat.S_IXGRP:
        return False
    rights = stat.S_IRGRP | stat.S_IWGRP
    return any(
        found.st_mode & rights
        for _, found in _entries(folder.path)
        if not stat.S_ISLNK(found.st_mode)
    )


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield all that is below a folder, in order; what is removed meanwhile is left out."""
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            yield path, path.lstat()


def _of_tokens(folder: DataFolder) -> Iterator[Finding]:
    try:
        mode = folder.tokens.stat().st_mode
    except OSError:
        return
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield warning(
            f"others than its user can write {folder.tokens}, and so let themselves in",
            f"chmod 600 {folder.tokens}",
        )
