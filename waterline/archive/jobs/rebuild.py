"""Rebuild of a lost logs.db from manifests and batch files."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace

from waterline.archive.batch_formats import decode
from waterline.archive.consistency import overlaps
from waterline.archive.discover import Findings, find_archives
from waterline.archive.files import Files
from waterline.archive.jobs.comparison import as_found, differing, strange_days
from waterline.archive.jobs.tidy import publish_manifests
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import checked
from waterline.clock import now_ms
from waterline.encoding import format_named
from waterline.errors import ArchiveError, DataFolderError, RemoteError, UsageError
from waterline.storage.catalog import ArchivedBatch, found_catalog
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock, file_size
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, sqlite_errors


@dataclass(slots=True)
class Rebuilt:
    """Result of a rebuild. Faults and skipped are sentences that begin with a file."""

    batches: int = 0
    """Number of kept batches; pruned ones are recorded but not counted."""
    logs: int = 0
    """Number of logs in them."""
    size: int = 0
    """Bytes of their files."""
    faults: list[str] = field(default_factory=list)
    """Damaged or missing files. Their batches are recorded, and reading one raises."""
    corrected: list[str] = field(default_factory=list)
    """Batches whose manifest differed from their sound file."""
    skipped: list[str] = field(default_factory=list)
    """Batch files of other archives."""


def rebuild_catalog(
    folder: DataFolder,
    *,
    origin: str | None = None,
    skip_damaged: bool = False,
    files: Files | None = None,
    clock: Callable[[], int] = now_ms,
    progress: Progress = silent,
) -> Rebuilt:
    """Rebuild logs.db of a folder that has lost it, with all archived logs.

    Hot logs are lost with the old file. Every batch file is read, and its content is recorded even
    if a manifest differs. One transaction records all, so a run that is cut off changes nothing and
    can be repeated. Seqs and folder id stay. The incarnation is new, so earlier pins and caches are
    invalid.

    Args:
        folder: the data folder; its server must not run.
        origin: `s3://bucket/prefix` with uploaded batches, for those that are not local.
        skip_damaged: whether batches with damaged or missing files are recorded too.
        files: file operations.
        clock: returns milliseconds UTC.
        progress: called with the batches checked and the total.

    Raises:
        UsageError: logs.db has logs, there are no archives, or credentials for `origin` are
            missing.
        ArchiveError: files are damaged or missing without `skip_damaged`, or archives contradict
            each other. Nothing was changed.
        RemoteError: object storage refuses. Nothing was changed.
        DataFolderInUse, ArchiveInUse: a server or a job is running.
        DataFolderError: the folder or logs.db cannot be written.
    """
    files = files or Files()
    folder.create()
    with ServerLock(folder), ArchiveLock(folder):
        _refuse_unless_lost(folder)
        bucket = None if origin is None else open_bucket(origin)
        found = find_archives(folder, bucket, files)
        if not found.batches and not found.faults:
            raise UsageError(
                f"there are no archives in {origin or folder.archives}; "
                "name the data folder with --data, or object storage that has its batches"
            )
        rebuilt = _Check(folder, bucket, files, clock, progress).run(found)
        for one, other in overlaps(found.batches):
            raise ArchiveError(
                f"{one.file} and {other.file} both hold logs with seqs from {other.first_seq} on; "
                "put one of them and its manifest aside"
            )
        if rebuilt.faults and not (skip_damaged and found.batches):
            raise ArchiveError(
                "nothing was rebuilt, for files are damaged or missing: "
                + "; ".join(rebuilt.faults)
            )
        _record(folder, found, files)
    return rebuilt


class _Check:
    """Check of the files of all found batches."""

    def __init__(
        self,
        folder: DataFolder,
        bucket: Bucket | None,
        files: Files,
        clock: Callable[[], int],
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._bucket = bucket
        self._files = files
        self._clock = clock
        self._progress = progress
        self._buckets: dict[str, Bucket] = {}

    def run(self, found: Findings) -> Rebuilt:
        """Check each file, and update the findings with its content and location."""
        rebuilt = Rebuilt(faults=list(found.faults), skipped=found.skipped)
        for place, batch in enumerate(found.batches):
            if batch.is_kept:
                found.batches[place] = self._look_at(batch, rebuilt)
            self._progress("checked", place + 1, len(found.batches))
        return rebuilt

    def _look_at(self, batch: ArchivedBatch, rebuilt: Rebuilt) -> ArchivedBatch:
        try:
            located, content, name = self._located(batch)
            found = found_in(located, content, name)
        except RemoteError:
            raise
        except ArchiveError as error:
            rebuilt.faults.append(str(error))
            return batch
        if differences := differing(found, located):
            rebuilt.corrected.append(f"{name}: its manifest was wrong: {'; '.join(differences)}")
        rebuilt.batches += 1
        rebuilt.logs += found.rows
        rebuilt.size += batch.stored_bytes
        return found

    def _located(self, batch: ArchivedBatch) -> tuple[ArchivedBatch, bytes, str]:
        """Return a batch with its current location, the verified bytes, and path or URL.

        Raises:
            ArchiveError: the file is missing or damaged.
        """
        path = self._folder.archives / batch.file
        if path.exists():
            content = checked(batch, self._files.read(path), str(path))
            return replace(batch, local_removed_at=None), content, str(path)
        bucket = self._bucket_of(batch)
        if bucket is None:
            raise ArchiveError(f"{path} is missing; put a copy in its place")
        stored = bucket.head(batch.file)
        if stored is None:
            raise ArchiveError(f"{bucket.url(batch.file)} is missing; put a copy in its place")
        if stored.size != batch.stored_bytes:
            raise ArchiveError(
                f"{bucket.url(batch.file)} is damaged: it has {stored.size} bytes and was archived "
                f"with {batch.stored_bytes}; put a copy in its place"
            )
        name, now = bucket.url(batch.file), self._clock()
        content = checked(batch, bucket.get(batch.file), name)
        located = replace(
            batch,
            uploaded_to=bucket.address,
            uploaded_at=batch.uploaded_at or now,
            local_removed_at=batch.local_removed_at or now,
        )
        return located, content, name

    def _bucket_of(self, batch: ArchivedBatch) -> Bucket | None:
        if self._bucket is not None:
            return self._bucket
        address = batch.uploaded_to
        if address is None:
            return None
        if address not in self._buckets:
            self._buckets[address] = open_bucket(address)
        return self._buckets[address]


def found_in(batch: ArchivedBatch, content: bytes, name: str) -> ArchivedBatch:
    """Return a batch with its counts and bounds taken from its file.

    Args:
        batch: the row in a manifest.
        content: the verified bytes of the file.
        name: path or URL for errors.

    Raises:
        ArchiveError: the file has no logs, or logs of another day.
    """
    try:
        logs = decode(content, format_named(batch.format)).logs
    except ArchiveError as error:
        raise ArchiveError(f"{name} is damaged: {error}; put a copy in its place") from error
    if not logs.num_rows:
        raise ArchiveError(f"{name} holds no logs; put a copy in its place")
    found = as_found(batch, content, logs)
    if (day := strange_days(found)) is not None:
        raise ArchiveError(f"{name} is not what its manifest says: {day}; put a copy in its place")
    return found


def _refuse_unless_lost(folder: DataFolder) -> None:
    """Refuse a folder that still has logs.

    Raises:
        UsageError: logs.db has logs or batches.
        DataFolderError: a WAL is left that may hold logs.
    """
    path = folder.logs
    if not file_size(path):
        log = path.with_name(f"{path.name}-wal")
        if file_size(log):
            raise DataFolderError(
                f"{log} holds the last commits of a logs.db that is gone; put that back, or move "
                "the file elsewhere"
            )
        return
    with closing(open_writer(path, LOGS, "FULL")) as connection, sqlite_errors(path):
        holds_any = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM logs) OR EXISTS (SELECT 1 FROM archive_batches)"
        ).get
    if holds_any:
        raise UsageError(
            f"{path} is there and holds logs; only a folder that has lost it is rebuilt from its "
            "archives: name files of version 2.0 to adopt those"
        )


def _record(folder: DataFolder, found: Findings, files: Files) -> None:
    with closing(open_writer(folder.logs, LOGS, "FULL")) as connection, sqlite_errors(folder.logs):
        found_catalog(connection, found.folder_id, found.batches)
        publish_manifests(folder, connection, files)
