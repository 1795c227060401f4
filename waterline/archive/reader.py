"""Reader of batches, from local files or object storage, verified against the catalog."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from waterline.archive.batch_filter.cache import FILTERS
from waterline.archive.batch_filter.contents import BatchFilter
from waterline.archive.batch_formats import Choice, decode, decode_chosen, decode_packed
from waterline.archive.files import Files
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.encoding import format_named
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder

T = TypeVar("T")


def follow(
    batch: ArchivedBatch,
    read: Callable[[ArchivedBatch], T],
    catalog: Callable[[], Iterable[ArchivedBatch]],
) -> T:
    """Read a batch, and once more if it has moved meanwhile.

    Args:
        batch: the catalog row when the read was planned.
        read: reads a batch from the place in its row.
        catalog: returns the current catalog.

    Raises:
        ArchiveError: the batch was pruned meanwhile, or its file is missing or damaged.
    """
    try:
        return read(batch)
    except ArchiveError as error:
        now = next((each for each in catalog() if each.batch == batch.batch), None)
        if now == batch:
            raise
        if now is None or not now.is_kept:
            raise ArchiveError(
                f"{batch.file} was pruned while it was to be read; run the command again"
            ) from error
    return read(now)


class BatchReader:
    """Reads the batches of a data folder.

    Args:
        folder: the data folder.
        files: file operations.
        environment: environment variables with the credentials of object storage.
    """

    def __init__(
        self,
        folder: DataFolder,
        files: Files | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._folder = folder
        self._files = files or Files()
        self._environment = environment
        self._buckets: dict[str, Bucket] = {}

    def __reduce__(self) -> tuple[Callable[[Path], "BatchReader"], tuple[Path]]:
        # Another process reads with its own files and credentials.
        return reader_in, (self._folder.path.absolute(),)

    def has_place(self, batch: ArchivedBatch) -> bool:
        """Return whether the folder is there in which the file of a batch would lie."""
        return batch.local_removed_at is not None or os.access(self._folder.archives, os.X_OK)

    def read(self, batch: ArchivedBatch, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the logs of a batch by seq.

        Args:
            batch: its catalog row.
            columns: the columns to read, in the order of SCHEMA; None is all.

        Raises:
            ArchiveError: the file is missing or damaged; the sentence names it.
        """
        return decoded(batch, self.content(batch), self.name(batch), columns)

    def read_packed(
        self,
        batch: ArchivedBatch,
        columns: Sequence[str],
        members: Iterable[str] | None,
        choice: Choice | None = None,
    ) -> pa.Table:
        """Return the logs of a batch by seq, with attributes packed where they are columns.

        Args:
            batch: its catalog row.
            columns: the columns to read, in the order of SCHEMA.
            members: names or paths of the attributes that are needed; None is all.
            choice: tells which logs are wanted; None is all.

        Raises:
            ArchiveError: the file is missing or damaged; the sentence names it.
        """
        content, form = self.content(batch), format_named(batch.format)

        def logs() -> tuple[pa.Table, int]:
            if choice is not None:
                return decode_chosen(content, form, columns, members, choice)
            table = decode_packed(content, form, columns, members).logs
            return table, table.num_rows

        return _sound(batch, self.name(batch), logs)

    def filter(self, batch: ArchivedBatch, *, here: bool = False) -> BatchFilter | None:
        """Return the filter of a batch, without reading the rest of its file.

        Args:
            batch: its catalog row.
            here: whether object storage is not asked.

        Returns:
            None if the batch has none that can be used: its file may be damaged.

        Raises:
            ArchiveError: the file is missing, or object storage refuses; the sentence names it.
        """
        if batch.filter_sha256 is None or not batch.filter_bytes or batch.filter_offset is None:
            return None
        known = FILTERS.get(batch.filter_sha256)
        is_remote = batch.local_removed_at is not None
        if known is not None or (is_remote and here):
            return known
        if is_remote:
            part = self.bucket(batch).get_part
            content = part(batch.file, batch.filter_offset, batch.filter_bytes)
        else:
            path = self._folder.archives / batch.file
            content = self._files.read_part(path, batch.filter_offset, batch.filter_bytes)
        if hashlib.sha256(content).hexdigest() != batch.filter_sha256:
            return None
        known = BatchFilter.decode(content)
        if known is not None:
            FILTERS.add(batch.filter_sha256, known, len(content))
        return known

    def content(self, batch: ArchivedBatch) -> bytes:
        """Return the verified bytes of a batch file, from the local copy if it is kept.

        Raises:
            ArchiveError: the file is missing or damaged; the sentence names it.
        """
        if batch.local_removed_at is None:
            return self.local_content(batch)
        return self.remote_content(batch)

    def local_content(self, batch: ArchivedBatch) -> bytes:
        """Return the verified bytes of the local copy."""
        path = self._folder.archives / batch.file
        return checked(batch, self._files.read(path), str(path))

    def remote_content(self, batch: ArchivedBatch) -> bytes:
        """Return the verified bytes of the copy in object storage."""
        bucket = self.bucket(batch)
        return checked(batch, bucket.get(batch.file), bucket.url(batch.file))

    def name(self, batch: ArchivedBatch) -> str:
        """Return the path of a batch file, or its URL if only object storage has it."""
        if batch.local_removed_at is None:
            return str(self._folder.archives / batch.file)
        return f"{batch.uploaded_to}/{batch.file}"

    def bucket(self, batch: ArchivedBatch) -> Bucket:
        """Return the bucket that holds a batch.

        Raises:
            ArchiveError: the batch was never uploaded, or object storage cannot be used.
        """
        address = batch.uploaded_to
        if address is None:
            raise ArchiveError(f"{batch.file} was never uploaded; there is only its local file")
        if address not in self._buckets:
            self._buckets[address] = open_bucket(address, self._environment)
        return self._buckets[address]


