"""Holdings of a data folder: logs by type and source, their range of time, bytes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func

from waterline.storage.folder import DataFolder
from waterline.storage.tables import logs
from waterline.units import human_size
from workbench.display import Line, as_html, as_text, moment
from workbench.query.archived import Batches, Catalog
from workbench.query.database import View
from workbench.query.execute import Logs
from workbench.query.hot import hot_rows
from workbench.query.question import Question
from workbench.query.session import Session

_Row = tuple[str, str, int, int, int]
"""Type, source, number of logs, first and last timestamp."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Numbers of logs by type and source; times are milliseconds UTC, None without logs."""

    path: str
    types: dict[str, int]
    sources: dict[str, int]
    first_timestamp: int | None
    last_timestamp: int | None
    size: int
    """Bytes of the whole folder."""
    archived: int = 0
    """Number of logs that are archived."""
    batches: int = 0
    """Number of batches that are kept."""
    pruned: int = 0
    """Number of logs that were pruned; no other number has them."""
    nodes: int | None = None
    """Number of nodes of a lake; None for a folder."""

    @property
    def logs(self) -> int:
        """Number of logs, hot and archived."""
        return sum(self.types.values())

    def lines(self) -> list[Line]:
        """Return lines of (what, how much)."""
        return [
            *self._place_lines(),
            ("logs", f"{self.logs:,}"),
            *self._archived_lines(),
            ("types", _shares(self.types)),
            ("sources", _shares(self.sources)),
            ("from", moment(self.first_timestamp, "none")),
            ("to", moment(self.last_timestamp, "none")),
            ("on disk", human_size(self.size)),
        ]

    def _place_lines(self) -> Iterator[Line]:
        if self.nodes is None:
            yield "data folder", self.path
        else:
            yield "lake", self.path
            yield "nodes", f"{self.nodes:,}"

    def _archived_lines(self) -> Iterator[Line]:
        if self.archived:
            batches = "1 batch" if self.batches == 1 else f"{self.batches:,} batches"
            yield "archived", f"{self.archived:,} of them, in {batches}"
        if self.pruned:
            yield "pruned", f"{self.pruned:,} more"

    def to_text(self) -> str:
        """Return the holdings as text for a terminal."""
        return as_text(self.lines())

    def to_html(self) -> str:
        """Return the holdings as a small table for a notebook."""
        return as_html("Waterline workbench", self.lines())


@dataclass(slots=True)
class TypeCounts:
    """Number of logs by type, and their range of time in milliseconds UTC."""

    types: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None

    def add(self, types: Mapping[str, int], first: int, last: int) -> None:
        """Add logs of a range of time.

        Args:
            types: number of logs by type.
            first: earliest time, milliseconds UTC.
            last: latest time.
        """
        self.types.update(types)
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)


def holdings(session: Session) -> Holdings:
    """Return the holdings of a session's folder; see `Workbench.holdings`."""
    session.refuse_earlier()
    return session.patiently(lambda: read_holdings(session.logs, session.folder))


def read_holdings(every_log: Logs, folder: DataFolder) -> Holdings:
    """Count every hot log, and add the counts of the catalog."""

    def whole(rows: list[_Row], catalog: Catalog, _: Batches) -> Holdings:
        kept = catalog.kept
        counts, sources = TypeCounts(), Counter[str]()
        for log_type, source, number, first, last in rows:
            counts.add({log_type: number}, first, last)
            sources[source] += number
        for batch in kept:
            counts.add(batch.types, batch.first_timestamp, batch.last_timestamp)
            sources.update(batch.sources)
        return Holdings(
            path=str(folder.path),
            types=ranked(counts.types),
            sources=ranked(sources),
            first_timestamp=counts.first,
            last_timestamp=counts.last,
            size=folder.size(),
            archived=sum(each.rows for each in kept),
            batches=len(kept),
            pruned=sum(each.rows for each in catalog.pruned),
        )

    return every_log.ask(Question(), _count_hot, whole)


def together(path: str, holdings: Iterable[Holdings]) -> Holdings:
    """Return the holdings of the nodes of a lake as one.

    Args:
        path: address of the lake.
        holdings: those of each.
    """
    types, sources = Counter[str](), Counter[str]()
    parts = [*holdings]
    for each in parts:
        types.update(each.types)
        sources.update(each.sources)
    firsts = [each.first_timestamp for each in parts if each.first_timestamp is not None]
    lasts = [each.last_timestamp for each in parts if each.last_timestamp is not None]
    return Holdings(
        path=path,
        types=ranked(types),
        sources=ranked(sources),
        first_timestamp=min(firsts, default=None),
        last_timestamp=max(lasts, default=None),
        size=sum(each.size for each in parts),
        archived=sum(each.archived for each in parts),
        batches=sum(each.batches for each in parts),
        pruned=sum(each.pruned for each in parts),
        nodes=len(parts),
    )


def _count_hot(view: View, catalog: Catalog) -> list[_Row]:
    times = (func.min(logs.c.timestamp), func.max(logs.c.timestamp))
    counted = hot_rows(catalog, Question(), [logs.c.type, logs.c.source, func.count(), *times])
    return view.rows(counted.group_by(logs.c.type, logs.c.source))


def ranked(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts, the largest first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _shares(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
