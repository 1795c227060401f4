"""What a page asks, as a question of the workbench: filters, range of time, steps of its chart."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from waterline.errors import UsageError
from waterline.query_text.parse import both
from workbench.dashboard.explorer.messages import Ask
from workbench.explore.steps import Steps, steps_of
from workbench.query.question import Question, ask
from workbench.query.times import iso_text, to_milliseconds
from workbench.snapshots.snapshot import Snapshot

MOST_STEPS: Final = 120
"""Number of bars of a chart."""
MOST_TICKS: Final = 12
PIXELS_A_TICK: Final = 110
"""Room of a mark with day and time."""
_LIVE: Final = "-5min"
_LIVE_MS: Final = 300_000
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the page, with its range and the steps of its chart."""

    number: int
    question: Question
    """With the range, and newest first; without a limit."""
    types_of_query: tuple[str, ...] | None
    """Types that the query names; None is any. Others can be chosen beside it."""
    since: int
    """Milliseconds UTC."""
    until: int
    """Milliseconds UTC; the end of the chart, where what comes is followed."""
    begin: str
    end: str
    """The range as the page's address has it."""
    follows: bool
    """Whether what comes is shown."""
    zone: ZoneInfo
    steps: Steps
    by: str
    measure: str
    """Attribute whose percentiles are shown, or empty."""
    ticks: int
    """Number of marks on the axis of time."""

    @property
    def all_types(self) -> Question:
        """The question about any type that may be chosen."""
        filters = replace(self.question.filters, types=self.types_of_query)
        return replace(self.question, filters=filters)

    @property
    def everything(self) -> Question:
        """The question about all logs of the range."""
        asked = self.question
        return Question(since=asked.since, until=asked.until, last=asked.last, order=asked.order)

    @property
    def key(self) -> Hashable:
        """What is the same has the same answer at one moment, whichever page asks."""
        return self.question, self.by, self.measure, self.steps.edges.tobytes()

    def through(self, last: int) -> "Asked":
        """Return the same about the logs up to a seq."""
        if self.question.last is not None:
            last = min(last, self.question.last)
        return replace(self, question=replace(self.question, last=last))

    def moved(self, now: int) -> "Asked":
        """Return the same with a range that ends now."""
        since, until = _range(self.begin, self.end, now)
        steps = steps_of(since, until, self.zone, MOST_STEPS)
        since = int(steps.edges[0])
        question = replace(self.question, since=since)
        return replace(self, question=question, since=since, until=until, steps=steps)


@dataclass(frozen=True, slots=True)
class Reach:
    """First and last timestamp of the logs of a folder, milliseconds UTC; None without logs."""

    first: int | None
    last: int | None


def reach_of(snapshot: Snapshot) -> Reach:
    """Return the reach of the stored logs; while they are counted, of those and the newest."""
    stored = snapshot.stored
    if stored is None:
        return Reach(None, None)
    lasts = (stored.last_timestamp, snapshot.newest.timestamp)
    last = max((each for each in lasts if each is not None), default=None)
    return Reach(stored.first_timestamp, last)


def interpret(message: Ask, reach: Reach, now: int) -> Asked:
    """Return what a message asks.

    Args:
        message: the message.
        reach: of the folder; chooses the range where the message names none.
        now: milliseconds UTC.

    Raises:
        UsageError: the query, the range or the zone has no meaning.
    """
    try:
        zone = ZoneInfo(message.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"there is no time zone {message.zone!r}; UTC is one") from error
    begin, end = message.begin.strip(), message.end.strip()
    if not begin:
        begin, end = _usual(reach, now)
    since, until = _range(begin, end, now)
    steps = steps_of(since, until, zone, MOST_STEPS)
    follows = not end and message.through is None
    if not end:
        # What slides away does so by whole steps.
        since = int(steps.edges[0])
    asked = ask(
        now=now,
        query=message.query,
        source=message.sources or None,
        order="newest",
    )
    filters = replace(asked.filters, types=both(message.types or None, asked.filters.types))
    question = replace(
        asked,
        filters=filters,
        since=since,
        until=until if end else None,
        last=message.through,
    )
    return Asked(
        message.number,
        question,
        asked.filters.types,
        since,
        until,
        begin,
        end,
        follows,
        zone,
        steps,
        message.by or "type",
        message.measure,
        max(2, min(message.width // PIXELS_A_TICK, MOST_TICKS)),
    )


def _range(begin: str, end: str, now: int) -> tuple[int, int]:
    since = to_milliseconds(begin, "from", now)
    until = to_milliseconds(end, "to", now) if end else now
    if since >= until:
        raise UsageError(f"the range is empty: from {begin} lies at or after to {end or 'now'}")
    return since, until


def _usual(reach: Reach, now: int) -> tuple[str, str]:
    """Return the range of a page that names none: five minutes, or the last day with logs."""
    if reach.last is None or reach.first is None or now - reach.last <= _LIVE_MS:
        return _LIVE, ""
    return iso_text(max(reach.first, reach.last - _DAY_MS)), iso_text(reach.last + 1)
