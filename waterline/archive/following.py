"""Following a batch that another job moves while it is read: to object storage, or away."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch

T = TypeVar("T")


def follow(
    batch: ArchivedBatch,
    read: Callable[[ArchivedBatch], T],
    catalog: Callable[[], Iterable[ArchivedBatch]],
) -> T:
    """Read a batch, and where that fails once more if the catalog says by now that it moved.

    Args:
        batch: as the catalog said when it was planned.
        read: reads it from where it is said to lie.
        catalog: returns what the catalog says now.

    Raises:
        ArchiveError: it was pruned meanwhile, or it has not moved and its file is missing or
            damaged.
    """
    try:
        return read(batch)
    except ArchiveError as error:
        now = next((each for each in catalog() if each.batch == batch.batch), None)
        if now == batch:
            raise
        if now is None or not now.is_kept:
            raise ArchiveError(
                f"{batch.file} was pruned while it was to be read; run the command again"
            ) from error
    return read(now)
