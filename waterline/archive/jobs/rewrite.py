"""Rewrite of earlier batches into the current format; logs, seqs and counts stay."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import apsw
import msgspec
import pyarrow as pa

from waterline.archive.ahead import read_whole_catalog
from waterline.archive.batch import batch_file, next_number
from waterline.archive.files import Files
from waterline.archive.jobs.comparison import as_found, differing, strange_days
from waterline.archive.jobs.exclusive import changing
from waterline.archive.jobs.replaced_objects import (
    ReplacedObject,
    note_replaced,
    remove_replaced,
)
from waterline.archive.jobs.tidy import publish_manifest, publish_manifests, tidy
from waterline.archive.manifest import days_of
from waterline.archive.parquet import version_of
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import BatchReader, decoded
from waterline.archive.selection import Selection
from waterline.archive.writer import write_batch
from waterline.clock import now_ms
from waterline.encoding import PARQUET, BatchFormat, Encoding
from waterline.errors import ArchiveError, ObjectMissing, RemoteError
from waterline.storage.catalog import ArchivedBatch, change_batches, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import Watermark, read_watermark


@dataclass(slots=True)
class Rewritten:
    """Result of a rewrite. Sizes are bytes."""

    batches: int = 0
    logs: int = 0
    before: int = 0
    """Size of the former files."""
    after: int = 0
    """Size of the new ones."""
    faults: list[str] = field(default_factory=list)
    """A sentence for each batch that stays, as its file is missing or damaged."""


def plan_rewrite(
    folder: DataFolder,
    format: BatchFormat,  # noqa: A002 - the field's term
    wanted: Selection,
) -> list[ArchivedBatch]:
    """Return the batches of another format, an earlier version or without filter; change nothing.

    Of a local Parquet file the footer is read, which tells its version. Of other files the catalog
    knows enough: there is one version of their layout, and of Parquet one that has filters.

    Args:
        folder: the data folder.
        format: the wanted format.
        wanted: batches with none of these logs are left out.

    Returns:
        They are by day and seq.

    Raises:
        ArchiveError: logs.db is older than its archives.
        DataFolderError: logs.db is missing or cannot be read.
    """
    _, batches = read_whole_catalog(folder)
    return _due(folder, batches, format, wanted)


class RewriteJob:
    """Rewrites batches day by day; whatever stops it, each has its former file or its new one.

    A new file is written beside the former one, read back and compared. Then the catalog names the
    new one, the manifest of the day is published, and the former file is removed. A batch with a
    copy in object storage is written there too before the catalog names it; the manifest there
    follows, and the former copy goes. One that only object storage has lies here meanwhile.

    Args:
        folder: the data folder; its server may run.
        encoding: format, codec and level of the new files.
        wanted: batches with none of these logs are left out.
        files: file operations.
        clock: returns milliseconds UTC.
        progress: called with the logs done and the total.
    """

    def __init__(
        self,
        folder: DataFolder,
        encoding: Encoding,
        wanted: Selection,
        *,
        files: Files | None = None,
        clock: Callable[[], int] = now_ms,
        progress: Progress = silent,
    ) -> None:
        self._folder = folder
        self._encoding = encoding
        self._wanted = wanted
        self._files = files or Files()
        self._clock = clock
        self._progress = progress
        self._reader = BatchReader(folder, self._files)
        self._objects: list[ReplacedObject] = []
        self.rewritten = Rewritten()
        """Result so far, also after a failure."""

    def run(self) -> Rewritten:
        """Rewrite all batches that are due; what an earlier run has done is not done again.

        Raises:
            ArchiveInUse: another archive job is running.
            ArchiveError: a file cannot be written, or reads back differently; the former file
                stays, and the next run goes on.
            RemoteError: object storage refuses; likewise.
            UsageError: credentials for object storage are missing; likewise.
            DataFolderError: logs.db cannot be read or written.
        """
        with changing(self._folder) as connection:
            tidy(self._folder, connection, self._files)
            publish_manifests(self._folder, connection, self._files)
            remove_replaced(self._folder, connection, self._files)
            watermark, batches = read_watermark(connection), read_batches(connection)
            due = _due(self._folder, batches, self._encoding.format, self._wanted)
            known = {each.file for each in batches}
            done, total = 0, sum(each.rows for each in due)
            for day, due_of_day in days_of(due).items():
                self._objects.clear()
                former: list[Path] = []
                for batch in due_of_day:
                    former += self._rewrite(connection, batch, known, watermark)
                    done += batch.rows
                    self._progress("rewritten", done, total)
                of_day = [each for each in read_batches(connection) if each.day == day]
                publish_manifest(self._folder, day, of_day, watermark, self._files)
                for path in former:
                    self._files.remove(path)
                remove_replaced(self._folder, connection, self._files)
        return self.rewritten

    def _rewrite(
        self,
        connection: apsw.Connection,
        batch: ArchivedBatch,
        known: set[str],
        watermark: Watermark,
    ) -> list[Path]:
        """Write and record the new file of a batch; return the local files that may go then."""
        try:
            content = self._reader.content(batch)
            logs = self._logs(batch, content)
        except ArchiveError as error:
            if isinstance(error, RemoteError) and not isinstance(error, ObjectMissing):
                raise
            self.rewritten.faults.append(str(error))
            return []
        if batch.uploaded_to is not None:
            self._note(batch, content, known)
        written = write_batch(
            self._folder,
            logs,
            known=known,
            folder_id=watermark.folder_id,
            encoding=self._encoding,
            archived_at=batch.archived_at,
            files=self._files,
            adopted_from=batch.adopted_from,
        )
        # Later than the one before also by a clock that went back: manifests are told apart by it.
        rewritten_at = max(self._clock(), (batch.rewritten_at or 0) + 1)
        row = replace(
            written,
            batch=batch.batch,
            rewritten_at=rewritten_at,
            rewritten_from=batch.origin,
            local_removed_at=batch.local_removed_at,
        )
        path = self._folder.archives / row.file
        if batch.uploaded_to is not None:
            row = replace(row, uploaded_to=batch.uploaded_to, uploaded_at=rewritten_at)
            self._upload(batch, row, self._files.read(path))
        change_batches(connection, [row])
        known.add(row.file)
        result = self.rewritten
        result.batches += 1
        result.logs += row.rows
        result.before += batch.stored_bytes
        result.after += row.stored_bytes
        former = self._folder.archives / batch.file
        return [former] if row.local_removed_at is None else [former, path]

    def _note(self, batch: ArchivedBatch, content: bytes, known: set[str]) -> None:
        """Note the copy of a batch, and that its new file is about to be written."""
        address = batch.uploaded_to
        assert address is not None, "it has a copy"
        form = self._encoding.format
        number = next_number(self._folder.archives / batch.day, known)
        self._objects += [
            ReplacedObject.of(address, batch, content),
            ReplacedObject.unwritten(address, batch, batch_file(batch.day, number, form)),
        ]
        note_replaced(self._folder, self._objects, self._files)

    def _upload(self, former: ArchivedBatch, row: ArchivedBatch, content: bytes) -> None:
        """Write the new file of a batch to object storage, beside the former one."""
        bucket = self._reader.bucket(former)
        self._objects[-1] = ReplacedObject.of(bucket.address, row, content)
        note_replaced(self._folder, self._objects, self._files)
        bucket.put_new(row.file, content)

    def _logs(self, batch: ArchivedBatch, content: bytes) -> pa.Table:
        """Return the logs in the verified file of a batch.

        Raises:
            ArchiveError: the file is damaged, or does not hold what the catalog says.
        """
        name = self._reader.name(batch)
        logs = decoded(batch, content, name)
        found = as_found(batch, content, logs)
        day = strange_days(found)
        if differences := [*differing(found, batch), *([] if day is None else [day])]:
            raise ArchiveError(
                f"{name} does not hold what the catalog says, so it was left alone: "
                f"{'; '.join(differences)}"
            )
        return logs


def _due(
    folder: DataFolder,
    batches: Iterable[ArchivedBatch],
    format: BatchFormat,  # noqa: A002 - the field's term
    wanted: Selection,
) -> list[ArchivedBatch]:
    due = [
        each
        for each in batches
        if each.is_kept and wanted.most(each) and _is_earlier(folder, each, format)
    ]
    return [each for of_day in days_of(due).values() for each in of_day]


def _is_earlier(
    folder: DataFolder,
    batch: ArchivedBatch,
    format: BatchFormat,  # noqa: A002 - the field's term
) -> bool:
    if batch.format != format.name:
        return True
    if format.name != PARQUET.name:
        return False
    if batch.filter_sha256 is None:
        return True
    return batch.local_removed_at is None and _version(folder, batch) != format.version


def _version(folder: DataFolder, batch: ArchivedBatch) -> str | None:
    """Return the version of a local Parquet file; None if it does not tell it.

    It is then read whole, and named if it is damaged.
    """
    try:
        return version_of(folder.archives / batch.file)
    except (pa.ArrowException, OSError, msgspec.DecodeError):
        return None
