"""Pruning: old batches go for good, here and in object storage; their record stays for ever."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import apsw

from waterline.archive.ahead import read_whole_catalog
from waterline.archive.files import Files
from waterline.archive.jobs.exclusive import changing
from waterline.archive.jobs.remote_manifests import publish_remote_manifest
from waterline.archive.jobs.tidy import publish_manifests, tidy
from waterline.archive.manifest import days_of
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.archive.progress import Progress, silent
from waterline.clock import now_ms
from waterline.storage.catalog import ArchivedBatch, change_batches, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import read_watermark


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went for good."""

    batches: int
    logs: int
    size: int
    """Bytes of their files; copies in object storage are not counted again."""


def plan_prune(folder: DataFolder, before: int) -> list[ArchivedBatch]:
    """Return the batches all of whose logs were received before a moment; change nothing.

    Args:
        folder: the data folder.
        before: milliseconds UTC, exclusive.

    Raises:
        ArchiveError: logs.db is of an earlier time than its archives.
        DataFolderError: there are no logs, or logs.db cannot be read.
    """
    _, batches = read_whole_catalog(folder)
    return [each for each in batches if each.is_kept and each.last_received_at < before]


def prune(
    folder: DataFolder,
    batches: Sequence[ArchivedBatch],
    *,
    files: Files | None = None,
    clock: Callable[[], int] = now_ms,
    progress: Progress = silent,
) -> Pruned:
    """Record that batches are pruned, then remove their files, then their copies elsewhere.

    From the moment they are recorded no query reads them. Cut off after it, the next prune removes
    what is left; it also completes what an earlier one could not remove from object storage.

    Args:
        folder: the data folder; its server may run.
        batches: those of the plan; what is pruned already is left out.
        files: how files are written and removed.
        clock: returns milliseconds UTC.
        progress: is told of copies in object storage.

    Raises:
        ArchiveInUse: another archive job works on the folder.
        ArchiveError: a file cannot be removed or written.
        RemoteError: object storage refuses; all is done here, and the rest goes with the next run.
        UsageError: there are no credentials for object storage; the same.
        DataFolderError: logs.db cannot be read or written.
    """
    files = files or Files()
    with changing(folder) as connection:
        chosen = _still_kept(connection, batches)
        if chosen:
            now = clock()
            change_batches(connection, [replace(each, pruned_at=now) for each in chosen])
        tidy(folder, connection, files)
        publish_manifests(folder, connection, files)
        try:
            finish_pruned_uploads(folder, connection, progress)
        finally:
            publish_manifests(folder, connection, files)
    return Pruned(
        batches=len(chosen),
        logs=sum(each.rows for each in chosen),
        size=sum(each.stored_bytes for each in chosen),
    )


def finish_pruned_uploads(
    folder: DataFolder, connection: apsw.Connection, progress: Progress = silent
) -> int:
    """Remove the copies in object storage of all batches that are pruned.

    The caller holds the archive lock, and publishes the manifests here afterwards.

    Args:
        folder: the data folder.
        connection: one that writes logs.db.
        progress: is told how far it is.

    Returns:
        How many copies that were.

    Raises:
        RemoteError: object storage refuses; what it still has stays recorded.
        UsageError: there are no credentials for it.
    """
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
    """Remove copies of a day's batches; return what the catalog then says of the day."""
    watermark = read_watermark(connection)
    # First, so that no manifest ever promises a file that is not there.
    publish_remote_manifest(bucket, folder, day, of_day, watermark)
    for batch in gone:
        bucket.delete(batch.file)
    changes = {each.batch: replace(each, uploaded_to=None) for each in gone}
    left = [changes.get(each.batch, each) for each in of_day]
    publish_remote_manifest(bucket, folder, day, left, watermark)
    change_batches(connection, changes.values())
    return left


def _has_copy(batch: ArchivedBatch) -> bool:
    """Say whether a batch is pruned and object storage may still have it."""
    return not batch.is_kept and batch.uploaded_to is not None


def _still_kept(
    connection: apsw.Connection, batches: Iterable[ArchivedBatch]
) -> list[ArchivedBatch]:
    """Return those of a plan that are there to be pruned, as the catalog has them now."""
    planned = {(each.batch, each.sha256) for each in batches}
    now = read_batches(connection)
    return [each for each in now if each.is_kept and (each.batch, each.sha256) in planned]
