"""Which rollups tell of a range of time: the coarsest that fit, finer ones at its edges."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

Table = Literal["seconds", "minutes", "hours"]
STEP_OF: Final[dict[Table, int]] = {"seconds": SECOND, "minutes": MINUTE, "hours": HOUR}
"""Milliseconds that a row of each table tells of."""


class Span(NamedTuple):
    """A part of a range, and the table whose rows tell of it; times are milliseconds UTC."""

    table: Table
    begin: int
    end: int
    """Excluded."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What metrics.db holds; all are milliseconds UTC and multiples of their step.

    Seconds are there from `seconds_from` on, minutes from `minutes_from` on up to
    `minutes_through`, hours likewise.
    """

    seconds_from: int
    minutes_from: int
    hours_from: int
    minutes_through: int
    hours_through: int

    def first(self, table: Table) -> int:
        """Return from when on a table has rows."""
        firsts = {
            "seconds": self.seconds_from,
            "minutes": self.minutes_from,
            "hours": self.hours_from,
        }
        return firsts[table]


def cover(since: int, until: int, kept: Kept) -> list[Span]:
    """Cut a range into spans that follow each other, with as few rows as can be.

    Where seconds are gone the range begins (or ends) with the whole minute or hour in question,
    and what is gone altogether is left out: the spans say what they tell of.

    Args:
        since: milliseconds UTC.
        until: the same, excluded.
        kept: what there is.
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
    """Cut a range, given how far the tables go, the coarsest first."""
    if begin == end:
        return []
    (table, last), *finer = through.items()
    step = STEP_OF[table]
    low, high = -(-begin // step) * step, min(end, last) // step * step
    if low >= high:
        return _cut(begin, end, dict(finer))
    return [*_cut(begin, low, dict(finer)), Span(table, low, high), *_cut(high, end, dict(finer))]
