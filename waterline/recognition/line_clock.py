"""Times of lines as milliseconds UTC: what a line leaves out comes from its file."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from waterline.recognition.rollover import FileTurns, MissingDays, MissingYears, month_number
from waterline.recognition.time_forms import Lacks, TimeForm
from waterline.recognition.time_names import offset_of, region
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP

_MIN_EPOCH: Final = 978_307_200_000  # 2001, before which a number is hardly a time
_MAX_EPOCH: Final = 4_133_980_799_999  # the end of 2100
_DIGITS_OF_SECONDS: Final = 10
_DIGITS_OF_MILLISECONDS: Final = 13
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DAY: Final = 86_400_000
_HOUR: Final = 3_600_000
_MINUTE: Final = 60_000
_SECONDS: Final = {
    written: second * 1000 for second in range(61) for written in (f"{second:02d}", str(second))
}
_LEAP_SECOND: Final = "60"
_TWO_DIGIT_PIVOT: Final = 69  # as POSIX has it: 69 is 1969, 68 is 2068
# TAI was ten seconds ahead of UTC in 1970, as multilog counts.
_TAI_EPOCH: Final = 2**62 + 10
# Lines of one moment may be out of order by less.
_FALLS_BACK: Final = 30 * _MINUTE

_Day = tuple[int, int, int]


class LineClock:
    """Reads the times of the lines of one file or connection, in their order."""

    def __init__(
        self, *, timezone: tzinfo, reference: datetime, turns: FileTurns, mixed: bool = False
    ) -> None:
        """Say what stands in for what a line leaves out.

        Args:
            timezone: the zone of times that name none.
            reference: about when the lines were written at the latest, with a zone.
            turns: of the file, as far as it was looked through.
            mixed: whether lines are of many writers, so that none tells the order of day and month
                in another.

        Raises:
            ValueError: the reference has no zone.
        """
        if reference.tzinfo is None:
            raise ValueError("the reference needs a zone")
        self._timezone = timezone
        self._mixed = mixed
        self._reference = reference.astimezone(timezone)
        self._years = MissingYears(turns.years)
        self._days = MissingDays(turns.days)
        self.lacking = ""
        self._form: TimeForm | None = None
        self._key: tuple[str | None, ...] | str | None = None
        self._minute = 0
        self._form_of_day: TimeForm | None = None
        self._day: tuple[str | None, ...] | str | None = None
        self._midnight = 0
        self._previous = 0
        self._second_time = False
        self._day_first: bool | None = None
        self._short_order: str | None = None

    @property
    def turns(self) -> FileTurns:
        """What the times up to now tell of years and days that they leave out."""
        return FileTurns(self._years.rollover.turns, self._days.rollover.turns)

    def refer(self, reference: datetime) -> None:
        """Say when the next lines were written at the latest, with a zone."""
        self._reference = reference.astimezone(self._timezone)
        self._years = MissingYears(None)
        self._days = MissingDays(None)
        self._key = None

    def read(self, form: TimeForm, match: re.Match[str]) -> int | None:
        """Return the milliseconds UTC of a time; None where the calendar has none such.

        Args:
            form: the form of the time.
            match: a match of a pattern that has the groups of the form.
        """
        if form.counts:
            return _counted(match)
        key = match.group(*form.key)
        if key != self._key or form is not self._form:
            try:
                self._minute = self._minute_of(form, match)
            except (ValueError, OverflowError):  # the latter: in UTC it is beyond the years
                return None
            self._key = key
            self._form = form
        second, fraction = match.group("second", "fraction")
        timestamp = self._minute
        if second:
            timestamp += _SECONDS[second]
            # POSIX time has no leap seconds: they are the first moment of the next minute.
            if fraction and second != _LEAP_SECOND:
                timestamp += int(
                    fraction if len(fraction) == 3 or form.unpadded else fraction[:3].ljust(3, "0")
                )
        if timestamp > MAX_TIMESTAMP:
            return None
        self._previous = timestamp
        return timestamp

    def _minute_of(self, form: TimeForm, match: re.Match[str]) -> int:
        written, zone, second = match.group("half", "zone", "second")
        hour, minute = int(match["hour"]), int(match["minute"])
        if half := (written or "").strip(" \u202f"):
            if not 1 <= hour <= 12:
                raise ValueError("no 12-hour clock has this hour")
            hour = hour % 12 + (12 if half[0] in "PpN" else 0)
        # The end of a day may be written as 24:00.
        if hour == 24 and (minute or (second or "00") != "00"):
            raise ValueError("no day has this hour")
        local = self._midnight_of(form, match, hour, minute) + hour * _HOUR + minute * _MINUTE
        offset = offset_of(zone) if zone else None
        if offset is None:
            named = region(zone.strip(" []")) if zone and "/" in zone else None
            moment = self._in_timezone(local, named or self._timezone)
        else:
            moment = local - offset * _MINUTE
        if not MIN_TIMESTAMP <= moment <= MAX_TIMESTAMP:
            raise ValueError("no log may have this year")
        return moment

    def _midnight_of(self, form: TimeForm, match: re.Match[str], hour: int, minute: int) -> int:
        """Return the local time at which the day begins; most lines are of the day before them."""
        day = match.group(*form.day) if form.day else None
        if self._mixed:
            self._day_first = self._short_order = None
        if day is None or day != self._day or form is not self._form_of_day:
            date_ = date(*self._day_of(form, match, hour, minute))
            self._midnight = (date_.toordinal() - _EPOCH_DAY) * _DAY
            self._day, self._form_of_day = day, form
        return self._midnight

    def _in_timezone(self, local: int, timezone: tzinfo) -> int:
        """Return a local time as UTC; of an hour that comes twice, the one time has got to."""
        if timezone is UTC:
            return local
        naive = datetime.fromordinal(_EPOCH_DAY + local // _DAY).replace(
            hour=local % _DAY // _HOUR, minute=local % _HOUR // _MINUTE
        )
        first, second = (
            (naive.replace(tzinfo=timezone, fold=fold).astimezone(UTC) - _EPOCH) // _MILLISECOND
            for fold in (0, 1)
        )
        if second <= first:  # the hour comes once, or not at all
            self._second_time = False
            return first
        fallen = self._previous - first
        if fallen > _FALLS_BACK or (self._second_time and fallen > -_HOUR):
            self._second_time = fallen < 2 * _HOUR
        return second if self._second_time else first

    def _day_of(self, form: TimeForm, match: re.Match[str], hour: int, minute: int) -> _Day:
        parts = match.groupdict()
        if form.lacks is Lacks.DAY:
            self.lacking = match.string[: match.end("minute") + 1]
            day = self._days.day_of(hour, minute, self._reference)
            return day.year, day.month, day.day
        if "last" in parts:
            numbers = (int(parts[name] or "") for name in ("first", "other", "last"))
            return self._short(*numbers, dots=parts["separator"] == ".")
        year = parts.get("year") or parts.get("late_year")
        if "first" in parts:
            written = int(year or ""), int(parts["first"] or ""), int(parts["other"] or "")
            return self._day_and_month(*written, parts)
        month = month_number(parts["month"] or "")
        if month is None:
            raise ValueError("no month has this name")
        number = int(parts["day"] or "")
        if year is None:
            self.lacking = match.string[: match.end("day") + 1]
            return self._years.year_of(month, number, self._reference), month, number
        return _whole_year(int(year)) if len(year) == 2 else int(year), month, number

    def _day_and_month(
        self, year: int, first: int, other: int, parts: dict[str, str | None]
    ) -> _Day:
        """Tell day from month: by a number beyond 12, by how it is written, as in lines before."""
        if first > 12 or other > 12:
            self._day_first = first > 12
        elif parts["separator"] == "." or parts["half"]:
            self._day_first = parts["separator"] == "."
        elif self._day_first is None:
            self._day_first = self._latest((year, other, first), (year, first, other)) == 0
        return (year, other, first) if self._day_first else (year, first, other)

    def _short(self, first: int, other: int, last: int, *, dots: bool) -> _Day:
        """Tell the parts of a date with two digits of a year: 26/11/24, 11/24/26 or 24/11/26.

        With dots between them the day comes first, as wherever dates are written so.
        """
        readings = {
            "ymd": (_whole_year(first), other, last),
            "mdy": (_whole_year(last), first, other),
            "dmy": (_whole_year(last), other, first),
        }
        possible = {order: day for order, day in readings.items() if _is_day(day)}
        if not possible:
            raise ValueError("the calendar has no such day")
        if dots and "dmy" in possible:
            return possible["dmy"]
        if self._short_order not in possible:
            self._short_order = list(possible)[self._latest(*possible.values())]
        return possible[self._short_order]

    def _latest(self, *days: _Day) -> int:
        """Return the index of the day that comes last, of those that are not ahead."""
        until = self._reference.toordinal() + 1
        ordinals = [date(*day).toordinal() for day in days]
        passed = [ordinal for ordinal in ordinals if ordinal <= until]
        return ordinals.index(max(passed) if passed else min(ordinals))


def _whole_year(two_digits: int) -> int:
    return two_digits + (1900 if two_digits >= _TWO_DIGIT_PIVOT else 2000)


def _is_day(day: _Day) -> bool:
    try:
        date(*day)
    except ValueError:
        return False
    return True


def _counted(match: re.Match[str]) -> int | None:
    """Return the time of a number, told by its size; None for one that is hardly a time."""
    if match.re.groupindex.get("tai"):
        seconds, nanoseconds = int(match["tai"][:16], 16), int(match["tai"][16:], 16)
        return (seconds - _TAI_EPOCH) * 1000 + nanoseconds // 1_000_000
    written = match["epoch"]
    if "e" in written:
        return round(float(written) * 1000)
    whole, _, fraction = written.replace(" ", ".").partition(".")
    if len(whole) <= _DIGITS_OF_SECONDS:
        timestamp = int(whole + fraction[:3].ljust(3, "0"))
    else:
        timestamp = int(whole[: _DIGITS_OF_MILLISECONDS - (len(whole) % 3 == 0)])
    return timestamp if _MIN_EPOCH <= timestamp <= _MAX_EPOCH else None
