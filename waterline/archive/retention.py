"""What `archive_keep` lets go, and for how long that was announced before it first acts."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from waterline.archive.files import Files
from waterline.errors import ArchiveError
from waterline.settings.keep import ArchiveKeep, show_keep
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from waterline.units import MILLISECONDS

NOTICE: Final = MILLISECONDS["d"]
"""Milliseconds for which `/health` names what will go before anything does."""


def due_batches(
    batches: Iterable[ArchivedBatch], keep: ArchiveKeep, now: int, dedupe_window: int
) -> list[ArchivedBatch]:
    """Return the kept batches that exceed a bound, the oldest first.

    A batch is pruned whole: by age once the last of its logs is due by the age of its type, by
    size if it is among the oldest. None goes within `dedupe_window`.

    Args:
        batches: the catalog.
        keep: the bounds.
        now: milliseconds UTC.
        dedupe_window: milliseconds.
    """
    kept = sorted(
        (each for each in batches if each.is_kept),
        key=lambda each: (each.last_received_at, each.first_seq),
    )
    old = [each for each in kept if each.last_received_at < now - dedupe_window]
    gone = {each.batch for each in old if _is_due(each, keep, now)}
    size = sum(each.stored_bytes for each in kept if each.batch not in gone)
    for batch in old:
        if keep.size is None or size <= keep.size:
            break
        if batch.batch not in gone:
            gone.add(batch.batch)
            size -= batch.stored_bytes
    return [each for each in old if each.batch in gone]


def _is_due(batch: ArchivedBatch, keep: ArchiveKeep, now: int) -> bool:
    """Return whether every type of a batch has an age that its last log exceeds."""
    ages = [keep.age_of(each) for each in batch.types]
    return all(each is not None and batch.last_received_at < now - each for each in ages)


class _Notice(msgspec.Struct, frozen=True):
    """Content of the file: the bounds as text, and how long what they let go was named."""

    keep: str
    shown: int
    """Milliseconds."""


def read_notice(folder: DataFolder, keep: ArchiveKeep) -> int:
    """Return the milliseconds for which these bounds were announced.

    A file that is missing, damaged or about other bounds is none, so that notice is given anew.
    """
    try:
        content = Files().read(folder.archive_notice)
        notice = msgspec.json.decode(content, type=_Notice)
    except (ArchiveError, msgspec.DecodeError):
        return 0
    return notice.shown if notice.keep == show_keep(keep) else 0


def write_notice(folder: DataFolder, keep: ArchiveKeep, shown: int) -> None:
    """Record for how long these bounds were announced.

    Args:
        folder: the data folder.
        keep: the bounds.
        shown: milliseconds.

    Raises:
        ArchiveError: the file cannot be written.
    """
    content = msgspec.json.encode(_Notice(show_keep(keep), shown))
    Files().publish(folder.archive_notice, content)


def days_of_receipt(batches: Sequence[ArchivedBatch]) -> str:
    """Return the days of some batches, such as `2026-03-17 to 2026-04-01`."""
    days = sorted(each.day for each in batches)
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
