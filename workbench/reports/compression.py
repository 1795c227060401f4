"""The compression report: bytes of each archived batch, and of its logs as JSON."""

from collections.abc import Callable
from typing import Any, Final

import pandas as pd

from waterline.storage.catalog import ArchivedBatch
from workbench.query.archived import read_batches
from workbench.query.database import View
from workbench.query.session import Session

_MOMENT: Final = "datetime64[us, UTC]"

_REPORT: Final[dict[str, tuple[str, Callable[[ArchivedBatch], object]]]] = {
    "day": ("str", lambda batch: batch.day),
    "file": ("str", lambda batch: batch.file),
    "format": ("str", lambda batch: batch.format),
    "rows": ("int64", lambda batch: batch.rows),
    "raw_bytes": ("int64", lambda batch: batch.raw_bytes),
    "stored_bytes": ("int64", lambda batch: batch.stored_bytes),
    "ratio": ("float64", lambda batch: batch.ratio),
    "saved": ("float64", lambda batch: batch.saved),
    "first_seq": ("int64", lambda batch: batch.first_seq),
    "last_seq": ("int64", lambda batch: batch.last_seq),
    "first_timestamp": (_MOMENT, lambda batch: batch.first_timestamp),
    "last_timestamp": (_MOMENT, lambda batch: batch.last_timestamp),
    "archived_at": (_MOMENT, lambda batch: batch.archived_at),
    "place": ("str", lambda batch: place_of(batch)),
    "pruned_at": (_MOMENT, lambda batch: batch.pruned_at),
}
"""Dtype and value of a batch, by column."""


def batches(session: Session) -> pd.DataFrame:
    """Return the report of a session's archives; see `Workbench.compression`."""
    session.refuse_earlier()
    with session.database.view() as view:
        return compression(view)


def compression(view: View) -> pd.DataFrame:
    """Report the batches of the catalog, pruned ones too, ordered by seq.

    Args:
        view: a view of logs.db.

    Returns:
        A row a batch with the columns day, file (below the archives), format and place (`str`),
        rows, raw_bytes, stored_bytes, first_seq and last_seq (`int64`), ratio (raw over stored
        bytes) and saved (1 - stored over raw) (`float64`), first_timestamp, last_timestamp,
        archived_at and pruned_at (`datetime64[us, UTC]`; missing where it was not pruned).

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
    """
    known = read_batches(view)
    return pd.DataFrame(
        {
            name: _column([value_of(batch) for batch in known], dtype)
            for name, (dtype, value_of) in _REPORT.items()
        }
    )


def place(*, is_kept: bool, is_uploaded: bool, is_here: bool) -> str:
    """Return the place of a batch: `local`, `local+bucket`, `bucket` or `pruned`.

    Args:
        is_kept: whether it is not pruned.
        is_uploaded: whether object storage has it.
        is_here: whether its file is local.
    """
    if not is_kept:
        return "pruned"
    if not is_uploaded:
        return "local"
    return "local+bucket" if is_here else "bucket"


def place_of(batch: ArchivedBatch) -> str:
    """Return the place of a batch of the catalog; see `place`."""
    return place(
        is_kept=batch.is_kept,
        is_uploaded=batch.uploaded_to is not None,
        is_here=batch.local_removed_at is None,
    )


def _column(values: list[object], dtype: str) -> "pd.Series[Any]":
    if dtype != _MOMENT:
        return pd.Series(values, dtype=dtype)
    moments: pd.Series[Any] = pd.Series(values, dtype="datetime64[ms]")
    finer: pd.Series[Any] = moments.dt.as_unit("us").dt.tz_localize("UTC")
    return finer
