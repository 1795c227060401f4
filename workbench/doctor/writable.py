"""Why a place in the file system cannot be written; nothing is tried there."""

import os
from pathlib import Path


def folder_refusal(path: Path) -> str | None:
    """Return why a folder cannot be written, or made where it is missing; None if it can."""
    path = path.absolute()
    nearest = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if not nearest.is_dir():
        return f"{nearest} is no folder"
    return _of_rights(nearest, os.W_OK | os.X_OK)


def file_refusal(path: Path) -> str | None:
    """Return why nothing can be appended to a file, or it cannot be made; None if it can."""
    if path.is_dir():
        return f"{path} is a folder"
    if path.exists():
        return _of_rights(path, os.W_OK)
    if not path.parent.exists():
        return f"there is no folder {path.parent}"
    return folder_refusal(path.parent)


def _of_rights(path: Path, rights: int) -> str | None:
    if os.access(path, rights):
        return None
    return f"this user ({os.geteuid()}) cannot write {path}"
