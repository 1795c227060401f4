"""Sums up the archives, anew only after a change of the catalog."""

from collections.abc import Sequence
from itertools import islice

from sqlalchemy import select

from waterline.storage.tables import seam
from workbench.query.database import View
from workbench.reports.archives import ArchivedDay, read_days
from workbench.snapshots.snapshot import ARCHIVED_DAYS, ArchiveTotals


class ArchivesReader:
    """Follows the catalog of one logs.db."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start again, as the file was replaced."""
        self._past: tuple[str, int] | None = None
        self._archives = ArchiveTotals()

    def read(self, view: View) -> ArchiveTotals:
        """Return the sums.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        ((incarnation, generation),) = view.rows(select(seam.c.incarnation, seam.c.generation))
        if self._past != (incarnation, generation):
            self._archives = _summed_up(read_days(view))
            self._past = (incarnation, generation)
        return self._archives


def _summed_up(days: Sequence[ArchivedDay]) -> ArchiveTotals:
    """Sum up days, given the oldest first."""
    return ArchiveTotals(
        days=tuple(islice(reversed(days), ARCHIVED_DAYS)),
        older_days=max(0, len(days) - ARCHIVED_DAYS),
        batches=sum(each.batches for each in days),
        logs=sum(each.logs for each in days),
        raw_bytes=sum(each.raw_bytes for each in days),
        stored_bytes=sum(each.stored_bytes for each in days),
        bucket_bytes=sum(each.bucket_bytes for each in days),
        pruned=sum(each.pruned for each in days),
    )
