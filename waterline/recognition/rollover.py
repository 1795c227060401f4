"""Years and days that lines leave out: told by where times fall back, and by the newest of them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from waterline.recognition.time_names import MONTHS

# Lines of one moment may be out of order by less than this; what falls back further is a new year,
# or a new day.
_SLACK_DAYS: Final = 31
_SLACK_MINUTES: Final = 60
_DAYS_OF_MONTH: Final = 31
_A_DAY: Final = timedelta(days=1)
_HALF_A_DAY: Final = timedelta(hours=12)
# 29 February may be eight years away, around 2100.
_YEARS_TRIED: Final = 9


@dataclass(frozen=True, slots=True)
class Turns:
    """What times that leave out their year, or their day, tell together.

    Attributes:
        count: how often a new year or day begins within them.
        last: position of the last in a year or day, as `Rollover` counts it.
    """

    count: int
    last: int


@dataclass(frozen=True, slots=True)
class FileTurns:
    """What a look at all lines of a file tells of the years and days that they leave out.

    Attributes:
        years: of times without a year; None if it has none such.
        days: of clocks alone; None if it has none such.
    """

    years: Turns | None = None
    days: Turns | None = None


class Rollover:
    """Counts new years, or new days, in times that come in order."""

    def __init__(self, slack: int) -> None:
        self.count = 0
        self.last: int | None = None
        self._slack = slack

    def pass_by(self, position: int) -> int:
        """Take the next time, and return the number of turns up to it."""
        if self.last is not None and position < self.last - self._slack:
            self.count += 1
            self.last = position
        elif self.last is None or position > self.last:
            self.last = position
        return self.count

    @property
    def turns(self) -> Turns | None:
        """What the times up to now tell; None if there was none."""
        return None if self.last is None else Turns(self.count, self.last)


def month_number(written: str) -> int | None:
    """Return the number of a month, written as two digits or as a name; None if it is none."""
    return int(written) if written.isdecimal() else _month_by_name(written)


def _month_by_name(name: str) -> int | None:
    return MONTHS.get(name) or MONTHS.get(name.lower())


def position_in_year(month: int, day: int) -> int:
    """Return a number that ascends with the days of a year."""
    return month * _DAYS_OF_MONTH + day


class MissingYears:
    """Gives years to days that are written without one."""

    def __init__(self, turns: Turns | None) -> None:
        self._turns = turns
        self.rollover = Rollover(_SLACK_DAYS)

    def year_of(self, month: int, day: int, reference: datetime) -> int:
        """Return the year of the next line's day.

        With a look at the whole file before, years never run backwards within it and its last
        one is the latest that is not after the reference. Without, each day has the latest year
        that puts it at most a day after the reference.

        Args:
            month: from 1.
            day: of the month.
            reference: about when the lines were written at the latest, with a zone.

        Raises:
            ValueError: no year has this day.
        """
        turned = self.rollover.pass_by(position_in_year(month, day))
        if self._turns is None:
            return _latest_year(month, day, reference)
        last_month, last_day = divmod(self._turns.last - 1, _DAYS_OF_MONTH)
        return _latest_year(last_month, last_day + 1, reference) + turned - self._turns.count


class MissingDays:
    """Gives days to times that are a clock's alone."""

    def __init__(self, turns: Turns | None) -> None:
        self._turns = turns
        self.rollover = Rollover(_SLACK_MINUTES)

    def day_of(self, hour: int, minute: int, reference: datetime) -> date:
        """Return the day of the next line.

        It is the latest that puts the clock less than half a day after the reference. With a look
        at the whole file before, that holds for its last line, and the days before are told by
        where the clock falls back.

        Args:
            hour: of the clock.
            minute: of the clock.
            reference: about when the lines were written at the latest, with a zone.
        """
        position = hour * 60 + minute
        turned = self.rollover.pass_by(position)
        if self._turns is None:
            return _nearest_day(position, reference)
        return _nearest_day(self._turns.last, reference) + timedelta(turned - self._turns.count)


def _latest_year(month: int, day: int, reference: datetime) -> int:
    latest = (reference + _A_DAY).date()
    for year in range(latest.year, latest.year - _YEARS_TRIED, -1):
        try:
            if date(year, month, day) <= latest:
                return year
        except ValueError:
            continue
    raise ValueError("no year has this day")


def _nearest_day(position: int, reference: datetime) -> date:
    midnight = reference.replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = midnight + timedelta(minutes=position) - reference
    return (reference - _A_DAY if ahead > _HALF_A_DAY else reference).date()
