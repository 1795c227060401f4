"""The last backup of a data folder, as the folder itself tells of it."""

from pathlib import Path
from typing import Final

import msgspec

from waterline.archive.files import Files
from waterline.storage.folder import DataFolder

_NAME: Final = "backup.json"


class LastBackup(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Content of `backup.json`."""

    place: str
    """Absolute path of a folder, or `s3://bucket/prefix`."""
    name: str
    """Name of the backup there."""
    taken_at: int
    """Milliseconds UTC."""
    logs: int
    """Number of logs in it."""
    size: int
    """Bytes written."""
    lacks: int
    """Number of files that were missing or damaged."""


_decode: Final = msgspec.json.Decoder(LastBackup).decode


def read_last(folder: DataFolder) -> LastBackup | None:
    """Return the last backup of a data folder; None if there was none, or nobody knows of it."""
    try:
        return _decode((folder.path / _NAME).read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_last(folder: DataFolder, last: LastBackup) -> None:
    """Note the last backup.

    Raises:
        ArchiveError: the file cannot be written.
    """
    Files().publish(folder.path / _NAME, msgspec.json.encode(last) + b"\n")


def absolute(address: str) -> str:
    """Return the address of a place as it is from any working folder, always in the same form.

    Args:
        address: a folder, or `s3://bucket/prefix`.
    """
    return address.rstrip("/") if "://" in address else str(Path(address).resolve())
