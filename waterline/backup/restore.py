"""Restore of a backup into a data folder of its own, with a new incarnation."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, cast

import pyarrow as pa

from waterline.archive.batch_formats import decode
from waterline.archive.files import Files, unfinished_name
from waterline.archive.jobs.tidy import publish_manifests
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import BatchReader, checked
from waterline.archive.sqlite_rows import remember_ids, sqlite_rows
from waterline.backup.blocks import write_database
from waterline.backup.hot_segments import read_segments
from waterline.backup.record import Record
from waterline.backup.repository import Repository
from waterline.encoding import format_named
from waterline.errors import ArchiveError, UsageError
from waterline.metrics.rollup_store import RollupStore
from waterline.storage.catalog import ArchivedBatch, found_catalog
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock, file_size
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import made_by, open_writer, reading, sqlite_errors, transaction
from waterline.storage.watermark import read_position, read_watermark

_ADD_LOG: Final = (
    "INSERT INTO logs (seq, id, type, timestamp, received_at, source, message, attributes) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_COLUMNS: Final = (
    *("seq", "id", "type", "timestamp", "received_at", "source", "message", "attributes"),
)


def restore_backup(
    repository: Repository,
    record: Record,
    into: Path,
    *,
    files: Files | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Restore a backup; a run that was cut off is completed by the next.

    Until the end the folder has a mark, with which no server starts on it. All seqs stay, and what
    was acked later is not there: so the incarnation is new, and pins and caches of the lost folder
    are refused.

    Args:
        repository: the backups.
        record: the one to restore.
        into: the folder to build: new, empty, or of the same restore.
        files: file operations.
        progress: called with the batches done and the total.

    Returns:
        A sentence for each batch that the backup lacks.

    Raises:
        UsageError: `into` holds something else, or logs that came in later, or is inside the place
            of the backups; nothing was changed.
        ArchiveError: a file of the backup is missing or damaged, or cannot be written.
        DataFolderInUse, ArchiveInUse: a server or a job is running on `into`.
        DataFolderError: the folder cannot be written.
    """
    target, files = DataFolder(into), files or Files()
    if repository.path is not None and into.resolve().is_relative_to(repository.path):
        raise UsageError(
            f"{into} is inside {repository}, which is for backups alone; name a folder elsewhere "
            "with --into"
        )
    mark = target.restoring
    _refuse_others(target, record)
    if not mark.is_file():
        target.create()
    with ServerLock(target), ArchiveLock(target):
        _refuse_other_logs(target, record)
        files.publish(mark, record.name.encode())
        _bring_batches(repository, record, target, files, progress)
        for name, content in record.settings.items():
            files.publish(into / name, content)
        logs = unfinished_name(target.logs)
        _remove_database(logs)
        incarnation = write_logs(repository, record, target, logs)
        if record.metrics is not None:
            metrics = unfinished_name(target.metrics)
            _remove_database(metrics)
            write_metrics(repository, record, metrics, incarnation)
            _publish(metrics, target.metrics, files)
        _publish(logs, target.logs, files)
        with (
            closing(open_writer(target.logs, LOGS, "FULL")) as connection,
            sqlite_errors(target.logs),
        ):
            publish_manifests(target, connection, files)
        files.remove(mark)
    return [*record.lacks.values()]


def write_logs(repository: Repository, record: Record, folder: DataFolder, path: Path) -> str:
    """Write a logs.db of its own with all that a backup says; return its incarnation.

    Args:
        repository: the backups.
        record: the one to restore.
        folder: has the files of the batches.
        path: the file to write.

    Raises:
        ArchiveError: a file of the backup is missing or damaged.
        DataFolderError: the database cannot be written.
    """
    with closing(open_writer(path, LOGS, "NORMAL")) as connection, sqlite_errors(path):
        found_catalog(connection, record.folder_id, record.batches, record.archived_through)
        stored = 0
        with transaction(connection):
            connection.executemany("INSERT INTO seq_gaps VALUES (?, ?, ?)", record.gaps)
            for logs in read_segments(record.hot, record.archived_through, repository.content):
                connection.executemany(_ADD_LOG, sqlite_rows(logs, _COLUMNS))
                stored += logs.num_rows
            since = record.taken_at - record.dedupe_window
            for logs in _late_batches(repository, record, folder, since):
                remember_ids(connection, logs, since)
        if stored != record.hot_rows:
            raise ArchiveError(
                f"the backup {record.name} in {repository} is damaged: it has {stored} hot logs "
                f"in place of {record.hot_rows}; restore an earlier one"
            )
        return read_watermark(connection).incarnation


