"""Tidying: what a job that was cut off has left, and manifests that lag behind the catalog."""

from pathlib import Path

import apsw

from server.archive.files import UNFINISHED_PREFIX, UNFINISHED_SUFFIX, Files
from server.archive.formats import decode
from server.archive.hot_rows import HotRows
from server.archive.manifest import NAME, days_of, manifest_of
from server.archive.names import batch_format, batch_number
from server.errors import ArchiveError
from server.store.catalog import ArchivedBatch, read_batches
from server.store.folder import DataFolder
from server.store.seam import Seam, read_seam


def tidy(folder: DataFolder, connection: apsw.Connection, files: Files) -> None:
    """Remove half-written files, batches that were never recorded, and those let go on purpose.

    Whatever else lies there is left alone.

    Raises:
        ArchiveError: a file cannot be read or removed.
    """
    # A folder may have been made by a job that was cut off before it was on the disk.
    for made in (folder.path, folder.archives):
        if made.is_dir():
            files.sync_folder(made)
    rows = HotRows(connection)
    seam, batches = read_seam(connection), read_batches(connection)
    known = {each.file: each for each in batches}
    for day in folder.day_folders():
        for path in sorted(day.iterdir()):
            batch = known.get(f"{day.name}/{path.name}")
            if (
                _is_unfinished(path)
                or _is_let_go(batch)
                or (batch is None and _is_leftover(path, seam, rows, files))
            ):
                files.remove(path)


def publish_manifests(folder: DataFolder, connection: apsw.Connection, files: Files) -> None:
    """Write the manifest of each day whose file is not what the catalog says.

    Raises:
        ArchiveError: one cannot be written.
    """
    seam = read_seam(connection)
    for day, batches in days_of(read_batches(connection)).items():
        path, content = folder.archives / day / NAME, manifest_of(day, batches, seam)
        if not path.exists() or files.read(path) != content:
            files.publish(path, content)


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(UNFINISHED_PREFIX) and path.name.endswith(UNFINISHED_SUFFIX)


def _is_let_go(batch: ArchivedBatch | None) -> bool:
    return batch is not None and (not batch.is_kept or batch.local_removed_at is not None)


def _is_leftover(path: Path, seam: Seam, rows: HotRows, files: Files) -> bool:
    """Say whether a batch is ours and was not recorded, and all its logs are still hot."""
    if batch_number(path.name) is None:
        return False
    content = files.read(path)
    try:
        contents = decode(content, batch_format(path.name))
    except ArchiveError:
        return False  # not what we write; `archive verify` names it
    logs = contents.logs
    if contents.label is None or contents.label.folder_id != seam.folder_id or not logs.num_rows:
        return False
    first_seq, last_seq = logs["seq"][0].as_py(), logs["seq"][-1].as_py()
    # Else it may be the only copy: logs.db may have come back from a backup of before.
    return first_seq > seam.archived_through and rows.holds(first_seq - 1, last_seq, logs)
