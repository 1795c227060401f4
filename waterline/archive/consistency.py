"""Consistency of a catalog in itself: what its rows may say, seen without opening a file."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from waterline.archive.batch import batch_file, batch_number
from waterline.encoding import FORMATS
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.watermark import Watermark


def row_fault(batch: ArchivedBatch) -> str | None:
    """Return what a batch's row says that no batch can be; None where it may be one."""
    if batch.format not in FORMATS:
        return f"the catalog says that its format is {batch.format}, which there is none of"
    number = batch_number(batch.file)
    if number is None or batch.file != batch_file(batch.day, number, FORMATS[batch.format]):
        return f"the catalog gives it a name that is not one of a batch of {batch.day}"
    if not 1 <= batch.rows <= batch.last_seq - batch.first_seq + 1:
        return (
            f"the catalog says that it holds {batch.rows} logs of the seqs {batch.first_seq} to "
            f"{batch.last_seq}"
        )
    return None


def watermark_fault(batch: ArchivedBatch, watermark: Watermark) -> str | None:
    """Return what is wrong where the watermark does not lie behind a batch; None where it does.

    Adopted batches may lie above it: their logs never were hot.
    """
    if batch.adopted_from is not None or batch.last_seq <= watermark.archived_through:
        return None
    return (
        f"the catalog has it up to seq {batch.last_seq} and says that archived are only those up "
        f"to {watermark.archived_through}"
    )


def overlaps(batches: Iterable[ArchivedBatch]) -> Iterator[tuple[ArchivedBatch, ArchivedBatch]]:
    """Give each pair of neighbours that claim the same seq, pruned ones too."""
    for one, next_one in pairwise(sorted(batches, key=lambda each: each.first_seq)):
        if next_one.first_seq <= one.last_seq:
            yield one, next_one
