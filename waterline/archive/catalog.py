"""The catalog of a folder in use: read at one moment, and whether it agrees with itself."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from waterline.archive.batch import batch_file, batch_number
from waterline.encoding import Format
from waterline.errors import DataFolderError
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import reading
from waterline.storage.watermark import Seam, read_seam


def row_fault(batch: ArchivedBatch) -> str | None:
    """Return what a batch's row says that no batch can be; None where it may be one."""
    if batch.format not in list(Format):
        return f"the catalog says that its format is {batch.format}, which there is none of"
    number = batch_number(batch.file)
    if number is None or batch.file != batch_file(batch.day, number, Format(batch.format)):
        return f"the catalog gives it a name that is not one of a batch of {batch.day}"
    if not 1 <= batch.rows <= batch.last_seq - batch.first_seq + 1:
        return (
            f"the catalog says that it holds {batch.rows} logs of the seqs {batch.first_seq} to "
            f"{batch.last_seq}"
        )
    return None


def seam_fault(batch: ArchivedBatch, seam: Seam) -> str | None:
    """Return what is wrong where the seam does not lie behind a batch; None where it does.

    Adopted batches may lie above it: their logs never were hot.
    """
    if batch.adopted_from is not None or batch.last_seq <= seam.archived_through:
        return None
    return (
        f"the catalog has it up to seq {batch.last_seq} and says that archived are only those up "
        f"to {seam.archived_through}"
    )


def overlaps(batches: Iterable[ArchivedBatch]) -> Iterator[tuple[ArchivedBatch, ArchivedBatch]]:
    """Give each pair of neighbours that claim the same seq, pruned ones too."""
    for one, next_one in pairwise(sorted(batches, key=lambda each: each.first_seq)):
        if next_one.first_seq <= one.last_seq:
            yield one, next_one


def read_catalog(folder: DataFolder) -> tuple[Seam, list[ArchivedBatch]]:
    """Read seam and catalog of a folder that may be in use, in one short view.

    Raises:
        DataFolderError: there are no logs, or they cannot be read.
    """
    if not folder.logs.exists():
        folder.refuse_file()
        raise DataFolderError(
            f"there are no logs in {folder.path}; name the data folder with --data"
        )
    with reading(folder.logs) as connection:
        connection.execute("BEGIN")
        version = connection.pragma("user_version")
        LOGS.check(folder.logs, connection.pragma("application_id"), version)
        if version < LOGS.version:
            raise DataFolderError(
                f"{folder.logs} has schema version {version}, this Waterline reads "
                f"{LOGS.version}; start its server once to bring it up to date"
            )
        return read_seam(connection), read_batches(connection)
