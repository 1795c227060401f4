"""Spans of rollups that cover a range of time: coarse in the middle, finer at the edges."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

Table = Literal["seconds", "minutes", "hours"]
STEP_OF: Final[dict[Table, int]] = {"seconds": SECOND, "minutes": MINUTE, "hours": HOUR}
"""Milliseconds that a row of each table covers."""


class Span(NamedTuple):
    """Part of a range and the table that covers it. Times are milliseconds UTC."""

    table: Table
    begin: int
    end: int
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Ranges of the tables in metrics.db, in milliseconds UTC and multiples of their step.

    Seconds begin at `seconds_from`. Minutes lie in `[minutes_from, minutes_through)`, hours
    likewise.
    """

    seconds_from: int
    minutes_from: int
    hours_from: int
    minutes_through: int
    hours_through: int

    def first(self, table: Table) -> int:
        """Return the begin of a table."""
        firsts = {
            "seconds": self.seconds_from,
            "minutes": self.minutes_from,
            "hours": self.hours_from,
        }
        return firsts[table]


def cover(since: int, until: int, kept: Kept) -> list[Span]:
    """Split a range into adjacent spans with as few rows as possible.

    If seconds are pruned, the range is widened to whole minutes or hours. A part without any rows
    is left out.

    Args:
        since: milliseconds UTC.
        until: milliseconds UTC, exclusive.
        kept: the ranges of the tables.
    """
    since = max(since, kept.hours_from)
    if since >= until:
        return []
    begin = since // SECOND * SECOND
    end = -(-until // SECOND) * SECOND
    if begin < kept.seconds_from:
        begin = begin // MINUTE * MINUTE
    if begin < kept.minutes_from:
        begin = begin // HOUR * HOUR
    if end < kept.seconds_from:
        end = -(-end // MINUTE) * MINUTE
    if end < kept.minutes_from:
        end = -(-end // HOUR) * HOUR
    through: dict[Table, int] = {
        "hours": kept.hours_through,
        "minutes": kept.minutes_through,
        "seconds": end,
    }
    return _cut(begin, end, through)


def _cut(begin: int, end: int, through: Mapping[Table, int]) -> list[Span]:
    """Split a range recursively.

    Args:
        begin: milliseconds UTC.
        end: milliseconds UTC, exclusive.
        through: end of each table, the coarsest first.
    """
    if begin == end:
        return []
    (table, last), *finer = through.items()
    step = STEP_OF[table]
    low, high = -(-begin // step) * step, min(end, last) // step * step
    if low >= high:
        return _cut(begin, end, dict(finer))
    return [*_cut(begin, low, dict(finer)), Span(table, low, high), *_cut(high, end, dict(finer))]
