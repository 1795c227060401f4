"""Rewrite of earlier batches into the current format; logs, seqs and counts stay."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import apsw
import msgspec
import pyarrow as pa

from waterline.archive.ahead import read_whole_catalog
from waterline.archive.files import Files
from waterline.archive.jobs.comparison import as_found, differing, strange_days
from waterline.archive.jobs.exclusive import changing
from waterline.archive.jobs.tidy import publish_manifest, publish_manifests, tidy
from waterline.archive.manifest import days_of
from waterline.archive.parquet import version_of
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import BatchReader, decoded
from waterline.archive.selection import Selection
from waterline.archive.writer import write_batch
from waterline.clock import now_ms
from waterline.encoding import PARQUET, BatchFormat, Encoding
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch, change_batches, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import Watermark, read_watermark


@dataclass(frozen=True, slots=True)
class Plan:
    """Batches that are not of the wanted format, or not as it is written now."""

    due: list[ArchivedBatch]
    """Those that a rewrite brings forward, by day and seq."""
    uploaded: list[ArchivedBatch]
    """Those that stay, as object storage has a copy; which version a file has that only it has, is
    not known."""


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
) -> Plan:
    """Return the batches of another format, an earlier version or without filter; change nothing.

    Of a local Parquet file the footer is read, which tells its version. Of other files the catalog
    knows enough: there is one version of their layout.

    Args:
        folder: the data folder.
        format: the wanted format.
        wanted: batches with none of these logs are left out.

    Raises:
        ArchiveError: logs.db is older than its archives.
        DataFolderError: logs.db is missing or cannot be read.
    """
    _, batches = read_whole_catalog(folder)
    return _plan(folder, batches, format, wanted)


class RewriteJob:
    """Rewrites batches day by day; whatever stops it, each has its former file or its new one.

    A new file is written beside the former one, read back and compared. Then the catalog names the
    new one, the manifest of the day is published, and the former file is removed.

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
        self.rewritten = Rewritten()
        """Result so far, also after a failure."""

    def run(self) -> Rewritten:
        """Rewrite all batches that are due; what an earlier run has done is not done again.

        Raises:
            ArchiveInUse: another archive job is running.
            ArchiveError: a file cannot be written, or reads back differently; the former file
                stays, and the next run goes on.
            DataFolderError: logs.db cannot be read or written.
        """
        with changing(self._folder) as connection:
            tidy(self._folder, connection, self._files)
            publish_manifests(self._folder, connection, self._files)
            watermark, batches = read_watermark(connection), read_batches(connection)
            plan = _plan(self._folder, batches, self._encoding.format, self._wanted)
            known = {each.file for each in batches}
            done, total = 0, sum(each.rows for each in plan.due)
            for day, due in days_of(plan.due).items():
                former = []
                for batch in due:
                    if self._rewrite(connection, batch, known, watermark):
                        former.append(batch)
                    done += batch.rows
                    self._progress("rewritten", done, total)
                of_day = [each for each in read_batches(connection) if each.day == day]
                publish_manifest(self._folder, day, of_day, watermark, self._files)
                for batch in former:
                    self._files.remove(self._folder.archives / batch.file)
        return self.rewritten

    def _rewrite(
        self,
        connection: apsw.Connection,
        batch: ArchivedBatch,
        known: set[str],
        watermark: Watermark,
    ) -> bool:
        """Write and record the new file of a batch; return whether the former one may go."""
        try:
            logs = self._logs(batch)
        except ArchiveError as error:
            self.rewritten.faults.append(str(error))
            return False
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
            written, batch=batch.batch, rewritten_at=rewritten_at, rewritten_from=batch.origin
        )
        change_batches(connection, [row])
        known.add(row.file)
        result = self.rewritten
        result.batches += 1
        result.logs += row.rows
        result.before += batch.stored_bytes
        result.after += row.stored_bytes
        return True

    def _logs(self, batch: ArchivedBatch) -> pa.Table:
        """Return the logs in the verified file of a batch.

        Raises:
            ArchiveError: the file is missing or damaged, or does not hold what the catalog says.
        """
        name, content = self._reader.name(batch), self._reader.local_content(batch)
        logs = decoded(batch, content, name)
        found = as_found(batch, content, logs)
        day = strange_days(found)
        if differences := [*differing(found, batch), *([] if day is None else [day])]:
            raise ArchiveError(
                f"{name} does not hold what the catalog says, so it was left alone: "
                f"{'; '.join(differences)}"
            )
        return logs


def _plan(
    folder: DataFolder,
    batches: Iterable[ArchivedBatch],
    format: BatchFormat,  # noqa: A002 - the field's term
    wanted: Selection,
) -> Plan:
    due: list[ArchivedBatch] = []
    uploaded: list[ArchivedBatch] = []
    for batch in _earlier(folder, batches, format, wanted):
        (due if batch.uploaded_to is None else uploaded).append(batch)
    return Plan([each for of_day in days_of(due).values() for each in of_day], uploaded)


def _earlier(
    folder: DataFolder,
    batches: Iterable[ArchivedBatch],
    format: BatchFormat,  # noqa: A002 - the field's term
    wanted: Selection,
) -> Iterator[ArchivedBatch]:
    for batch in batches:
        if not (batch.is_kept and wanted.most(batch)):
            continue
        is_parquet = batch.format == format.name == PARQUET.name
        if batch.format != format.name or (
            is_parquet
            and (batch.filter_sha256 is None or _version(folder, batch) != format.version)
        ):
            yield batch


def _version(folder: DataFolder, batch: ArchivedBatch) -> str | None:
    """Return the version of a Parquet file; None if there is no local file that tells it.

    A local one is then read whole, and named if it is damaged.
    """
    if batch.local_removed_at is not None:
        return None
    try:
        return version_of(folder.archives / batch.file)
    except (pa.ArrowException, OSError, msgspec.DecodeError):
        return None