def write_metrics(repository: Repository, record: Record, path: Path, incarnation: str) -> None:
    """Write the metrics.db of a backup, as that of the logs of an incarnation.

    Args:
        repository: the backups.
        record: the one to restore, which has measurements.
        path: the file to write.
        incarnation: incarnation of the restored logs.db.

    Raises:
        ArchiveError: a file of the backup is missing or damaged.
        DataFolderError: the database is damaged, or cannot be written.
    """
    assert record.metrics is not None
    write_database(record.metrics, lambda sha256: repository.content(sha256, "measurements"), path)
    with closing(RollupStore(path)) as measurements:
        measurements.rename_incarnation(record.incarnation, incarnation)


def _refuse_others(target: DataFolder, record: Record) -> None:
    mark = target.restoring
    if mark.is_file():
        begun = mark.read_text(errors="replace")
        if begun != record.name:
            raise UsageError(
                f"{target.path} was begun from the backup {begun}; name a new folder with --into"
            )
        return
    ours = {target.server_lock.name, target.archive_lock.name, unfinished_name(mark).name}
    if target.path.is_file() or (
        target.path.is_dir() and any(each.name not in ours for each in target.path.iterdir())
    ):
        raise UsageError(f"{target.path} is there and holds files; name a new folder with --into")


def _refuse_other_logs(target: DataFolder, record: Record) -> None:
    """Refuse a logs.db that this restore has not written, or that has taken logs since."""
    if not file_size(target.logs):
        return
    with reading(target.logs) as connection:
        kind, version = (
            cast("int", connection.pragma(each)) for each in ("application_id", "user_version")
        )
        LOGS.check(target.logs, kind, version, lambda: made_by(connection))
        folder_id, last_seq = (
            read_watermark(connection).folder_id,
            read_position(connection).last_seq,
        )
    if folder_id != record.folder_id or last_seq > record.last_seq:
        raise UsageError(
            f"{target.logs} holds logs that are not of the backup {record.name}; name a new folder "
            "with --into"
        )


def _bring_batches(
    repository: Repository, record: Record, target: DataFolder, files: Files, progress: Progress
) -> None:
    held = record.held
    for done, batch in enumerate(held, 1):
        path = target.archives / batch.file
        if not _is_sound(batch, path, files):
            files.publish(path, repository.content(batch.sha256, f"the batch {batch.file}"))
        progress("restored", done, len(held))


def _is_sound(batch: ArchivedBatch, path: Path, files: Files) -> bool:
    """Return whether an earlier run has brought the file of a batch."""
    if not path.exists():
        return False
    try:
        checked(batch, files.read(path), str(path))
    except ArchiveError:
        return False
    return True


def _late_batches(
    repository: Repository, record: Record, folder: DataFolder, since: int
) -> Iterator[pa.Table]:
    """Yield the logs of batches that have some received from a moment on."""
    reader = BatchReader(folder)
    for batch in record.batches:
        if not batch.is_kept or batch.last_received_at < since or batch.sha256 in record.lacks:
            continue
        if batch.local_removed_at is None:
            content = repository.content(batch.sha256, f"the batch {batch.file}")
            yield decode(content, format_named(batch.format)).logs
        else:
            yield reader.read(batch)


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _publish(path: Path, name: Path, files: Files) -> None:
    """Flush a database that is closed, and give it its name."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.rename(name)
    files.sync_folder(name.parent)
