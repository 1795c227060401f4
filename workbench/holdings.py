"""What a data folder holds: how many logs of which types, from when to when, how large."""

import html
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func

from server.store.folder import DataFolder
from server.store.tables import logs
from server.units import human_size
from workbench.query import matching
from workbench.question import Question
from workbench.reading import View


@dataclass(frozen=True, slots=True)
class Holdings:
    """Counts by type and source; times are milliseconds UTC, None where there is no log."""

    path: str
    types: dict[str, int]
    sources: dict[str, int]
    first_timestamp: int | None
    last_timestamp: int | None
    size: int
    """Bytes of the whole folder."""

    @property
    def logs(self) -> int:
        """How many logs there are."""
        return sum(self.types.values())

    def lines(self) -> list[tuple[str, str]]:
        """Return what there is to tell, as (what, how much)."""
        return [
            ("data folder", self.path),
            ("logs", f"{self.logs:,}"),
            ("types", _shares(self.types)),
            ("sources", _shares(self.sources)),
            ("from", _moment(self.first_timestamp)),
            ("to", _moment(self.last_timestamp)),
            ("on disk", human_size(self.size)),
        ]

    def to_text(self) -> str:
        """Return it for a terminal."""
        return "\n".join(f"{what:<12} {value}" for what, value in self.lines())

    def to_html(self) -> str:
        """Return it as a small table for a notebook."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{what}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for what, value in self.lines()
        )
        return f"<table><caption>Waterline workbench</caption>{rows}</table>"


def read_holdings(view: View, folder: DataFolder) -> Holdings:
    """Count what a folder holds; it looks at every log.

    Raises:
        IncompleteAnswer: only a part could be read.
    """
    times = (func.min(logs.c.timestamp), func.max(logs.c.timestamp))
    counted = matching(view, Question(), logs.c.type, logs.c.source, func.count(), *times)
    rows = view.rows(counted.group_by(logs.c.type, logs.c.source))
    return Holdings(
        path=str(folder.path),
        types=_sums((row[0], row[2]) for row in rows),
        sources=_sums((row[1], row[2]) for row in rows),
        first_timestamp=min((row[3] for row in rows), default=None),
        last_timestamp=max((row[4] for row in rows), default=None),
        size=folder.size(),
    )


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for name, count in pairs:
        sums[name] += count
    return dict(sums.most_common())


def _shares(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _moment(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "none"
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment.replace(tzinfo=None)} UTC"  # %Y would leave out zeros before 1000
