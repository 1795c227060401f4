"""Counts stored logs by type: all once, then only those above the last one counted."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Select, func, select

from waterline.errors import DataFolderError
from waterline.storage.tables import archive_batches, logs, seam
from workbench.query.database import View
from workbench.reports.holdings import TypeCounts, ranked
from workbench.snapshots.snapshot import StoredLogs

# Rows read in about 20 ms, so that no view holds the WAL back for long.
PAGE: Final = 20_000

OpenView = Callable[[], AbstractContextManager[View]]

_decode_counts: Final = msgspec.json.Decoder(dict[str, int]).decode


class StoredReader:
    """Follows the number of logs of one logs.db.

    Logs that move to the archives are not counted again. All are counted anew after the past was
    rewritten, or logs were pruned, as the first time may have changed.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start again, as the file or its past is another."""
        self._past: tuple[str, int] | None = None
        self._archived_through = 0
        self._pruned = 0
        self._archived = TypeCounts()
        # Logs that were archived since still count for the range of time.
        self._hot = TypeCounts()
        self._counted_through = 0
        self._complete = False

    def read(self, open_view: OpenView, is_late: Callable[[], bool]) -> StoredLogs:
        """Continue counting, a page a view, until all is counted or it is late.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        while True:
            with open_view() as view:
                self._complete = self._count_page(view)
            if self._complete or is_late():
                return self._result()

    def _count_page(self, view: View) -> bool:
        self._follow_the_archives(view)
        rows = view.rows(_page_after(self._counted_through))
        for log_type, count, first, last, seq in rows:
            self._hot.add({log_type: count}, first, last)
            self._counted_through = max(self._counted_through, seq)
        counts: list[int] = [row[1] for row in rows]
        return sum(counts) < PAGE

    def _follow_the_archives(self, view: View) -> None:
        ((incarnation, generation, archived_through),) = view.rows(
            select(seam.c.incarnation, seam.c.generation, seam.c.archived_through)
        )
        if self._past == (incarnation, generation):
            return
        batches = [_Batch(_counts_of_batch(row[0]), *row[1:]) for row in view.rows(_batches())]
        pruned = sum(not each.is_kept for each in batches)
        if self._past is None or self._past[0] != incarnation or self._pruned != pruned:
            self.forget()
        if self._counted_through > archived_through:
            self._move_out(batches, archived_through)
        else:
            self._hot = TypeCounts()
            self._counted_through = archived_through
        self._archived = TypeCounts()
        for each in batches:
            if each.is_kept:
                self._archived.add(each.types, each.first_timestamp, each.last_timestamp)
        self._past = (incarnation, generation)
        self._archived_through, self._pruned = archived_through, pruned

    def _move_out(self, batches: Iterable["_Batch"], archived_through: int) -> None:
        """Subtract logs archived since from the hot ones; adopted batches never were hot."""
        moved = range(self._archived_through + 1, archived_through + 1)
        for each in batches:
            if each.first_seq in moved and not each.is_adopted:
                self._hot.types.subtract(each.types)

    def _result(self) -> StoredLogs:
        both = (self._archived, self._hot)
        return StoredLogs(
            types=ranked(+self._archived.types + self._hot.types),
            archived=self._archived.types.total(),
            first_timestamp=min(
                (each.first for each in both if each.first is not None), default=None
            ),
            last_timestamp=max((each.last for each in both if each.last is not None), default=None),
            complete=self._complete,
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """The part of a batch in the catalog that is counted."""

    types: Mapping[str, int]
    first_seq: int
    first_timestamp: int
    last_timestamp: int
    pruned_at: int | None
    is_adopted: int

    @property
    def is_kept(self) -> bool:
        return self.pruned_at is None


def _page_after(seq: int) -> Select[Any]:
    page = select(logs.c.seq, logs.c.type, logs.c.timestamp).where(logs.c.seq > seq)
    of_page = page.order_by(logs.c.seq).limit(PAGE).subquery().c
    return select(
        of_page.type,
        func.count(),
        func.min(of_page.timestamp),
        func.max(of_page.timestamp),
        func.max(of_page.seq),
    ).group_by(of_page.type)


def _batches() -> Select[Any]:
    columns = archive_batches.c
    return select(
        columns.types,
        columns.first_seq,
        columns.first_timestamp,
        columns.last_timestamp,
        columns.pruned_at,
        # Not the text itself: ADBC takes a column that begins with NULL for numbers.
        columns.adopted_from.is_not(None),
    )


def _counts_of_batch(types: str) -> dict[str, int]:
    try:
        return _decode_counts(types)
    except msgspec.DecodeError as error:
        raise DataFolderError(f"logs.db holds a batch that is damaged: {error}") from error
