"""Tidying: what a job that was cut off has left, and manifests that lag behind the catalog."""

from pathlib import Path

import apsw

from waterline.archive.ahead import ahead_of, earlier
from waterline.archive.batch import batch_format, batch_number
from waterline.archive.codecs import decode
from waterline.archive.files import UNFINISHED_PREFIX, UNFINISHED_SUFFIX, Files
from waterline.archive.hot_rows import HotRows
from waterline.archive.manifest import days_of, manifest_of, parse_manifest
from waterline.archive.manifest_places import local_paths
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import Watermark, read_watermark


def tidy(folder: DataFolder, connection: apsw.Connection, files: Files) -> None:
    """Remove half-written files, batches that were never recorded, and those let go on purpose.

    Whatever else lies there is left alone.

    Raises:
        ArchiveError: a file cannot be read or removed.
    """
    # A folder may have been made by a job that was cut off before it was on the disk.
    for made in (folder.path, folder.archives, folder.manifests):
        if made.is_dir():
            files.sync_folder(made)
    rows = HotRows(connection)
    watermark, batches = read_watermark(connection), read_batches(connection)
    known = {each.file: each for each in batches}
    for day in folder.day_folders():
        for path in sorted(day.iterdir()):
            batch = known.get(f"{day.name}/{path.name}")
            if (
                _is_unfinished(path)
                or _is_let_go(batch)
                or (batch is None and _is_leftover(path, watermark, rows, files))
            ):
                files.remove(path)
    for path in sorted(folder.manifests.iterdir()) if folder.manifests.is_dir() else ():
        if _is_unfinished(path):
            files.remove(path)


def publish_manifests(folder: DataFolder, connection: apsw.Connection, files: Files) -> None:
    """Write the manifest of each day whose file is not what the catalog says.

    One that lies where it did in earlier versions is moved, unless the day was uploaded: then it
    shows that it may lie there in object storage too, until `remove_former_manifests`.

    Raises:
        ArchiveError: one cannot be written; or it tells of more than the catalog does.
    """
    watermark = read_watermark(connection)
    for day, batches in days_of(read_batches(connection)).items():
        paths, content = local_paths(folder, day, batches), manifest_of(day, batches, watermark)
        there = {path: files.read(path) for path in paths if path.exists()}
        for path, found in there.items():
            if found != content:
                _refuse_less(folder, path, found, watermark, batches)
        if there.get(paths.place) != content:
            files.publish(paths.place, content)
        if paths.former in there and not any(each.uploaded_to for each in batches):
            files.remove(paths.former)


def remove_former_manifests(
    folder: DataFolder, connection: apsw.Connection, files: Files, still_in: str | None
) -> None:
    """Remove the manifests that lie where they did in earlier versions, once published anew.

    Args:
        folder: the data folder.
        connection: one to its logs.db.
        files: how files are removed.
        still_in: a place in object storage; days with batches in it are left for its upload.

    Raises:
        ArchiveError: one cannot be removed.
    """
    for day, batches in days_of(read_batches(connection)).items():
        if still_in is None or still_in not in {each.uploaded_to for each in batches}:
            files.remove(local_paths(folder, day, batches).former)


def _refuse_less(
    folder: DataFolder,
    path: Path,
    content: bytes,
    watermark: Watermark,
    batches: list[ArchivedBatch],
) -> None:
    """See that what is written over a manifest, or in place of it, tells no less.

    Raises:
        ArchiveError: it would.
    """
    try:
        manifest = parse_manifest(content, str(path))
    except ArchiveError:
        return  # damaged: the catalog knows what belongs there
    if found := ahead_of([(str(path), manifest)], watermark.folder_id, batches):
        raise earlier(folder, found)


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(UNFINISHED_PREFIX) and path.name.endswith(UNFINISHED_SUFFIX)


def _is_let_go(batch: ArchivedBatch | None) -> bool:
    return batch is not None and (not batch.is_kept or batch.local_removed_at is not None)


def _is_leftover(path: Path, watermark: Watermark, rows: HotRows, files: Files) -> bool:
    """Say whether a batch is ours and was not recorded, and all its logs are still hot."""
    if batch_number(path.name) is None:
        return False
    content = files.read(path)
    try:
        contents = decode(content, batch_format(path.name))
    except ArchiveError:
        return False  # not what we write; `archive verify` names it
    logs = contents.logs
    if (
        contents.label is None
        or contents.label.folder_id != watermark.folder_id
        or not logs.num_rows
    ):
        return False
    first_seq, last_seq = logs["seq"][0].as_py(), logs["seq"][-1].as_py()
    # Else it may be the only copy: logs.db may have come back from a backup of before.
    return first_seq > watermark.archived_through and rows.holds(first_seq - 1, last_seq, logs)
