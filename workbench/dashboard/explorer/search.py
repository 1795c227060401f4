"""What a search of the page does: lines first, then counts, then what needs longest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

import pyarrow as pa

from workbench.dashboard.explorer.asked import Asked
from workbench.dashboard.explorer.searcher import OpenFolder, Tell
from workbench.explore.fields import Field, fields_of
from workbench.explore.lines import Lines, LogLine, find_gaps, find_lines, lines_of
from workbench.explore.percentiles import Percentiles, percentiles
from workbench.explore.tally import Tally, of_types, tally, tally_by_type_and, tally_rows
from workbench.patterns.patterns import FoundPatterns, find_patterns
from workbench.query.archived import Batches, Catalog
from workbench.query.database import View
from workbench.query.execute import Logs
from workbench.query.gaps import Gap
from workbench.query.hot import fetched, stored_rows
from workbench.query.moment import Moment
from workbench.query.neighbours import neighbours
from workbench.query.question import Place, ask

SHOWN: Final = 80
"""Number of lines that are shown at first, or as new at once: more than a screen is high."""
OLDER: Final = 200
"""Number of older lines at each asking."""
SAMPLE: Final = 1_000
"""Number of newest matching logs whose fields are counted."""
AROUND: Final = 10
"""Number of logs before one, and after it."""
MOST_FRESH: Final = 20_000
"""Number of logs beyond which all is searched anew instead of followed."""


@dataclass(frozen=True, slots=True)
class Found:
    """The newest lines that match."""

    lines: Lines
    is_all: bool
    """Whether there are no others."""
    gaps: Sequence[Gap]
    """What was pruned of the range, the newest first."""


@dataclass(frozen=True, slots=True)
class Older:
    """Lines before a place."""

    lines: Lines
    is_all: bool


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of the newest lines that match."""

    fields: Sequence[Field]
    sample: int
    """Number of lines that were looked at."""
    lines: Sequence[LogLine]
    """The lines."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the chart and the buttons show."""

    types: Tally
    """By type, of any type."""
    chart: Tally
    """By what the page asks for."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Percentiles of the attribute that the page asks for."""

    percentiles: Percentiles


@dataclass(frozen=True, slots=True)
class InRange:
    """Number of logs in the range, whatever they say."""

    logs: int


@dataclass(frozen=True, slots=True)
class Opened:
    """Lines that were asked for by seq, and the seqs that are gone."""

    lines: Sequence[LogLine]
    missing: Sequence[int]


