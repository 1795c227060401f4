"""Whether manifests tell of more than logs.db does: then it is of an earlier time than they are."""

from collections.abc import Collection, Iterable, Mapping
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
"""A manifest, and what to call it."""


def readable_manifests(
    folder: DataFolder, files: Files | None = None, days: Collection[str] | None = None
) -> list[Named]:
    """Return the manifests of a data folder, or of some days, that can be read.

    Whoever compares them with a catalog that a job may change meanwhile reads them first: what a
    manifest tells, the catalog has told before.
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
    """Return what manifests of a data folder tell and its catalog does not, a sentence each.

    Args:
        manifests: those of other data folders tell nothing of this one.
        folder_id: whose the catalog is.
        batches: all of the catalog.
        but_uploads: whether it does not matter that they tell of uploads.
    """
    known = {each.file: each for each in batches}
    return [
        f"{name} tells of {said}, and logs.db does not"
        for name, manifest in manifests
        if manifest.folder_id == folder_id
        for said in _unknown(manifest, known, but_uploads)
    ]


def refuse_ahead(
    folder: DataFolder, connection: apsw.Connection, manifests: Iterable[Named]
) -> None:
    """See that logs.db is not of an earlier time than its archives.

    Seqs would be given again, and the logs of batches that it does not know were in no answer.

    Args:
        folder: the data folder.
        connection: one to its logs.db.
        manifests: what `readable_manifests` returned before.

    Raises:
        ArchiveError: it is; nothing was changed.
        apsw.Error: logs.db cannot be read.
    """
    found = ahead_of(manifests, read_watermark(connection).folder_id, read_batches(connection))
    if found:
        raise earlier(folder, found)


def read_whole_catalog(folder: DataFolder) -> tuple[Watermark, list[ArchivedBatch]]:
    """Read watermark and catalog as `read_catalog` does, for whoever tells what is archived.

    Raises:
        ArchiveError: logs.db is of an earlier time than its archives.
        DataFolderError: there are no logs, or they cannot be read.
    """
    manifests = readable_manifests(folder)
    watermark, batches = read_catalog(folder)
    found = ahead_of(manifests, watermark.folder_id, batches)
    if found:
        raise earlier(folder, found)
    return watermark, batches


def refuse_earlier_logs(folder: DataFolder) -> None:
    """See the same for a folder that nobody has opened yet; one without a logs.db is new.

    Raises:
        ArchiveError: logs.db is of an earlier time than its archives; nothing was changed.
        DataFolderError: it cannot be read.
    """
    if not file_size(folder.logs):
        return
    manifests = readable_manifests(folder)
    with (
        closing(open_writer(folder.logs, LOGS, "FULL")) as connection,
        sqlite_errors(folder.logs),
    ):
        refuse_ahead(folder, connection, manifests)


def earlier(folder: DataFolder, found: list[str]) -> ArchiveError:
    """Return the error for what `ahead_of` has found."""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return ArchiveError(
        f"{folder.logs} is of an earlier time than its archives, such as a backup: {found[0]}"
        f"{more}; put the logs.db back that belongs to them, or move this one away and make it "
        "anew from the archives: waterline archive adopt, without files"
    )


def _unknown(
    manifest: Manifest, known: Mapping[str, ArchivedBatch], but_uploads: bool
) -> Iterable[str]:
    for told in manifest.batches:
        batch = known.get(told.file)
        if batch is None or batch.sha256 != told.sha256:
            yield f"{told.file} with seqs {told.first_seq} to {told.last_seq}"
        elif batch.is_kept and not told.is_kept:
            yield f"{told.file} that it was pruned"
        elif batch.is_kept and not batch.uploaded_to and told.uploaded_to and not but_uploads:
            yield f"{told.file} that it was uploaded to {told.uploaded_to}"
