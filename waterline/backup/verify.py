"""Verification of a backup by restoring it: databases in full, batches as far as their logs."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from waterline.archive.progress import Progress, silent
from waterline.archive.reader import checked, decoded
from waterline.backup.record import Record
from waterline.backup.repository import Repository
from waterline.backup.restore import write_logs, write_metrics
from waterline.errors import ArchiveError, DataFolderError
from waterline.storage.folder import DataFolder
from waterline.storage.integrity import faults_in
from waterline.storage.sqlite import open_reader, sqlite_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Result of a verification."""

    logs: int
    """Number of logs that were read, hot and archived."""
    faults: list[str]
    """A sentence for each file that is missing or damaged."""


def verify_backup(
    repository: Repository, record: Record, *, progress: Progress = silent
) -> Verified:
    """Read all of a backup: decode each batch, and restore both databases in a temporary folder.

    Args:
        repository: the backups.
        record: the one to verify.
        progress: called with the batches done and the total.

    Raises:
        DataFolderError: no temporary folder can be written.
    """
    faults, logs = [*record.lacks.values()], 0
    held = record.held
    for done, batch in enumerate(held, 1):
        name = f"the batch {batch.file}"
        try:
            content = checked(batch, repository.content(batch.sha256, name), name)
            logs += decoded(batch, content, name).num_rows
        except ArchiveError as error:
            faults.append(str(error))
        progress("verified", done, len(held))
    try:
        logs += _restored(repository, record)
    except (ArchiveError, DataFolderError) as error:
        # Ids of young batches are needed too, so it may be one that is told already.
        if str(error) not in faults:
            faults.append(str(error))
    return Verified(logs=logs, faults=faults)


def _restored(repository: Repository, record: Record) -> int:
    """Restore both databases; return the number of hot logs."""
    try:
        with TemporaryDirectory(prefix="waterline-") as elsewhere:
            folder = DataFolder(Path(elsewhere))
            incarnation = write_logs(repository, record, folder, folder.logs)
            _check(folder.logs)
            if record.metrics is not None:
                write_metrics(repository, record, folder.metrics, incarnation)
                _check(folder.metrics)
    except OSError as error:
        raise DataFolderError(
            f"no temporary file can be written: {error.strerror}; make room, or set TMPDIR"
        ) from error
    return record.hot_rows


def _check(path: Path) -> None:
    with closing(open_reader(path)) as connection, sqlite_errors(path):
        faults = faults_in(connection)
    if faults:
        raise ArchiveError(f"the restored {path.name} is damaged: {faults[0]}")