@dataclass(frozen=True, slots=True)
class Around:
    """A log among those before and after it, in their order."""

    lines: Sequence[LogLine]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns of what is shown."""

    found: FoundPatterns


@dataclass(frozen=True, slots=True)
class Fresh:
    """Matching logs that have come."""

    lines: Sequence[LogLine]
    is_all: bool
    """Whether these are all; otherwise they are the newest."""
    counted: Counted


@dataclass(frozen=True, slots=True)
class Stale:
    """What came cannot be told from what was there: all must be searched anew."""


def search(found: Logs, asked: Asked, opened: Sequence[int], tell: Tell) -> None:
    """Search for what a page asks.

    Args:
        found: the logs of the folder.
        asked: what is asked.
        opened: seqs of rows that are open, whatever matches.
        tell: called with `Found`, `Opened`, `Fields`, `Counted`, `Measured` and `InRange`.
    """
    begun = perf_counter()
    lines = find_lines(found, replace(asked.question, limit=SAMPLE))
    gaps = find_gaps(found, asked.question)
    tell(Found(replace(lines, lines=lines.lines[:SHOWN]), len(lines.lines) <= SHOWN, gaps))
    tell(Fields(*fields_of(lines.lines), lines.lines))
    shown = {line.seq for line in lines.lines[:SHOWN]}
    if wanted := [seq for seq in opened if seq not in shown]:
        there = lines_of(found, wanted)
        tell(Opened(there, sorted({*wanted} - {line.seq for line in there})))
    # What comes meanwhile is followed from here on, as a line and as a number.
    asked = asked.through(lines.last_seq)
    types, chart = _tallies(found, asked)
    tell(Counted(types, chart, perf_counter() - begun))
    if asked.measure:
        tell(Measured(percentiles(found, asked.question, asked.steps, asked.measure)))
    if asked.all_types != asked.everything:
        tell(InRange(found.count(asked.everything).value))


def _tallies(found: Logs, asked: Asked) -> tuple[Tally, Tally]:
    """Count the logs of any type by type, and those that match by what the page asks for."""
    question, steps, last = asked.all_types, asked.steps, asked.question.last
    assert last is not None
    if asked.by == "type":
        counted = tally(found, question, steps, "type")
        both = counted, counted
    else:
        types = asked.question.filters.types
        both = tally_by_type_and(found, question, steps, asked.by, types)
    # They are followed from there on.
    first, second = (replace(each, moment=replace(each.moment, last_seq=last)) for each in both)
    return first, second


def older(found: Logs, asked: Asked, before: Place, tell: Tell) -> None:
    """Search for the lines before a place.

    Args:
        found: the logs of the folder.
        asked: what is asked.
        before: the place.
        tell: called with `Older`.
    """
    question = replace(asked.question, before=before, limit=OLDER)
    lines = find_lines(found, question)
    tell(Older(lines, len(lines.lines) < OLDER))


def around(found: Logs, place: Place, query: str, now: int, tell: Tell) -> None:
    """Search for the logs around one.

    Args:
        found: the logs of the folder.
        place: the place of the log.
        query: what they share with it; empty takes all.
        now: milliseconds UTC.
        tell: called with `Around`.
    """
    near = neighbours(found, ask(now=now, query=query), place, AROUND)
    lines = lines_of(found, [place[1], *(seq for _, seq in near.places)])
    tell(Around(sorted(lines, key=lambda line: line.place)))


def patterns(opened: OpenFolder, asked: Asked, now: int, tell: Tell) -> None:
    """Search for patterns, and what is new in them since the time before, as long.

    Args:
        opened: the folder.
        asked: what is asked.
        now: milliseconds UTC.
        tell: called with `Patterns`.
    """
    length = asked.until - asked.since
    before = (asked.since - length, asked.since)
    question = replace(asked.question, since=asked.since)
    found = find_patterns(opened.logs, question, before, now)
    tell(Patterns(found))


def follow(found: Logs, asked: Asked, counted: Counted, tell: Tell) -> None:
    """Search for matching logs that came since a count; tells `Fresh` or `Stale`.

    Args:
        found: the logs of the folder.
        asked: what is asked.
        counted: the counts so far, of the same steps.
        tell: called with the result.
    """
    begun = perf_counter()
    fresh = _fresh(found, asked, counted)
    if fresh is None:
        tell(Stale())
        return
    table, types, chart = fresh
    newest = sorted(_places(table, asked.question.filters.types), reverse=True)
    lines = lines_of(found, [seq for _, seq in newest[:SHOWN]])
    tell(
        Fresh(
            sorted(lines, key=lambda line: line.place, reverse=True),
            len(newest) <= SHOWN,
            Counted(types, chart, perf_counter() - begun),
        )
    )


def _fresh(found: Logs, asked: Asked, counted: Counted) -> tuple[pa.Table, Tally, Tally] | None:
    """Return the logs of any type that came since a count, and its tallies with them.

    They are read once. None if what is counted is stale.
    """
    by, last = asked.by, asked.all_types.last
    column = by if by in ("type", "source") else "attributes"
    question = replace(asked.all_types, columns=tuple({"type": 0, column: 0}), limit=None)
    known = counted.types.moment
    after = known.last_seq

    def hot(view: View, catalog: Catalog) -> tuple[pa.Table, Moment] | None:
        moment = catalog.moment
        is_past = moment.incarnation != known.incarnation or moment.last_seq < after
        if is_past or moment.archived_through > after or moment.pruned != known.pruned:
            return None
        if moment.last_seq - after > MOST_FRESH:
            return None
        return fetched(view, stored_rows(catalog, question, after), question), moment

    def whole(
        hot: tuple[pa.Table, Moment] | None, _: Catalog, __: Batches
    ) -> tuple[pa.Table, Tally, Tally] | None:
        if hot is None:
            return None
        table, moment = hot
        if last is not None:
            moment = replace(moment, last_seq=last)
        types = tally_rows(counted.types, table, moment, "type")
        if by == "type":
            return table, types, types
        chosen = of_types(table, asked.question.filters.types)
        return table, types, tally_rows(counted.chart, chosen, moment, by)

    return found.ask(question, hot, whole, may_lack=True)


def _places(table: pa.Table, types: Sequence[str] | None) -> list[Place]:
    timestamps = table["timestamp"].cast(pa.int64()).to_pylist()
    rows = zip(timestamps, table["seq"].to_pylist(), table["type"].to_pylist(), strict=True)
    return [(time, seq) for time, seq, log_type in rows if types is None or log_type in types]
