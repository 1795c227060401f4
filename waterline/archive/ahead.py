"""Detection of a logs.db that is older than the manifests beside it, such as a restored backup."""

from collections.abc import Collection, Iterable
from contextlib import closing

import apsw

from waterline.archive.catalog import read_catalog
from waterline.archive.files import Files
from waterline.archive.manifest import Manifest, parse_manifest
from waterline.archive.manifest_places import manifests_here
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder, file_size
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, sqlite_errors
from waterline.storage.watermark import Watermark, read_watermark

Named = tuple[str, Manifest]
"""Path or URL of a manifest, and the manifest."""


def readable_manifests(
    folder: DataFolder, files: Files | None = None, days: Collection[str] | None = None
) -> list[Named]:
    """Return the readable manifests of a data folder.

    Read them before the catalog. A job changes the catalog first, so a catalog that was read later
    knows all that a manifest says.

    Args:
        folder: the data folder.
        files: file operations.
        days: the days to read; None is all.
    """
    files, found = files or Files(), []
    for day, path in manifests_here(folder):
        if days is not None and day not in days:
            continue
        try:
            found.append((str(path), parse_manifest(files.read(path), str(path))))
        except ArchiveError:
            continue  # `archive verify` names it
    return found


def ahead_of(
    manifests: Iterable[Named],
    folder_id: str,
    batches: Iterable[ArchivedBatch],
    *,
    but_uploads: bool = False,
) -> list[str]:
    """Return one sentence for each fact in a manifest that the catalog lacks.

    Args:
        manifests: those of other data folders are ignored.
        folder_id: id of the data folder of the catalog.
        batches: the whole catalog.
        but_uploads: whether unknown uploads are ignored.
    """
    known = _Known(batches)
    return [
        f"{name} tells of {said}, and logs.db does not"
        for name, manifest in manifests
        if manifest.folder_id == folder_id
        for said in _unknown(manifest, known, but_uploads)
    ]


def refuse_ahead(
    folder: DataFolder, connection: apsw.Connection, manifests: Iterable[Named]
) -> None:
    """Refuse a logs.db that is older than its archives.

    Such a logs.db would reuse seqs, and answers would lack the batches that it does not know.

    Args:
        folder: the data folder.
        connection: a connection to its logs.db.
        manifests: what `readable_manifests` returned earlier.

    Raises:
        ArchiveError: logs.db is older; nothing was changed.
        apsw.Error: logs.db cannot be read.
    """
    found = ahead_of(manifests, read_watermark(connection).folder_id, read_batches(connection))
    if found:
        raise earlier(folder, found)


def read_whole_catalog(folder: DataFolder) -> tuple[Watermark, list[ArchivedBatch]]:
    """Return watermark and catalog, after a check that logs.db is not older than the archives.

    Raises:
        ArchiveError: logs.db is older than its archives.
        DataFolderError: logs.db is missing or cannot be read.
    """
    manifests = readable_manifests(folder)
    watermark, batches = read_catalog(folder)
    found = ahead_of(manifests, watermark.folder_id, batches)
    if found:
        raise earlier(folder, found)
    return watermark, batches


def refuse_earlier_logs(folder: DataFolder) -> None:
    """Refuse a folder, not open yet, whose logs.db is older than its archives.

    A folder without logs.db is new and passes.

    Raises:
        ArchiveError: logs.db is older; nothing was changed.
        DataFolderError: logs.db cannot be read.
    """
    if not file_size(folder.logs):
        return
    manifests = readable_manifests(folder)
    with (
        closing(open_writer(folder.logs, LOGS, "FULL")) as connection,
        sqlite_errors(folder.logs),
    ):
        refuse_ahead(folder, connection, manifests)


def earlier(folder: DataFolder, found: list[str], origin: str | None = None) -> ArchiveError:
    """Return the error for the findings of `ahead_of`.

    Args:
        folder: the data folder.
        found: the findings, at least one.
        origin: the address of the archives in object storage; None for those of the folder.
    """
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return ArchiveError(
        f"{folder.logs} is older than its archives, such as a backup: {found[0]}"
        f"{more}; put the logs.db back that belongs to them, or stop the server and let this one "
        f"take in what it lacks: waterline archive adopt{f' --from {origin}' if origin else ''}, "
        "without files"
    )


class _Known:
    """Batches of a catalog, found by what a manifest tells."""

    def __init__(self, batches: Iterable[ArchivedBatch]) -> None:
        self._by_file = {each.file: each for each in batches}
        self._by_origin = {each.origin: each for each in self._by_file.values()}

    def get(self, told: ArchivedBatch) -> ArchivedBatch | None:
        """Return the batch that a manifest tells of, also if it was rewritten since."""
        batch = self._by_file.get(told.file)
        if batch is not None and batch.sha256 == told.sha256:
            return batch
        batch = self._by_origin.get(told.origin)
        return batch if batch is not None and batch.is_rewrite_of(told) else None


def _unknown(manifest: Manifest, known: _Known, but_uploads: bool) -> Iterable[str]:
    for told in manifest.batches:
        batch = known.get(told)
        if batch is None:
            yield f"{told.file} with seqs {told.first_seq} to {told.last_seq}"
        elif batch.is_kept and not told.is_kept:
            yield f"{told.file} that it was pruned"
        elif batch.is_kept and not batch.uploaded_to and told.uploaded_to and not but_uploads:
            yield f"{told.file} that it was uploaded to {told.uploaded_to}"
