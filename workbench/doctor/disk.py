"""The disk of the data folder: free bytes and inodes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from waterline.storage.folder import LOW_DISK
from waterline.storage.sqlite import LEAST_ROOM
from waterline.units import human_size
from workbench.doctor.finding import Finding, fault, ok, skipped, warning
from workbench.doctor.subject import Subject

_FEW_INODES: Final = 1_000
_ROOM: Final = "archive, prune, or get room; `waterline plan` tells how long it lasts"


def disk(subject: Subject) -> Iterator[Finding]:
    """Look at the free bytes."""
    path = _existing(subject.folder.path)
    found = os.statvfs(path)
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if free < LEAST_ROOM:
        yield fault(f"the disk of {path} is full: {free} bytes are free", _ROOM)
    elif free < LOW_DISK:
        yield warning(f"{human_size(free)} are free on the disk of {path}", _ROOM)
    else:
        yield ok(f"{human_size(free)} of {human_size(size)} are free")


def inodes(subject: Subject) -> Iterator[Finding]:
    """Look at the free inodes, without which no file can be made."""
    path = _existing(subject.folder.path)
    found = os.statvfs(path)
    if not found.f_files:  # such as btrfs, which makes them as needed
        yield skipped("this file system has no number of inodes")
    elif found.f_favail < _FEW_INODES:
        verdict = fault if not found.f_favail else warning
        yield verdict(
            f"{found.f_favail} of {found.f_files} inodes are free on the disk of {path}",
            "remove files that are not needed there, or make the file system with more inodes",
        )
    else:
        yield ok(f"{found.f_favail:,} of {found.f_files:,} are free")


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
