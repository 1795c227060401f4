"""Logs as a Dask DataFrame: a partition a batch, and one of the hot logs."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from waterline.errors import UsageError
from waterline.parts import require
from workbench.frames import to_frame
from workbench.query.asking import Answering, Asking
from workbench.query.piece import Outcome, TakeColumns
from workbench.query.progress import warn_of
from workbench.query.question import Filters, refuse
from workbench.spreading.spread import Task

if TYPE_CHECKING:
    import dask.dataframe as dd


def partitioned(session: Asking, filters: Filters) -> "dd.DataFrame":
    """Return logs as a Dask DataFrame; see `Workbench.dask`."""
    require("dask", "wb.dask()")
    refuse(filters, "order", "limit")
    if not isinstance(session, Answering):
        raise UsageError(
            "wb.dask() is for a folder, whose archives Dask reads; of a server ask wb.iter_logs()"
        )
    question = session.question(filters)
    take = TakeColumns(question.columns)
    found = session.patiently(lambda: session.logs.pieces(question, take))
    warn_of(found.lacks)
    hot = _Hot(take(found.hot))
    makers: list[Task[Outcome[pa.Table]]] = [*found.pieces, hot]
    meta = to_frame(take(found.hot.slice(0, 0)))
    # Whoever does not ask for it does not load Dask.
    from workbench.spreading.frame import frame_of

    return frame_of(makers, _frame, meta)


@dataclass(frozen=True, slots=True)
class _Hot:
    """Makes the partition of hot logs."""

    table: pa.Table

    def __call__(self) -> Outcome[pa.Table]:
        """Return them."""
        return Outcome(self.table, None)

    def name(self) -> str:
        """Return what they are."""
        return "hot logs"

    def key(self) -> str:
        """Return a digest of them."""
        digest = hashlib.sha256()
        for batch in self.table.combine_chunks().to_batches():
            digest.update(batch.serialize())
        return digest.hexdigest()


def _frame(outcome: Outcome[pa.Table]) -> pd.DataFrame:
    if outcome.fault is not None:
        raise outcome.fault
    return to_frame(outcome.part)
