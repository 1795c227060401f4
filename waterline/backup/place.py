"""Places of backups: a folder, or a prefix in object storage, with files by name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from waterline.archive.files import UNFINISHED_PREFIX, Files
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.errors import ArchiveError, UsageError


class Place(Protocol):
    """Files by name, such as `files/ab/abcd`; what is written is durable and verified."""

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            ArchiveError: it is missing or cannot be read; the sentence names it.
        """

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Write a file; one of that name is replaced at once or not at all.

        Raises:
            ArchiveError: it cannot be written, or reads back differently.
        """

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Return the bytes of all files below a folder, or of all there are, by name, sorted.

        Raises:
            ArchiveError: they cannot be listed.
        """

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is no error.

        Raises:
            ArchiveError: it cannot be removed.
        """


class FolderPlace:
    """Place in the file system, such as a mounted disk.

    Args:
        path: the folder; it is made with the first file.
        files: file operations.
    """

    def __init__(self, path: Path, files: Files | None = None) -> None:
        self._path = path
        self._files = files or Files()

    def __str__(self) -> str:
        return str(self._path)

    def read(self, name: str) -> bytes:
        """Return the content of a file; see `Place`."""
        return self._files.read(self._path / name)

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Write a file; see `Place`."""
        path = self._path / name
        self._files.publish(path, content)
        if self._files.read(path) != content:
            self._files.remove(path)
            raise ArchiveError(
                f"{path} does not hold what was written to it; check its disk and try again"
            )

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Return the bytes of all files below a folder; see `Place`."""
        top = self._path / folder
        try:
            found = {
                each.relative_to(self._path).as_posix(): each.stat().st_size
                for each in (top.rglob("*") if top.is_dir() else ())
                if each.is_file() and not each.name.startswith(UNFINISHED_PREFIX)
            }
        except OSError as error:
            raise ArchiveError(f"{top} cannot be read: {error.strerror}") from error
        return dict(sorted(found.items()))

    def remove(self, name: str) -> None:
        """Remove a file; see `Place`."""
        self._files.remove(self._path / name)


class BucketPlace:
    """Place in object storage.

    Args:
        bucket: bucket and prefix.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def __str__(self) -> str:
        return self._bucket.address

    def read(self, name: str) -> bytes:
        """Return the content of an object; see `Place`."""
        return self._bucket.get(name)

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Write an object; see `Place`."""
        self._bucket.put(name, bytes(content))

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Return the bytes of all objects below a folder; see `Place`."""
        return {key: each.size for key, each in self._bucket.objects(folder).items()}

    def remove(self, name: str) -> None:
        """Remove an object; see `Place`."""
        self._bucket.delete(name)


def open_place(address: str, environment: Mapping[str, str] = os.environ) -> Place:
    """Return the place of backups at an address; nothing is read or written yet.

    Args:
        address: a folder, or `s3://bucket/prefix`.
        environment: credentials of object storage; see `open_bucket`.

    Raises:
        UsageError: the address has no meaning, or credentials are missing.
    """
    if "://" in address:
        return BucketPlace(open_bucket(address, environment))
    path = Path(address)
    if path.is_file():
        raise UsageError(f"{path} is a file; name a folder for backups, or s3://bucket/prefix")
    return FolderPlace(path)
