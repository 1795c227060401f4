"""Record of one backup: its moment, and the files that hold what was stored then."""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from itertools import takewhile
from typing import Final

import msgspec

from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch

VERSION: Final = "1.0"
FOLDER: Final = "backups"
"""Folder of records, one a backup."""
FILES: Final = "files"
"""Folder of all other files, each named by its SHA-256, which backups share."""
IDENTITY: Final = "waterline-backups.json"
"""File that says whose backups these are."""


class DamagedRecord(ArchiveError):
    """The record of a backup is no such thing, so that this one backup is lost."""


class Identity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Content of `waterline-backups.json`."""

    version: str = VERSION
    folder_id: str


class HotSegment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Hot logs in `(after, last_seq]`, as a Parquet file like those of archived batches."""

    after: int
    last_seq: int
    rows: int
    sha256: str
    size: int
    """Bytes."""


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Pages of a database that lie together, compressed, in a file with other such blocks."""

    digest: str
    """BLAKE2b of the pages, 16 bytes."""
    sha256: str
    """Name of the file."""
    begin: int
    size: int
    """Bytes in the file."""


class DatabaseCopy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A database as blocks, in their order."""

    size: int
    """Bytes of the database."""
    blocks: list[Block]
    files: dict[str, int]
    """Bytes of each file that has some of them."""


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Content of one file below `backups/`. Times are milliseconds UTC."""

    version: str = VERSION
    waterline: str
    """Version of Waterline that took it."""
    taken_at: int
    """All that was acked before is in it."""
    named_at: int | None = None
    """Time of its name, if it is not `taken_at`: after the names of all backups before it."""
    folder_id: str
    incarnation: str
    generation: int
    archived_through: int
    last_seq: int
    """Highest seq: nothing that came later is in it."""
    dedupe_window: int
    """For how long before `taken_at` archived logs are recognised when sent again."""
    batches: list[ArchivedBatch]
    """The whole catalog. Files of batches that are kept here are stored by their SHA-256."""
    gaps: list[tuple[int, int, int]]
    """Rows of `seq_gaps`."""
    hot: list[HotSegment]
    """Hot logs above `archived_through`, by seq; the first may have some below."""
    hot_rows: int
    """Number of hot logs above `archived_through`."""
    metrics: DatabaseCopy | None
    """The measurements, as of slightly before; None if there were none."""
    settings: dict[str, bytes]
    """Small files of the data folder, such as the hashed tokens, by name."""
    lacks: dict[str, str] = {}
    """A sentence for each batch whose file was missing or damaged, by SHA-256."""

    @property
    def moment_of_name(self) -> int:
        """Time that names the backup, milliseconds UTC."""
        return self.taken_at if self.named_at is None else self.named_at

    @property
    def name(self) -> str:
        """Name of the backup: its time, such as `20261130T031500.123Z`."""
        at = self.moment_of_name
        return f"{datetime.fromtimestamp(at // 1000, UTC):%Y%m%dT%H%M%S}.{at % 1000:03d}Z"

    @property
    def rows(self) -> int:
        """Number of logs, hot and archived, without pruned ones."""
        return sum(each.rows for each in self.batches if each.is_kept) + self.hot_rows

    @property
    def held(self) -> list[ArchivedBatch]:
        """Batches whose files the backup has: they are kept, and not in a bucket alone."""
        return [each for each in self.batches if is_local(each) and each.sha256 not in self.lacks]

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file of the backup, by its SHA-256."""
        metrics = {} if self.metrics is None else self.metrics.files
        return (
            {each.sha256: each.stored_bytes for each in self.held}
            | {each.sha256: each.size for each in self.hot}
            | metrics
        )

    def without(self, lost: Collection[str]) -> "Record":
        """Return what the next backup can build upon, as some files are lost.

        Args:
            lost: SHA-256 of these files.
        """
        hot = [*takewhile(lambda each: each.sha256 not in lost, self.hot)]
        metrics = self.metrics
        if metrics is not None:
            blocks = [each for each in metrics.blocks if each.sha256 not in lost]
            metrics = msgspec.structs.replace(metrics, blocks=blocks)
        batches = [each for each in self.batches if each.sha256 not in lost]
        return msgspec.structs.replace(self, hot=hot, metrics=metrics, batches=batches)

    def files(self) -> dict[str, str]:
        """Return what each file of the backup holds, in a few words, by its SHA-256."""
        held = {each.sha256: f"the batch {each.file}" for each in self.held}
        held |= {
            each.sha256: f"logs of seq {each.after + 1} to {each.last_seq}" for each in self.hot
        }
        if self.metrics is not None:
            held |= {each.sha256: "measurements" for each in self.metrics.blocks}
        return held


def is_local(batch: ArchivedBatch) -> bool:
    """Return whether the data folder has the file of a batch: it is kept, and not moved away."""
    return batch.is_kept and batch.local_removed_at is None


def file_of(sha256: str) -> str:
    """Return the name of a file by its SHA-256."""
    return f"{FILES}/{sha256[:2]}/{sha256}"


_decode: Final = msgspec.json.Decoder(Record).decode
_RECORD: Final = re.compile(rf"{FOLDER}/(2\d{{7}}T\d{{6}}\.\d{{3}}Z)\.json", re.ASCII)


def record_name(name: str) -> str:
    """Return the name of the file of a record by the name of its backup."""
    return f"{FOLDER}/{name}.json"


def backup_name(path: str) -> str | None:
    """Return the name of a backup by that of the file of its record; None if it is another file."""
    found = _RECORD.fullmatch(path)
    return found and found[1]


def moment_of(name: str) -> int:
    """Return the time in the name of a backup, milliseconds UTC.

    Raises:
        DamagedRecord: there is no such time.
    """
    try:
        moment = datetime.strptime(name, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise DamagedRecord(
            f"{record_name(name)} is named by a time that there is not; remove it"
        ) from error
    return round(moment.timestamp() * 1000)


def parse_record(content: bytes, name: str) -> Record:
    """Parse the record of a backup.

    Args:
        content: the bytes of its file.
        name: path or URL for errors.

    Raises:
        DamagedRecord: it is no record.
        ArchiveError: it is of a later version.
    """
    try:
        record = _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedRecord(
            f"{name} is no record of a backup: {error}; put a copy of it back, or remove it: other "
            "backups do not need it"
        ) from error
    if record.version != VERSION:
        raise ArchiveError(
            f"{name} has version {record.version}, this Waterline reads {VERSION}; use a later one"
        )
    return record
