"""Consistency of the catalog with itself, without opening any batch file."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from waterline.archive.batch import batch_file, batch_number
from waterline.encoding import FORMATS
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.watermark import Watermark


def row_fault(batch: ArchivedBatch) -> str | None:
    """Return what is impossible in a catalog row; None if it is possible."""
    if batch.format not in FORMATS:
        return f"the catalog gives it the unknown batch format {batch.format}"
    number = batch_number(batch.file)
    if number is None or batch.file != batch_file(batch.day, number, FORMATS[batch.format]):
        return f"the catalog gives it a name that no batch of {batch.day} has"
    if not 1 <= batch.rows <= batch.last_seq - batch.first_seq + 1:
        return (
            f"the catalog says that it holds {batch.rows} logs of the seqs {batch.first_seq} to "
            f"{batch.last_seq}"
        )
    return None


def watermark_fault(batch: ArchivedBatch, watermark: Watermark) -> str | None:
    """Return a fault if a batch lies above the watermark, else None.

    Adopted batches may lie above it, as their logs never were hot.
    """
    if batch.adopted_from is not None or batch.last_seq <= watermark.archived_through:
        return None
    return (
        f"the catalog has it up to seq {batch.last_seq} and says that archived are only those up "
        f"to {watermark.archived_through}"
    )


def overlaps(batches: Iterable[ArchivedBatch]) -> Iterator[tuple[ArchivedBatch, ArchivedBatch]]:
    """Yield each pair of neighbouring batches whose seqs overlap, pruned ones included."""
    for one, next_one in pairwise(sorted(batches, key=lambda each: each.first_seq)):
        if next_one.first_seq <= one.last_seq:
            yield one, next_one
