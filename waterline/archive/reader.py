"""Reads a batch from its file or object storage: what the catalog says it is, or not at all."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import pyarrow as pa

from waterline.archive.codecs import decode
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
    """Read a batch, and where that fails once more if the catalog says by now that it moved.

    Args:
        batch: as the catalog said when it was planned.
        read: reads it from where it is said to lie.
        catalog: returns what the catalog says now.

    Raises:
        ArchiveError: it was pruned meanwhile, or it has not moved and its file is missing or
            damaged.
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
        files: how files are read.
        environment: where the credentials for object storage are.
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

    def read(self, batch: ArchivedBatch, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the logs of a batch in the order of their seqs.

        Args:
            batch: as the catalog has it.
            columns: those of SCHEMA that are wanted, in its order; None is all.

        Raises:
            ArchiveError: its file is missing, or is not what was archived; the sentence names it.
        """
        return decoded(batch, self.content(batch), self.name(batch), columns)

    def content(self, batch: ArchivedBatch) -> bytes:
        """Return the file of a batch, the local one where it is kept, and known to be sound.

        Raises:
            ArchiveError: it is missing, or is not what was archived; the sentence names it.
        """
        if batch.local_removed_at is None:
            return self.local_content(batch)
        return self.remote_content(batch)

    def local_content(self, batch: ArchivedBatch) -> bytes:
        """The same, of the local file only."""
        path = self._folder.archives / batch.file
        return checked(batch, self._files.read(path), str(path))

    def remote_content(self, batch: ArchivedBatch) -> bytes:
        """The same, of the copy in object storage only."""
        bucket = self.bucket(batch)
        return checked(batch, bucket.get(batch.file), bucket.url(batch.file))

    def name(self, batch: ArchivedBatch) -> str:
        """Return what to call the file of a batch: its path, or its URL in object storage."""
        if batch.local_removed_at is None:
            return str(self._folder.archives / batch.file)
        return f"{batch.uploaded_to}/{batch.file}"

    def bucket(self, batch: ArchivedBatch) -> Bucket:
        """Return where a batch was uploaded to.

        Raises:
            ArchiveError: it was not uploaded, or object storage cannot be used.
        """
        address = batch.uploaded_to
        if address is None:
            raise ArchiveError(f"{batch.file} was never uploaded; there is only its local file")
        if address not in self._buckets:
            self._buckets[address] = open_bucket(address, self._environment)
        return self._buckets[address]


def checked(batch: ArchivedBatch, content: bytes, name: str) -> bytes:
    """Return what a file holds, once it is known to be what was archived.

    Raises:
        ArchiveError: it is not; `name` is what the sentence calls the file.
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
    """Return the logs that a file holds, with the columns of SCHEMA or those that are wanted.

    Raises:
        ArchiveError: they are not those of the batch; `name` is what the sentence calls the file.
    """
    try:
        logs = decode(content, format_named(batch.format), columns).logs
    except ArchiveError as error:
        raise _damaged(name, str(error)) from error
    if logs.num_rows != batch.rows:
        raise _damaged(name, f"it holds {logs.num_rows} logs in place of {batch.rows}")
    return logs


def _damaged(name: str, reason: str) -> ArchiveError:
    return ArchiveError(f"{name} is damaged: {reason}; put a copy in its place")