@cache
def reader_in(folder: Path) -> BatchReader:
    """Return the reader of the batches of a folder that this process shares."""
    return BatchReader(DataFolder(folder))


def checked(batch: ArchivedBatch, content: bytes, name: str) -> bytes:
    """Return the content of a batch file after a check of size and SHA-256.

    Args:
        batch: its catalog row.
        content: the bytes of the file.
        name: the path or URL for errors.

    Raises:
        ArchiveError: size or SHA-256 differ.
    """
    if len(content) != batch.stored_bytes:
        raise _damaged(
            name, f"it has {len(content)} bytes and was archived with {batch.stored_bytes}"
        )
    if hashlib.sha256(content).hexdigest() != batch.sha256:
        raise _damaged(name, "its SHA-256 is not that of the file that was archived")
    return content


def decoded(
    batch: ArchivedBatch, content: bytes, name: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the logs in the verified content of a batch file.

    Args:
        batch: its catalog row.
        content: the bytes of the file.
        name: the path or URL for errors.
        columns: the columns to read, in the order of SCHEMA; None is all.

    Raises:
        ArchiveError: the content is damaged, or holds another number of logs.
    """

    def logs() -> tuple[pa.Table, int]:
        table = decode(content, format_named(batch.format), columns).logs
        return table, table.num_rows

    return _sound(batch, name, logs)


def _sound(
    batch: ArchivedBatch, name: str, decoded_logs: Callable[[], tuple[pa.Table, int]]
) -> pa.Table:
    """Return the logs of a batch that a function decodes, beside the number of all."""
    try:
        logs, rows = decoded_logs()
    except ArchiveError as error:
        raise _damaged(name, str(error)) from error
    if rows != batch.rows:
        raise _damaged(name, f"it holds {rows} logs in place of {batch.rows}")
    return logs


def _damaged(name: str, reason: str) -> ArchiveError:
    return ArchiveError(f"{name} is damaged: {reason}; put a copy in its place")
