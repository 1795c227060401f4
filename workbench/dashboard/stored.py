"""Counts what is stored: every log once, then only those above the last one counted."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import msgspec
from sqlalchemy import Select, func, select

from server.errors import DataFolderError
from server.store.tables import archive_batches, logs, seam
from workbench.dashboard.snapshot import Stored
from workbench.reading import View

# Some 20 ms of reading, so that no view holds the WAL back for long.
PAGE: Final = 20_000

OpenView = Callable[[], AbstractContextManager[View]]

_decode_counts: Final = msgspec.json.Decoder(dict[str, int]).decode


class StoredReader:
    """Follows the number of logs of one logs.db; the past is counted anew when it changes."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: the file is another."""
        self._past: tuple[str, int] | None = None
        self._types: Counter[str] = Counter()
        self._archived = 0
        self._first: int | None = None
        self._last: int | None = None
        self._counted_through = 0
        self._complete = False

    def read(self, open_view: OpenView, is_late: Callable[[], bool]) -> Stored:
        """Count on, page by page, a view each, until all is counted or it is late.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        while True:
            with open_view() as view:
                self._complete = self._count_page(view)
            if self._complete or is_late():
                return self._result()

    def _count_page(self, view: View) -> bool:
        self._begin_anew_where_the_past_changed(view)
        rows = view.rows(_page_after(self._counted_through))
        for log_type, count, first, last, seq in rows:
            self._add(log_type, count)
            self._span(first, last)
            self._counted_through = max(self._counted_through, seq)
        counts: list[int] = [row[1] for row in rows]
        return sum(counts) < PAGE

    def _begin_anew_where_the_past_changed(self, view: View) -> None:
        ((incarnation, generation, archived_through),) = view.rows(
            select(seam.c.incarnation, seam.c.generation, seam.c.archived_through)
        )
        if self._past == (incarnation, generation):
            return
        self.forget()
        self._past = (incarnation, generation)
        self._counted_through = archived_through
        for types, first, last in view.rows(_kept_batches()):
            for log_type, count in _counts_of_batch(types).items():
                self._add(log_type, count)
                self._archived += count
            self._span(first, last)

    def _add(self, log_type: str, count: int) -> None:
        self._types[log_type] += count

    def _span(self, first: int, last: int) -> None:
        self._first = first if self._first is None else min(self._first, first)
        self._last = last if self._last is None else max(self._last, last)

    def _result(self) -> Stored:
        return Stored(
            types=dict(self._types.most_common()),
            archived=self._archived,
            first_timestamp=self._first,
            last_timestamp=self._last,
            complete=self._complete,
        )


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


def _kept_batches() -> Select[Any]:
    columns = archive_batches.c
    kept = select(columns.types, columns.first_timestamp, columns.last_timestamp)
    return kept.where(columns.pruned_at.is_(None))


def _counts_of_batch(types: str) -> dict[str, int]:
    try:
        return _decode_counts(types)
    except msgspec.DecodeError as error:
        raise DataFolderError(f"logs.db holds a batch that is damaged: {error}") from error
