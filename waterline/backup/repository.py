"""Backups at a place: which there are, what they share, and which go."""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from waterline.backup.place import Place
from waterline.backup.record import (
    FILES,
    FOLDER,
    IDENTITY,
    Identity,
    Record,
    file_of,
    parse_record,
    record_name,
)
from waterline.errors import ArchiveError, UsageError

_decode_identity: Final = msgspec.json.Decoder(Identity).decode
_encode: Final = msgspec.json.Encoder().encode


class Repository:
    """Backups of one data folder at a place.

    Args:
        place: holds them.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def __str__(self) -> str:
        return str(self._place)

    def begin(self, folder_id: str) -> dict[str, int]:
        """Check that the place is for backups of this data folder, and mark a new one as such.

        Returns:
            Bytes of each file that is there, by its SHA-256.

        Raises:
            UsageError: it holds something else, or backups of another data folder.
            ArchiveError: it cannot be read or written.
        """
        sizes = self._place.sizes()
        if IDENTITY in sizes:
            known = self._identity()
            if known.folder_id != folder_id:
                raise UsageError(f"{self} holds backups of another data folder; name another place")
            return _by_sha256(sizes)
        if sizes:
            raise UsageError(
                f"{self} holds other files, such as {next(iter(sizes))}; name an empty place for "
                "backups"
            )
        self._place.write(IDENTITY, _encode(Identity(folder_id=folder_id)) + b"\n")
        return {}

    def names(self) -> list[str]:
        """Return the names of all backups, the oldest first.

        Raises:
            UsageError: there are none.
            ArchiveError: the place cannot be read.
        """
        return [
            name.removeprefix(f"{FOLDER}/").removesuffix(".json")
            for name in self._place.sizes(FOLDER)
        ]

    def record(self, name: str) -> Record:
        """Return the record of a backup.

        Raises:
            ArchiveError: it is missing or damaged.
        """
        path = record_name(name)
        return parse_record(self._place.read(path), f"{self}/{path}")

    def newest(self) -> Record | None:
        """Return the record of the newest backup; None without any.

        Raises:
            ArchiveError: it is damaged.
        """
        names = self.names()
        return self.record(names[-1]) if names else None

    def chosen(self, at: str | None) -> Record:
        """Return the record of a backup by its name or the begin of it, default the newest.

        Raises:
            UsageError: there is none, or several begin so.
            ArchiveError: it is damaged.
        """
        names = self.names()
        if not names:
            raise UsageError(f"there are no backups in {self}; name the place that has them")
        found = names[-1:] if at is None else [each for each in names if each.startswith(at)]
        if len(found) != 1:
            what = "no backup" if not found else f"{len(found)} backups"
            raise UsageError(
                f"{what} in {self} of that name, {at}; `waterline backup {self} --list` shows them"
            )
        return self.record(found[0])

    def content(self, sha256: str, what: str) -> bytes:
        """Return the verified content of a file.

        Args:
            sha256: its name.
            what: what it holds, for errors.

        Raises:
            ArchiveError: it is missing or damaged.
        """
        name = file_of(sha256)
        content = self._place.read(name)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ArchiveError(
                f"{self}/{name}, with {what}, is damaged: its SHA-256 is another; restore an "
                "earlier backup, or take a new one"
            )
        return content

    def add_file(self, content: bytes | memoryview) -> str:
        """Write a file under its SHA-256; return that.

        Raises:
            ArchiveError: it cannot be written.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        self._place.write(file_of(sha256), content)
        return sha256

    def add(self, record: Record) -> int:
        """Write the record of a backup whose files are all there; return its bytes.

        Raises:
            ArchiveError: it cannot be written.
        """
        content = _encode(record)
        self._place.write(record_name(record.name), content)
        return len(content)

    def keep(self, number: int) -> int:
        """Remove all backups but the newest ones, and the files that only those had.

        Args:
            number: how many stay, at least one.

        Returns:
            Number of backups removed.

        Raises:
            ArchiveError: a record cannot be read, or something cannot be removed. What is left
                over goes with the next call.
        """
        names = self.names()
        gone, kept = names[:-number], names[-number:]
        for name in gone:
            self._place.remove(record_name(name))
        needed = {sha256 for name in kept for sha256 in self.record(name).files()}
        for sha256 in self.files():
            if sha256 not in needed:
                self._place.remove(file_of(sha256))
        return len(gone)

    def files(self) -> list[str]:
        """Return the SHA-256 of all files that are there.

        Raises:
            ArchiveError: the place cannot be read.
        """
        return [*_by_sha256(self._place.sizes(FILES))]

    def _identity(self) -> Identity:
        try:
            return _decode_identity(self._place.read(IDENTITY))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ArchiveError(
                f"{self}/{IDENTITY} does not say whose backups these are: {error}"
            ) from error


def _by_sha256(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the bytes of the files that backups share, by SHA-256."""
    return {
        name.rpartition("/")[2]: size
        for name, size in sizes.items()
        if name.startswith(f"{FILES}/")
    }
