"""The archives, summed up by day: logs, bytes, places, and space saved."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import pandas as pd
from sqlalchemy import Integer, Select, cast, func, select

from waterline.storage.tables import archive_batches
from waterline.units import counted, human_size
from workbench.display import Line, as_html, as_html_table, as_text
from workbench.query.database import View
from workbench.query.session import Session
from workbench.reports.compression import place

# Days that a notebook shows; `days` has all.
_SHOWN: Final = 7


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """Archived logs that were received on one day, UTC."""

    day: str
    logs: int
    raw_bytes: int
    """Bytes of the logs as compact JSON."""
    stored_bytes: int
    pruned: int = 0
    """Number of logs that were archived and pruned; no other number has them."""
    bucket_bytes: int = 0
    """The part of stored_bytes that lies in object storage only."""
    places: Mapping[str, int] = field(default_factory=dict)
    """Number of batches by place, `pruned` ones too; see `place`."""

    @property
    def batches(self) -> int:
        """Number of batches that are kept."""
        return sum(self.places.values()) - self.pruned_batches

    @property
    def pruned_batches(self) -> int:
        """Number of batches that were pruned."""
        return self.places.get("pruned", 0)


def read_days(view: View) -> list[ArchivedDay]:
    """Sum up the catalog by day, the oldest first, without opening archive files.

    Args:
        view: a view of logs.db.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    return [
        _day(day, [*rows]) for day, rows in groupby(view.rows(_BY_DAY), key=lambda row: str(row[0]))
    ]


def _by_day() -> Select[Any]:
    batch = archive_batches.c
    lies = (
        batch.pruned_at.is_(None),
        batch.uploaded_to.is_not(None),
        batch.local_removed_at.is_(None),
    )
    amounts = (func.sum(each) for each in (batch.rows, batch.raw_bytes, batch.stored_bytes))
    counts = (func.count(), *(cast(each, Integer) for each in amounts))
    return select(batch.day, *lies, *counts).group_by(batch.day, *lies).order_by(batch.day)


_BY_DAY: Final = _by_day()


def _day(day: str, rows: Sequence[tuple[Any, ...]]) -> ArchivedDay:
    logs: Counter[str] = Counter()
    raw: Counter[str] = Counter()
    stored: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for _, is_kept, is_uploaded, is_here, *amounts in rows:
        lies = place(is_kept=bool(is_kept), is_uploaded=bool(is_uploaded), is_here=bool(is_here))
        for sums, amount in zip((places, logs, raw, stored), amounts, strict=True):
            sums[lies] += amount
    return ArchivedDay(
        day,
        logs=logs.total() - logs["pruned"],
        raw_bytes=raw.total() - raw["pruned"],
        stored_bytes=stored.total() - stored["pruned"],
        pruned=logs["pruned"],
        bucket_bytes=stored["bucket"],
        places=dict(places),
    )


@dataclass(frozen=True, slots=True)
class Archives:
    """The archives of a data folder, summed up; pruned batches are counted apart."""

    path: str
    """Folder of the local files."""
    days: pd.DataFrame
    """A row a day, UTC, the oldest first: day (`str`), batches, logs, raw_bytes (as compact JSON),
    stored_bytes (`int64`) and saved (1 - stored over raw; `float64`)."""
    places: dict[str, int]
    """Number of kept batches by place: `local`, `local+bucket` or `bucket`."""
    pruned_batches: int
    pruned_logs: int

    def lines(self) -> list[Line]:
        """Return lines of (what, how much)."""
        days = self.days
        sums = {name: int(days[name].sum()) for name in _COUNTS}
        lines = [
            ("archives", self.path),
            ("logs", f"{sums['logs']:,}"),
            ("batches", f"{sums['batches']:,}{_listed(self.places)}"),
        ]
        if len(days):
            lines += [
                ("from", days["day"].min()),
                ("to", days["day"].max()),
                ("on disk", _saving(sums["raw_bytes"], sums["stored_bytes"])),
            ]
        if self.pruned_batches:
            batches = "batch" if self.pruned_batches == 1 else "batches"
            logs = counted(self.pruned_logs, "log")
            lines.append(("pruned", f"{self.pruned_batches:,} {batches} with {logs}"))
        return lines

    def __repr__(self) -> str:
        return as_text(self.lines())

    def _repr_html_(self) -> str:
        shown = as_html("Waterline archives", self.lines())
        if self.days.empty:
            return shown
        last = self.days.tail(_SHOWN)
        caption = "by day" if len(last) == len(self.days) else f"the last {len(last)} days"
        names = ["day", "batches", "logs", "as JSON", "stored", "saved"]
        columns = [
            last["day"],
            last["batches"].map("{:,}".format),
            last["logs"].map("{:,}".format),
            last["raw_bytes"].map(human_size),
            last["stored_bytes"].map(human_size),
            last["saved"].map("{:.1%}".format),
        ]
        rows = zip(*columns, strict=True)
        return shown + as_html_table(caption, names, rows)


_COUNTS: Final = ("batches", "logs", "raw_bytes", "stored_bytes")


def archives(session: Session) -> Archives:
    """Sum up the archives of a session's folder; see `Workbench.archives`."""
    session.refuse_earlier()
    with session.database.view() as view:
        return read_archives(view, str(session.folder.archives))


def archived_days(session: Session) -> list[ArchivedDay]:
    """Return the days that have batches, the oldest first."""
    with session.database.view() as view:
        return [each for each in read_days(view) if each.batches]


def read_archives(view: View, path: str) -> Archives:
    """Sum up the catalog, without opening archive files.

    Args:
        view: a view of logs.db.
        path: folder of the local files.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    days = read_days(view)
    places: Counter[str] = Counter()
    for each in days:
        places.update(each.places)
    pruned_batches = places.pop("pruned", 0)
    return Archives(
        path=path,
        days=_frame([each for each in days if each.batches]),
        places=dict(sorted(places.items())),
        pruned_batches=pruned_batches,
        pruned_logs=sum(each.pruned for each in days),
    )


def _frame(days: Sequence[ArchivedDay]) -> pd.DataFrame:
    rows = [
        (
            each.day,
            each.batches,
            each.logs,
            each.raw_bytes,
            each.stored_bytes,
            1 - each.stored_bytes / each.raw_bytes,
        )
        for each in days
    ]
    frame = pd.DataFrame(rows, columns=["day", *_COUNTS, "saved"])
    return frame.astype({"day": "str", **dict.fromkeys(_COUNTS, "int64"), "saved": "float64"})


def _listed(places: dict[str, int]) -> str:
    told = ", ".join(f"{place} {count:,}" for place, count in places.items())
    return f": {told}" if told else ""


def _saving(raw: int, stored: int) -> str:
    return (
        f"{human_size(stored)} in place of {human_size(raw)} as JSON, {1 - stored / raw:.1%} saved"
    )
