"""The time of a log line: found wherever it stands in the text."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from workbench.clients.log_files.dates import MONTH_NAMES, milliseconds, moment

_MONTH: Final = f"(?:{'|'.join(MONTH_NAMES)})"
_WEEKDAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_DAY: Final = r"(?P<day>[0-3]?\d)"
_NUMBERED_DAY: Final = r"(?P<month>0[1-9]|1[0-2]){0}(?P<day>0[1-9]|[12]\d|3[01])"
_CLOCK: Final = (
    r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d|60)"
    r"(?:[.,](?P<fraction>\d++))?+"
)
_ZONE: Final = (
    r"(?:[ ]?(?P<zone>Z|z|UTC|GMT|[+-](?:[01]\d|2[0-3]):?[0-5]\d(?!\d)"
    r"|(?<![ ])[+-](?:0\d|1[0-4])(?![^\s\])}\"'])))?+"
)
# A time that goes on as a file name does ("10:05:03.log") is part of that name.
_END: Final = r"(?!\d|\.[A-Za-z])"


class _Shape(NamedTuple):
    """One way to write a time: how it begins, by which it is told apart, and all of it."""

    beginning: str
    whole: re.Pattern[str]


def _shape(beginning: str, whole: str) -> _Shape:
    return _Shape(beginning, re.compile(whole, re.ASCII))


# No two beginnings fit at the same place, so their order means nothing.
_SHAPES: Final = {
    "iso": _shape(
        r"\d{4}-\d\d-\d\d",
        rf"(?P<year>\d{{4}})-{_NUMBERED_DAY.format('-')}(?:[Tt \t]|,[ ]){_CLOCK}{_ZONE}{_END}",
    ),
    "slashes": _shape(
        r"\d{4}/\d\d/\d\d",
        rf"(?P<year>\d{{4}})/{_NUMBERED_DAY.format('/')}[ ]{_CLOCK}{_ZONE}{_END}",
    ),
    "short": _shape(
        r"\d\d/\d\d/\d\d[ ]",
        rf"(?P<year>\d\d)/{_NUMBERED_DAY.format('/')}[ ]{_CLOCK}{_ZONE}{_END}",
    ),
    "syslog": _shape(
        rf"{_MONTH}[ ]",
        rf"(?P<month>{_MONTH})[ ]{{1,2}}{_DAY}[ ](?:(?P<year>\d{{4}})[ ])?{_CLOCK}{_END}",
    ),
    "ctime": _shape(
        rf"{_WEEKDAY}[ ]{_MONTH}[ ]",
        rf"{_WEEKDAY}[ ](?P<month>{_MONTH})[ ]{{1,2}}{_DAY}[ ]{_CLOCK}"
        r"(?:[ ](?P<zone>[A-Z]{3,5}))?[ ](?P<year>\d{4})(?!\d)",
    ),
    "day_first": _shape(
        rf"\d\d?[/ -]{_MONTH}[/ -]",
        rf"{_DAY}[/ -](?P<month>{_MONTH})[/ -](?P<year>\d{{4}})[: ]{_CLOCK}{_ZONE}{_END}",
    ),
    "compact": _shape(
        r"\A\d{6}[ ]\d",
        rf"(?P<year>\d\d){_NUMBERED_DAY.format('')}[ ]"
        r"(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d|60)(?!\S)",
    ),
    "klog": _shape(
        r"\A[IWEF]\d{4}[ ]",
        rf"[IWEF]{_NUMBERED_DAY.format('')}[ ]{_CLOCK}{_END}",
    ),
    "epoch": _shape(
        r"\A\d{9,13}[. ]",
        r"(?:(?P<epoch_milliseconds>\d{12,13})"
        r"|(?P<epoch_seconds>\d{9,10})(?:\.(?P<fraction>\d+))?)(?=[ ])",
    ),
}
# The lookbehind keeps out what belongs to a file name or a longer number.
_BEGINNING: Final = re.compile(
    r"(?<![\w./-])(?:"
    + "|".join(f"(?P<{name}>{shape.beginning})" for name, shape in _SHAPES.items())
    + ")",
    re.ASCII,
)
_MIN_EPOCH: Final = 978_307_200_000  # 2001, before which a number is hardly a time
_MAX_EPOCH: Final = 4_133_980_799_999  # the end of 2100
_MIN_TIMESTAMP: Final = -62_135_596_800_000  # the years 1 to 9999, those a log may have
_MAX_TIMESTAMP: Final = 253_402_300_799_999
_TWO_DIGIT_PIVOT: Final = 69  # as POSIX has it: 69 is 1969, 68 is 2068
# 29 February may be eight years away, around 2100.
_YEARS_TRIED: Final = 9
_AHEAD: Final = timedelta(days=1)


class FoundTime(NamedTuple):
    """A time in a line: `timestamp` in milliseconds UTC, written from `start` up to `end`."""

    timestamp: int
    start: int
    end: int


class TimestampFinder:
    """Finds the first time in a line. It keeps no memory of the lines before."""

    def __init__(self, *, reference: datetime, timezone: tzinfo = UTC) -> None:
        """Say what stands in for what a line leaves out.

        Args:
            reference: about when the lines were written at the latest, with a zone. A time
                without a year gets the latest year that puts it at most a day after this.
            timezone: the zone of times that name none.

        Raises:
            ValueError: the reference has no zone.
        """
        if reference.tzinfo is None:
            raise ValueError("the reference needs a zone")
        self._timezone = timezone
        self._latest = reference.astimezone(timezone) + _AHEAD

    def find(self, line: str) -> FoundTime | None:
        """Return the time that stands first in the line, or None if there is none."""
        beginning = _BEGINNING.search(line)
        while beginning:
            whole = _SHAPES[beginning.lastgroup or ""].whole.match(line, beginning.start())
            timestamp = self._timestamp(whole.groupdict()) if whole else None
            if whole and timestamp is not None:
                return FoundTime(timestamp, whole.start(), whole.end())
            beginning = _BEGINNING.search(line, beginning.start() + 1)
        return None

    def _timestamp(self, parts: Mapping[str, str | None]) -> int | None:
        if "epoch_seconds" in parts:
            return _epoch_timestamp(parts)
        try:
            timestamp = milliseconds(parts, self._year(parts), self._timezone)
        except ValueError:
            return None
        return timestamp if _MIN_TIMESTAMP <= timestamp <= _MAX_TIMESTAMP else None

    def _year(self, parts: Mapping[str, str | None]) -> int:
        written = parts.get("year")
        if written is None:
            return self._latest_year(parts)
        if len(written) == len("yy"):
            return int(written) + (1900 if int(written) >= _TWO_DIGIT_PIVOT else 2000)
        return int(written)

    def _latest_year(self, parts: Mapping[str, str | None]) -> int:
        for year in range(self._latest.year, self._latest.year - _YEARS_TRIED, -1):
            try:
                named = moment(parts, year, self._timezone)
            except ValueError:
                continue
            if named <= self._latest:
                return year
        raise ValueError("no year has this day")


def _epoch_timestamp(parts: Mapping[str, str | None]) -> int | None:
    fraction = (parts["fraction"] or "")[:3].ljust(3, "0")
    timestamp = int(parts["epoch_milliseconds"] or f"{parts['epoch_seconds']}{fraction}")
    return timestamp if _MIN_EPOCH <= timestamp <= _MAX_EPOCH else None
