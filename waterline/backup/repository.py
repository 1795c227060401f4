"""Backups at a place: which there are, what they share, and which go."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from waterline.backup.place import Place
from waterline.backup.record import (
    FILES,
    FOLDER,
    IDENTITY,
    DamagedRecord,
    Identity,
    Record,
    backup_name,
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

    @property
    def path(self) -> Path | None:
        """Absolute path of the place; None in object storage."""
        address = str(self)
        return None if "://" in address else Path(address).resolve()

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
        """Return the names of all backups, the one that was taken first first.

        Raises:
            ArchiveError: the place cannot be read.
        """
        return [*filter(None, map(backup_name, self._place.sizes(FOLDER)))]

    def record(self, name: str) -> Record:
        """Return the record of a backup.

        Raises:
            DamagedRecord: it is damaged.
            ArchiveError: it cannot be read, or is of a later version.
        """
        path = record_name(name)
        return parse_record(self._place.read(path), f"{self}/{path}")

    def newest(self, tell: Callable[[str], object] | None = None) -> Record | None:
        """Return the newest record that is sound; None without any.

        Args:
            tell: called with a sentence for each later one, which is damaged.

        Raises:
            ArchiveError: one cannot be read, or is of a later version.
        """
        for name in reversed(self.names()):
            try:
                return self.record(name)
            except DamagedRecord as error:
                if tell is not None:
                    tell(str(error))
        return None

    def chosen(self, at: str | None) -> Record:
        """Return the record of a backup by its name or the begin of it, default the newest.

        Raises:
            UsageError: there is none, or several begin so.
            ArchiveError: it is damaged; the newest sound one is named.
        """
        if at == "":
            raise UsageError("--at is empty; give it the name of a backup, or leave it out")
        names = self.names()
        if not names:
            raise UsageError(f"there are no backups in {self}; name the place that has them")
        if at is None:
            return self._last(names[-1])
        found = [each for each in names if each.startswith(at)]
        if len(found) != 1:
            what = "no backup" if not found else f"{len(found)} backups"
            raise UsageError(
                f"{what} in {self} with a name that begins with {at}; "
                f"`waterline backup {self} --list` shows the names"
            )
        return self.record(found[0])

    def _last(self, name: str) -> Record:
        try:
            return self.record(name)
        except DamagedRecord as error:
            sound = self.newest()
            if sound is None:
                raise
            raise DamagedRecord(
                f"{error}; the newest sound one is had with --at {sound.name}"
            ) from error

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

        Damaged records between them stay, and so do all files then: what those need is not known.

        Args:
            number: how many sound ones stay, at least one.

        Returns:
            Number of backups removed.

        Raises:
            ArchiveError: a record cannot be read, or something cannot be removed. What is left
                over goes with the next call.
        """
        gone, sound, needed = self.names(), 0, set[str]()
        is_known = True
        while gone and sound < number:
            try:
                needed |= self.record(gone.pop()).files().keys()
                sound += 1
            except DamagedRecord:
                is_known = False
        for name in gone:
            self._place.remove(record_name(name))
        for sha256 in self.files() if is_known else ():
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
