"""Cleanup after interrupted jobs, and publication of local manifests."""

from pathlib import Path

import apsw
import pyarrow as pa

from waterline.archive.ahead import ahead_of, earlier
from waterline.archive.batch import batch_format, batch_number
from waterline.archive.batch_formats import decode
from waterline.archive.files import UNFINISHED_PREFIX, UNFINISHED_SUFFIX, Files
from waterline.archive.hot_rows import HotRows
from waterline.archive.manifest import days_of, manifest_of, parse_manifest
from waterline.archive.manifest_places import local_paths
from waterline.archive.reader import checked, decoded
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import Watermark, read_watermark


def tidy(folder: DataFolder, connection: apsw.Connection, files: Files) -> None:
    """Remove unfinished files, unrecorded batches, and files of batches that are pruned or moved.

    Unrecorded is what a cut off run wrote, and what a cut off rewrite left beside the batch.

    All other files stay.

    Args:
        folder: the data folder.
        connection: a connection to its logs.db.
        files: file operations.

    Raises:
        ArchiveError: a file cannot be read or removed.
    """
    # An interrupted job may have made a folder that was never flushed.
    for made in (folder.path, folder.archives, folder.manifests):
        if made.is_dir():
            files.sync_folder(made)
    watermark, batches = read_watermark(connection), read_batches(connection)
    is_leftover = _Leftovers(folder, watermark, HotRows(connection), files).holds
    known = {each.file: each for each in batches}
    for day in folder.day_folders():
        for path in sorted(day.iterdir()):
            batch = known.get(f"{day.name}/{path.name}")
            if (
                _is_unfinished(path)
                or _is_let_go(batch)
                or (batch is None and is_leftover(path, batches))
            ):
                files.remove(path)
    for path in sorted(folder.manifests.iterdir()) if folder.manifests.is_dir() else ():
        if _is_unfinished(path):
            files.remove(path)


def publish_manifests(folder: DataFolder, connection: apsw.Connection, files: Files) -> None:
    """Write the manifest of each day that differs from the catalog.

    A manifest at the place of earlier versions is moved. If the day was uploaded it stays until
    `remove_former_manifests`, as a sign that object storage may have one there too.

    Args:
        folder: the data folder.
        connection: a connection to its logs.db.
        files: file operations.

    Raises:
        ArchiveError: a manifest cannot be written, or knows more than the catalog.
    """
    watermark = read_watermark(connection)
    for day, batches in days_of(read_batches(connection)).items():
        publish_manifest(folder, day, batches, watermark, files)


def publish_manifest(
    folder: DataFolder,
    day: str,
    batches: list[ArchivedBatch],
    watermark: Watermark,
    files: Files,
) -> None:
    """Write the manifest of a day if it differs from the catalog; see `publish_manifests`.

    Args:
        folder: the data folder.
        day: such as 2026-11-23.
        batches: all batches of the day in the catalog.
        watermark: has the id of the data folder.
        files: file operations.

    Raises:
        ArchiveError: the manifest cannot be written, or knows more than the catalog.
    """
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
    """Remove the manifests at the places of earlier versions, after they were published anew.

    Args:
        folder: the data folder.
        connection: a connection to its logs.db.
        files: file operations.
        still_in: address of object storage; days with batches there are left to the upload.

    Raises:
        ArchiveError: a manifest cannot be removed.
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
    """Refuse to replace a manifest that knows more than the catalog.

    Raises:
        ArchiveError: it knows more.
    """
    try:
        manifest = parse_manifest(content, str(path))
    except ArchiveError:
        return  # damaged, and written anew from the catalog
    if found := ahead_of([(str(path), manifest)], watermark.folder_id, batches):
        raise earlier(folder, found)


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(UNFINISHED_PREFIX) and path.name.endswith(UNFINISHED_SUFFIX)


def _is_let_go(batch: ArchivedBatch | None) -> bool:
    return batch is not None and (not batch.is_kept or batch.local_removed_at is not None)


class _Leftovers:
    """Judges batch files that the catalog does not know.

    Args:
        folder: the data folder.
        watermark: its watermark.
        rows: its hot logs.
        files: file operations.
    """

    def __init__(
        self, folder: DataFolder, watermark: Watermark, rows: HotRows, files: Files
    ) -> None:
        self._folder = folder
        self._watermark = watermark
        self._rows = rows
        self._files = files

    def holds(self, path: Path, batches: list[ArchivedBatch]) -> bool:
        """Return whether all logs of an unrecorded batch of this folder are hot or recorded.

        Args:
            path: the file.
            batches: the catalog.
        """
        if batch_number(path.name) is None:
            return False
        content = self._files.read(path)
        try:
            contents = decode(content, batch_format(path.name))
        except ArchiveError:
            return False  # no batch of ours; `archive verify` names it
        logs = contents.logs
        if (
            contents.label is None
            or contents.label.folder_id != self._watermark.folder_id
            or not logs.num_rows
        ):
            return False
        first_seq, last_seq = logs["seq"][0].as_py(), logs["seq"][-1].as_py()
        # Otherwise it may be the only copy, as logs.db may be a restored backup.
        if first_seq > self._watermark.archived_through and self._rows.holds(
            first_seq - 1, last_seq, logs
        ):
            return True
        return any(
            (each.first_seq, each.last_seq) == (first_seq, last_seq) and self._has(each, logs)
            for each in batches
        )

    def _has(self, batch: ArchivedBatch, logs: pa.Table) -> bool:
        """Return whether the sound local file of a batch holds exactly these logs."""
        path = self._folder.archives / batch.file
        if _is_let_go(batch) or not path.exists():
            return False
        content = self._files.read(path)
        try:
            return bool(decoded(batch, checked(batch, content, str(path)), str(path)).equals(logs))
        except ArchiveError:
            return False
