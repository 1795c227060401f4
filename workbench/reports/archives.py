"""What is archived, summed up: how much, from which days, where it lies, and what it saves."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import pandas as pd

from waterline.storage.catalog import ArchivedBatch
from waterline.units import counted, human_size
from workbench.display import Line, as_html, as_html_table, as_text
from workbench.query.archived import read_batches
from workbench.query.database import View
from workbench.reports.compression import place_of

# So many days are shown; `days` has all.
_SHOWN: Final = 7


@dataclass(frozen=True, slots=True)
class Archives:
    """The batches of a data folder, summed up; pruned ones count apart."""

    path: str
    """Where the local ones lie."""
    days: pd.DataFrame
    """A row a day, UTC, the oldest first: day (`str`), batches, logs, raw_bytes (as compact JSON),
    stored_bytes (`int64`) and saved (1 - stored over raw; `float64`)."""
    places: dict[str, int]
    """Batches that are `local`, `local+bucket`, or in the `bucket` alone."""
    pruned_batches: int
    pruned_logs: int

    def lines(self) -> list[Line]:
        """Return what there is to tell, as (what, how much)."""
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


def read_archives(view: View, path: str) -> Archives:
    """Sum up the catalog; no archive file is opened.

    Args:
        view: of logs.db.
        path: where the local files lie.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
    """
    batches = read_batches(view)
    kept = [each for each in batches if each.is_kept]
    pruned = [each for each in batches if not each.is_kept]
    return Archives(
        path=path,
        days=_by_day(kept),
        places=dict(sorted(Counter(map(place_of, kept)).items())),
        pruned_batches=len(pruned),
        pruned_logs=sum(each.rows for each in pruned),
    )


def _by_day(batches: Iterable[ArchivedBatch]) -> pd.DataFrame:
    rows = []
    for day, of_day in groupby(sorted(batches, key=_day), key=_day):
        those = list(of_day)
        raw = sum(each.raw_bytes for each in those)
        stored = sum(each.stored_bytes for each in those)
        logs = sum(each.rows for each in those)
        rows.append((day, len(those), logs, raw, stored, 1 - stored / raw))
    frame = pd.DataFrame(rows, columns=["day", *_COUNTS, "saved"])
    return frame.astype({"day": "str", **dict.fromkeys(_COUNTS, "int64"), "saved": "float64"})


def _day(batch: ArchivedBatch) -> str:
    return batch.day


def _listed(places: dict[str, int]) -> str:
    told = ", ".join(f"{place} {count:,}" for place, count in places.items())
    return f": {told}" if told else ""


def _saving(raw: int, stored: int) -> str:
    return (
        f"{human_size(stored)} in place of {human_size(raw)} as JSON, {1 - stored / raw:.1%} saved"
    )
