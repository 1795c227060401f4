"""What a search of the page does: lines first, then counts, then what needs longest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

from workbench.dashboard.explorer.asked import Asked
from workbench.dashboard.explorer.searcher import Tell
from workbench.explore import calls
from workbench.explore.fields import Field, fields_of
from workbench.explore.lines import Lines, LogLine
from workbench.explore.percentiles import Percentiles
from workbench.explore.tally import Tally
from workbench.patterns.patterns import FoundPatterns, found_patterns
from workbench.query.asking import Asking
from workbench.query.gaps import Gap
from workbench.query.question import Place, ask

SHOWN: Final = 80
"""Number of lines that are shown at first, or as new at once: more than a screen is high."""
OLDER: Final = 200
"""Number of older lines at each asking."""
SAMPLE: Final = 1_000
"""Number of newest matching logs whose fields are counted."""
AROUND: Final = 10
"""Number of logs before one, and after it."""


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


def search(asking: Asking, asked: Asked, opened: Sequence[int], tell: Tell) -> None:
    """Search for what a page asks.

    Args:
        asking: the folder.
        asked: what is asked.
        opened: seqs of rows that are open, whatever matches.
        tell: called with `Found`, `Opened`, `Fields`, `Counted`, `Measured` and `InRange`.
    """
    begun = perf_counter()
    lines = asking.answer(calls.lines, replace(asked.question, limit=SAMPLE))
    gaps = asking.answer(calls.gaps, asked.question)
    tell(Found(replace(lines, lines=lines.lines[:SHOWN]), len(lines.lines) <= SHOWN, gaps))
    tell(Fields(*fields_of(lines.lines), lines.lines))
    shown = {line.seq for line in lines.lines[:SHOWN]}
    if wanted := [seq for seq in opened if seq not in shown]:
        there = asking.answer(calls.lines_of, wanted)
        tell(Opened(there, sorted({*wanted} - {line.seq for line in there})))
    # What comes meanwhile is followed from here on, as a line and as a number.
    asked = asked.through(lines.last_seq)
    types, chart = _tallies(asking, asked)
    tell(Counted(types, chart, perf_counter() - begun))
    if asked.measure:
        measured = (asked.question, asked.steps, asked.measure)
        tell(Measured(asking.answer(calls.percentiles, *measured)))
    if asked.all_types != asked.everything:
        tell(InRange(asking.answer(calls.matching, asked.everything)))


def _tallies(asking: Asking, asked: Asked) -> tuple[Tally, Tally]:
    """Count the logs of any type by type, and those that match by what the page asks for."""
    question, steps, last = asked.all_types, asked.steps, asked.question.last
    assert last is not None
    if asked.by == "type":
        counted = asking.answer(calls.tally, question, steps, "type")
        both = counted, counted
    else:
        types = asked.question.filters.types
        both = asking.answer(calls.tally_by_type_and, question, steps, asked.by, types)
    # They are followed from there on.
    first, second = (replace(each, moment=replace(each.moment, last_seq=last)) for each in both)
    return first, second


def older(asking: Asking, asked: Asked, before: Place, tell: Tell) -> None:
    """Search for the lines before a place.

    Args:
        asking: the folder.
        asked: what is asked.
        before: the place.
        tell: called with `Older`.
    """
    question = replace(asked.question, before=before, limit=OLDER)
    lines = asking.answer(calls.lines, question)
    tell(Older(lines, len(lines.lines) < OLDER))


def around(asking: Asking, place: Place, query: str, now: int, tell: Tell) -> None:
    """Search for the logs around one.

    Args:
        asking: the folder.
        place: the place of the log.
        query: what they share with it; empty takes all.
        now: milliseconds UTC.
        tell: called with `Around`.
    """
    lines = asking.answer(calls.around, ask(now=now, query=query), place, AROUND)
    tell(Around(sorted(lines, key=lambda line: line.place)))


def patterns(asking: Asking, asked: Asked, now: int, tell: Tell) -> None:
    """Search for patterns, and what is new in them since the time before, as long.

    Args:
        asking: the folder.
        asked: what is asked.
        now: milliseconds UTC.
        tell: called with `Patterns`.
    """
    length = asked.until - asked.since
    before = (asked.since - length, asked.since)
    question = replace(asked.question, since=asked.since)
    tell(Patterns(asking.answer(found_patterns, question, before, now)))


def follow(asking: Asking, asked: Asked, counted: Counted, tell: Tell) -> None:
    """Search for matching logs that came since a count; tells `Fresh` or `Stale`.

    Args:
        asking: the folder.
        asked: what is asked.
        counted: the counts so far, of the same steps.
        tell: called with the result.
    """
    begun = perf_counter()
    types, by = asked.question.filters.types, asked.by
    known = counted.types.moment
    came = asking.answer(calls.came, asked.all_types, asked.steps, by, types, known)
    if came is None:
        tell(Stale())
        return
    newest = sorted(came.places, reverse=True)
    lines = asking.answer(calls.lines_of, [seq for _, seq in newest[:SHOWN]])
    by_type = counted.types.plus(came.types)
    chart = by_type if by == "type" else counted.chart.plus(came.chart)
    tell(
        Fresh(
            sorted(lines, key=lambda line: line.place, reverse=True),
            len(newest) <= SHOWN,
            Counted(by_type, chart, perf_counter() - begun),
        )
    )
