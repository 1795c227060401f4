"""Steps of a chart: they begin at whole seconds, minutes, hours or days of a time zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY
_LENGTHS: Final = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(each * _SECOND for each in (1, 2, 5, 10, 15, 30)),
    *(each * _MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * _DAY for each in (1, 2, 7, 14, 28, 91)),
)
"""Milliseconds."""
# 1970 began on a Thursday; weeks begin on a Monday.
_MONDAY: Final = 4 * _DAY
# Further off, no clock of a zone is known, and Python's own times would end.
_KNOWN: Final = range(-2_208_988_800_000, 7_258_118_400_000)
"""From 1900 to 2200."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Steps:
    """Consecutive steps of time."""

    edges: npt.NDArray[np.int64]
    """Begin of each step and end of the last, milliseconds UTC, ascending."""
    length: int
    """Milliseconds; a day on which clocks are changed has another."""

    def __len__(self) -> int:
        return len(self.edges) - 1

    def places(self, moments: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        """Return the index of each moment's step; those outside are of the first or the last."""
        places = np.searchsorted(self.edges, moments, side="right") - 1
        return np.clip(places, 0, len(self) - 1)


def steps_of(since: int, until: int, zone: ZoneInfo, most: int) -> Steps:
    """Return the shortest steps of a usual length of which a range needs no more than `most`.

    Args:
        since: begin of the range, milliseconds UTC; the first step includes it.
        until: end of the range; the last step reaches to it or beyond.
        zone: the zone whose clock the steps follow.
        most: greatest number of steps, but for one that is cut off at each end.
    """
    until = max(until, since + 1)
    length = next((each for each in _LENGTHS if (until - since) / each <= most), 0)
    if not length:
        length = _YEAR
        while (until - since) / length > most:
            length *= 2
    edges = [*_edges(since, until, length, zone)]
    return Steps(np.array(edges, np.int64), length)


def _edges(since: int, until: int, length: int, zone: ZoneInfo) -> Iterator[int]:
    """Yield the edges; on the clock of the zone they are multiples of the length.

    Steps of up to an hour go through an hour that the clock shows twice, where longer ones last
    the longer.
    """
    change = _offset(until, zone) - _offset(since, zone)
    if length <= _HOUR and change % length == 0:
        edge = since - (since + _offset(since, zone)) % length
        yield from range(edge, until + length, length)
        return
    begin = _MONDAY if length % (7 * _DAY) == 0 else 0
    local = (since + _offset(since, zone) - begin) // length * length + begin
    last: int | None = None
    while True:
        edge = _at(local, zone)
        if last is None:
            while edge > since:  # clocks were turned back meanwhile
                local -= length
                edge = _at(local, zone)
        if last is None or edge > last:
            yield edge
            last = edge
        if last >= until:
            return
        local += length


def _offset(moment: int, zone: ZoneInfo) -> int:
    """Return how far the clock of a zone is ahead of UTC at a moment, in milliseconds."""
    if moment not in _KNOWN:
        return 0
    offset = (_EPOCH + timedelta(milliseconds=moment)).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def _at(local: int, zone: ZoneInfo) -> int:
    """Return when the clock of a zone shows a time; the first time, where it does so twice."""
    if local not in _KNOWN:
        return local
    shown = (_EPOCH + timedelta(milliseconds=local)).replace(tzinfo=zone)
    return (shown.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
