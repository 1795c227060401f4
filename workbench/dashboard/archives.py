"""Sums up what is archived, anew only when the archives have changed."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Integer, Select, case, cast, func, select

from waterline.storage.tables import archive_batches, seam
from workbench.dashboard.snapshot import ARCHIVED_DAYS, ArchivedDay, ArchiveTotals
from workbench.query.database import View


class ArchivesReader:
    """Follows the catalog of one logs.db."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: the file is another."""
        self._past: tuple[str, int] | None = None
        self._archives = ArchiveTotals()

    def read(self, view: View) -> ArchiveTotals:
        """Return what is archived.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        ((incarnation, generation),) = view.rows(select(seam.c.incarnation, seam.c.generation))
        if self._past != (incarnation, generation):
            self._archives = _summed_up(view.rows(_BY_DAY))
            self._past = (incarnation, generation)
        return self._archives


def _by_day() -> Select[Any]:
    batch = archive_batches.c
    is_kept = batch.pruned_at.is_(None)
    is_only_uploaded = (
        is_kept & batch.uploaded_to.is_not(None) & batch.local_removed_at.is_not(None)
    )

    def total(value: Any, condition: Any) -> Any:  # noqa: ANN401 - SQL
        return cast(func.sum(case((condition, value), else_=0)), Integer)

    return (
        select(
            batch.day,
            total(batch.rows, is_kept),
            total(batch.raw_bytes, is_kept),
            total(batch.stored_bytes, is_kept),
            total(batch.rows, ~is_kept),
            total(1, is_kept),
            total(batch.stored_bytes, is_only_uploaded),
        )
        .group_by(batch.day)
        .order_by(batch.day.desc())
    )


_BY_DAY: Final = _by_day()


def _summed_up(rows: Sequence[tuple[Any, ...]]) -> ArchiveTotals:
    days = [ArchivedDay(*row[:5]) for row in rows]
    return ArchiveTotals(
        days=tuple(islice(days, ARCHIVED_DAYS)),
        older_days=max(0, len(days) - ARCHIVED_DAYS),
        batches=sum(row[5] for row in rows),
        logs=sum(each.logs for each in days),
        raw_bytes=sum(each.raw_bytes for each in days),
        stored_bytes=sum(each.stored_bytes for each in days),
        bucket_bytes=sum(row[6] for row in rows),
        pruned=sum(each.pruned for each in days),
    )
