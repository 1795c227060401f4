"""Pruning of old batches, local and in object storage; their catalog rows stay."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import apsw

from waterline.archive.ahead import read_whole_catalog
from waterline.archive.files import Files
from waterline.archive.jobs.exclusive import changing
from waterline.archive.jobs.remote_manifests import publish_remote_manifest
from waterline.archive.jobs.replaced_objects import remove_replaced
from waterline.archive.jobs.tidy import publish_manifests, tidy
from waterline.archive.manifest import days_of
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.archive.progress import Progress, silent
from waterline.archive.retention import due_batches
from waterline.clock import now_ms
from waterline.settings.keep import ArchiveKeep
from waterline.storage.catalog import ArchivedBatch, change_batches, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import read_watermark


@dataclass(frozen=True, slots=True)
class Pruned:
    """Result of a prune."""

    batches: int
    logs: int
    size: int
    """Bytes of the batch files; copies in object storage are not counted again."""


def plan_prune(folder: DataFolder, before: int) -> list[ArchivedBatch]:
    """Return the kept batches whose logs were all received before a moment; change nothing.

    Args:
        folder: the data folder.
        before: milliseconds UTC, exclusive.

    Raises:
        ArchiveError: logs.db is older than its archives.
        DataFolderError: logs.db is missing or cannot be read.
    """
    _, batches = read_whole_catalog(folder)
    return [each for each in batches if each.is_kept and each.last_received_at < before]


def plan_retention(
    folder: DataFolder, keep: ArchiveKeep, now: int, dedupe_window: int
) -> list[ArchivedBatch]:
    """Return the kept batches that exceed the bounds of `archive_keep`; change nothing.

    Args:
        folder: the data folder.
        keep: the bounds.
        now: milliseconds UTC.
        dedupe_window: milliseconds in which no batch goes.

    Raises:
        ArchiveError: logs.db is older than its archives.
        DataFolderError: logs.db is missing or cannot be read.
    """
    _, batches = read_whole_catalog(folder)
    return due_batches(batches, keep, now, dedupe_window)


def prune(
    folder: DataFolder,
    batches: Sequence[ArchivedBatch],
    *,
    files: Files | None = None,
    clock: Callable[[], int] = now_ms,
    progress: Progress = silent,
) -> Pruned:
    """Prune batches: record it, then remove local files, then copies in object storage.

    Once it is recorded no query reads them. If a prune is cut off, the next one removes the rest,
    also in object storage.

    Args:
        folder: the data folder; its server may run.
        batches: the planned batches; those pruned meanwhile are skipped.
        files: file operations.
        clock: returns milliseconds UTC.
        progress: called with the removed copies in object storage and the total.

    Raises:
        ArchiveInUse: another archive job is running.
        ArchiveError: a file cannot be removed or written.
        RemoteError: object storage refuses; local files are removed, the next run does the rest.
        UsageError: credentials for object storage are missing; likewise.
        DataFolderError: logs.db cannot be read or written.
    """
    files = files or Files()
    with changing(folder) as connection:
        # Before the record, after which nothing tells what a cut off rewrite left.
        tidy(folder, connection, files)
        chosen = _still_kept(connection, batches)
        if chosen:
            now = clock()
            change_batches(connection, [replace(each, pruned_at=now) for each in chosen])
        tidy(folder, connection, files)
        publish_manifests(folder, connection, files)
        try:
            finish_pruned_uploads(folder, connection, files, progress)
        finally:
            publish_manifests(folder, connection, files)
    return Pruned(
        batches=len(chosen),
        logs=sum(each.rows for each in chosen),
        size=sum(each.stored_bytes for each in chosen),
    )


def finish_pruned_uploads(
    folder: DataFolder, connection: apsw.Connection, files: Files, progress: Progress = silent
) -> int:
    """Remove the copies of pruned batches from object storage, and what a rewrite left there.

    The caller holds the archive lock, and publishes the local manifests afterwards.

    Args:
        folder: the data folder.
        connection: a connection that writes logs.db.
        files: file operations.
        progress: called with the removed copies and the total.

    Returns:
        Number of removed copies.

    Raises:
        RemoteError: object storage refuses; remaining copies stay recorded.
        UsageError: credentials for object storage are missing.
    """
    remove_replaced(folder, connection, files)
    batches = read_batches(connection)
    total, done = sum(map(_has_copy, batches)), 0
    buckets: dict[str, Bucket] = {}
    for day, of_day in days_of(batches).items():
        due = [each for each in of_day if _has_copy(each)]
        for address in sorted({each.uploaded_to for each in due if each.uploaded_to is not None}):
            if address not in buckets:
                buckets[address] = open_bucket(address)
            gone = [each for each in due if each.uploaded_to == address]
            of_day = _remove_copies(folder, connection, buckets[address], day, of_day, gone)
            done += len(gone)
            progress("removed from object storage", done, total)
    return done


def _remove_copies(
    folder: DataFolder,
    connection: apsw.Connection,
    bucket: Bucket,
    day: str,
    of_day: list[ArchivedBatch],
    gone: list[ArchivedBatch],
) -> list[ArchivedBatch]:
    """Remove the copies of some batches of a day; return the new rows of the day.

    Args:
        folder: the data folder.
        connection: a connection that writes logs.db.
        bucket: the bucket with the copies.
        day: such as 2026-11-23.
        of_day: all batches of the day.
        gone: the batches whose copies go.
    """
    watermark = read_watermark(connection)
    # First, so that no manifest ever names a missing file.
    publish_remote_manifest(bucket, folder, day, of_day, watermark)
    for batch in gone:
        bucket.delete(batch.file)
    changes = {each.batch: replace(each, uploaded_to=None) for each in gone}
    left = [changes.get(each.batch, each) for each in of_day]
    publish_remote_manifest(bucket, folder, day, left, watermark)
    change_batches(connection, changes.values())
    return left


def _has_copy(batch: ArchivedBatch) -> bool:
    """Return whether a batch is pruned and may still lie in object storage."""
    return not batch.is_kept and batch.uploaded_to is not None


def _still_kept(
    connection: apsw.Connection, batches: Iterable[ArchivedBatch]
) -> list[ArchivedBatch]:
    """Return the current rows of planned batches that are still kept."""
    planned = {(each.batch, each.origin) for each in batches}
    now = read_batches(connection)
    return [each for each in now if each.is_kept and (each.batch, each.origin) in planned]
