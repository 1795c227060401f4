"""Times as values of JSON members: numbers by their size, RFC 3339 and what is written like it.

What cannot be read as a time is no time; it never becomes another one.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from waterline.recognition.time_names import ZONES, region

# Milliseconds. The years 0001 to 9999, which RFC 3339 and every DataFrame library support.
MIN_TIMESTAMP: Final = -62_135_596_800_000
MAX_TIMESTAMP: Final = 253_402_300_799_999
# Numbers below these are seconds, milliseconds, microseconds; others are nanoseconds.
SECONDS_BELOW: Final = 10**11
MILLISECONDS_BELOW: Final = 10**14
MICROSECONDS_BELOW: Final = 10**17
# Seconds below which a float is exact to a microsecond.
_EXACT_BELOW: Final = 2**32
CREDIBLE: Final = range(946_684_800_000, 4_102_444_800_000)
"""2000 to 2100. Another number in an object of another program counts from a start, or counts
something else."""


class BeyondYears(ValueError):
    """A time before the year 1 or after the year 9999."""


# Characters of a time as any program writes it, with room to spare.
_LONGEST: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE: Final = _EPOCH.replace(tzinfo=None)
_LENGTH_OF_MICROSECONDS: Final = len("2026-11-24T10:00:00.123456Z")
_TOO_FINE: Final = re.compile(r"(\.\d{6})\d+", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,20}(?:\.\d{0,30})?(?:[eE]\+?\d{1,2})?", re.ASCII)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_CLOCK: Final = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?"
_OFFSET: Final = r"(?:(?P<sign>[+-])(?P<zone_hours>\d\d)(?::?(?P<zone_minutes>\d\d))?)"
_ZONE: Final = rf"(?:[ ]?(?:Z|z|UTC|GMT|{_OFFSET}))?"
_RELATIVE: Final = re.compile(
    rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)(?:[Tt]|[ ]){_CLOCK}{_ZONE}", re.ASCII
)
_MONTH: Final = rf"(?P<month>(?i:{'|'.join(_MONTHS)}))"
_WEEKDAY: Final = r"(?:(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?[ ]+)?"
_YEAR: Final = r"(?P<year>\d{4})"
_DAY: Final = r"(?P<day>\d\d?)"
_PATTERNS: Final = {
    "without seconds, with slashes, with the zone's name as Java writes it": (
        rf"{_YEAR}(?P<dash>[-/.])(?P<month>\d\d)(?P=dash)(?P<day>\d\d)[T _]+"
        rf"(?:{_CLOCK}|(?P<hour_>\d\d):(?P<minute_>\d\d)){_ZONE}(?:\[[\w/+-]+\])?"
    ),
    "ISO 8601 without dashes": (
        rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)[T ]?(?P<hour>\d\d)(?P<minute>\d\d)"
        rf"(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?{_ZONE}"
    ),
    "24/Nov/2026:10:00:00 +0000": rf"\[?{_DAY}[/ -]{_MONTH}[/ -]{_YEAR}[: ]{_CLOCK}{_ZONE}\]?",
    "Tue, 24 Nov 2026 10:00:00 GMT": rf"{_WEEKDAY}{_DAY} {_MONTH}[a-z]* {_YEAR} {_CLOCK}{_ZONE}",
    "Tue Nov 24 10:00:00 2026, Tue Nov 24 10:00:00 CET 2026": (
        rf"{_WEEKDAY}{_MONTH} +{_DAY} {_CLOCK}(?: (?P<zone_name>[A-Z]{{2,5}}))? {_YEAR}{_ZONE}"
    ),
    "2026-11-24 10:00:00.123 CET": (
        rf"{_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)[T ]{_CLOCK} (?P<zone_name>[A-Z]{{2,5}})"
    ),
    "Tue Nov 24 2026 10:00:00 GMT+0100 (CET), Nov 24, 2026 @ 10:00:00.123": (
        rf"{_WEEKDAY}{_MONTH}[a-z]* +{_DAY},? {_YEAR} (?:@ )?{_CLOCK}"
        rf"(?: ?(?:Z|UTC|(?:GMT)?{_OFFSET}?))(?: \([^()]*\))?"
    ),
}
_OTHERS: Final = tuple(re.compile(each, re.ASCII) for each in _PATTERNS.values())
# How .NET wrote times in JSON, PowerShell still does. The offset only says where it was written.
_MICROSOFT: Final = re.compile(r"/Date\((-?\d{1,20})(?:[+-]\d{4})?\)/", re.ASCII)


def parse_rfc3339(text: str) -> int:
    """Parse an RFC 3339 date-time (section 5.6) to milliseconds UTC, truncated.

    A leap second (`:60`) is the first moment of the next minute, as in POSIX time.

    Raises:
        ValueError: the text is no RFC 3339 date-time.
    """
    try:
        moment, has_zone = _converted(text)
    except msgspec.ValidationError as error:
        raise ValueError(f"{text!r} is no RFC 3339 time") from error
    if not has_zone:
        raise ValueError(f"{text!r} has no zone; RFC 3339 wants Z or an offset")
    return moment


def _converted(text: str) -> tuple[int, bool]:
    """Return milliseconds UTC of an RFC 3339 time, and whether it has a zone.

    Raises:
        msgspec.ValidationError: it is none.
        OverflowError: its offset leads out of the years of a datetime.
    """
    leap = text[17:19] == "60"
    if leap:
        text = f"{text[:17]}59{text[19:]}"
    if len(text) > _LENGTH_OF_MICROSECONDS:
        # msgspec would round fractions finer than microseconds, up into the next second.
        text = _TOO_FINE.sub(r"\1", text, count=1)
    parsed = msgspec.convert(text, datetime)
    has_zone = parsed.tzinfo is not None
    moment = _since(parsed - (_EPOCH if has_zone else _EPOCH_WITHOUT_ZONE))
    return (moment - moment % 1000 + 1000 if leap else moment), has_zone


def time_of_number(number: float) -> int:
    """Return the milliseconds UTC that a number means by its size, cut to whole ones.

    Below 10^11 it counts seconds, below 10^14 milliseconds, below 10^17 microseconds, else
    nanoseconds; so 1795514400, 1795514400.0 and 1795514400000000000 are one moment.

    Raises:
        ValueError: the number is not finite, or beyond the years 1 to 9999.
    """
    if not isinstance(number, int) and not math.isfinite(number):
        raise ValueError(f"{number} is no time")
    size = abs(number)
    if size < SECONDS_BELOW:
        moment = number * 1000 if isinstance(number, int) else milliseconds_of(number)
    elif size < MILLISECONDS_BELOW:
        moment = math.floor(number)
    else:
        moment = int(number) // (1000 if size < MICROSECONDS_BELOW else 1_000_000)
    return within_years(moment)


def milliseconds_of(seconds: float) -> int:
    """Return the whole milliseconds of seconds as they were written, with a fraction."""
    if abs(seconds) < _EXACT_BELOW:
        # By way of microseconds, as a float is a little more or less than what was written.
        return round(seconds * 1_000_000) // 1000
    return math.floor(Decimal(repr(seconds)) * 1000)


def time_of_text(text: str) -> int:
    """Return the milliseconds UTC that a text means: RFC 3339 and its relatives, or a number.

    A space may stand for the T, a comma before the fraction, the offset may lack its colon or its
    minutes; without a zone it is UTC, and 24:00:00 is the end of a day. A number counts by its
    size.

    Raises:
        ValueError: the text is no such time, or beyond the years 1 to 9999.
    """
    try:
        moment, _ = _converted(text.replace(",", ".", 1))
    except (msgspec.ValidationError, OverflowError):
        pass
    else:
        return within_years(moment)
    if found := _RELATIVE.fullmatch(text):
        return _moment(found.groupdict())
    if _NUMBER.fullmatch(text):
        return _time_of_digits(text)
    raise ValueError(f"{text[:60]!r} is no time")


def times_of_texts(texts: Sequence[str]) -> list[int]:
    """Return what `time_of_text` makes of each text, several times as fast where all are RFC 3339.

    Raises:
        ValueError: one is no such time, or beyond the years 1 to 9999.
    """
    longest = max(map(len, texts), default=0)
    cut = texts if longest <= _LENGTH_OF_MICROSECONDS else list(map(_without_nanoseconds, texts))
    try:
        moments = msgspec.convert(cut, list[datetime])
        spans = [moment - _EPOCH for moment in moments]
    except (msgspec.ValidationError, OverflowError, TypeError):
        pass  # a comma, a leap second, no zone
    else:
        found = [
            (span.days * 86_400 + span.seconds) * 1000 + span.microseconds // 1000 for span in spans
        ]
        if found and min(found) >= MIN_TIMESTAMP and max(found) <= MAX_TIMESTAMP:
            return found
    return [time_of_text(each) for each in texts]


def _without_nanoseconds(text: str) -> str:
    """Cut the digits beyond microseconds, by which msgspec would round up; else return no time."""
    if len(text) <= _LENGTH_OF_MICROSECONDS:
        return text
    too_fine = text[_LENGTH_OF_MICROSECONDS - 1 : -1]
    if text[-1] == "Z" and too_fine.isdecimal() and too_fine.isascii():
        return f"{text[: _LENGTH_OF_MICROSECONDS - 1]}Z"
    return ""


def read_time(value: object) -> int | None:
    """Return the milliseconds UTC that a member of an object of another program means.

    Numbers and texts as above, further ways to write a date, and what programs nest: MongoDB's
    `$date`, Log4j's `epochSecond` and `nanoOfSecond`, protobuf's `seconds` and `nanos`, Jackson's
    arrays, a `date` with a `timezone`. None if it is none of these: then the member says
    something else, such as the seconds since a start.
    """
    try:
        return _read(value)
    except (ValueError, OverflowError):
        return None


def _read(value: object) -> int | None:
    if isinstance(value, str):
        return _time_of_any_text(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _credible(time_of_number(value))
    if isinstance(value, Mapping):
        return _time_of_object(value)
    if isinstance(value, Sequence):
        return _time_of_array(value)
    return None


def _time_of_any_text(text: str) -> int | None:
    if len(text) > _LONGEST:
        return None
    text = text.strip()
    try:
        moment = time_of_text(text)
    except ValueError:
        return _time_of_other_text(text)
    if text[4:5] == "-":
        return _dated(moment)
    # Fourteen digits that are a date are one, not a moment in the year 2600.
    return _time_of_other_text(text) if _credible(moment) is None else moment


def _time_of_other_text(text: str) -> int | None:
    for pattern in _OTHERS:
        if found := pattern.fullmatch(text):
            return _dated(_moment(found.groupdict()))
    found = _MICROSOFT.fullmatch(text)
    return _credible(int(found[1])) if found else None


def _dated(moment: int) -> int | None:
    """Return a moment but for a year 1, or 1970, which is how programs write that there is none."""
    return moment if moment > 0 else None


def _credible(moment: int) -> int | None:
    return moment if moment in CREDIBLE else None


def _time_of_object(value: Mapping[str, object]) -> int | None:
    for member in ("$date", "$numberLong", "timestamp", "repr", "iso", "@SystemTime", "SystemTime"):
        if member in value:
            return _read(value[member])
    for seconds, nanoseconds in (("epochSecond", "nanoOfSecond"), ("seconds", "nanos")):
        if seconds in value:
            whole = _read(value[seconds])
            part = value.get(nanoseconds, 0)
            if whole is None or not isinstance(part, int):
                return whole
            return whole + part // 1_000_000
    date = value.get("date")
    zone = value.get("timezone", "UTC")
    # PHP's DateTime.
    if not isinstance(date, str) or not isinstance(zone, str):
        return None
    if "/" not in zone:
        return _time_of_any_text(f"{date}{'Z' if zone in ('UTC', 'Z') else zone}")
    moment, place = _time_of_any_text(date), region(zone)
    if moment is None or place is None:
        return None
    local = _EPOCH + timedelta(milliseconds=moment)
    return _since(local.replace(tzinfo=place) - _EPOCH)


def _time_of_array(value: Sequence[object]) -> int | None:
    """Return the time of year, month, day, hour, minute and perhaps second and nanosecond."""
    whole = [each for each in value if isinstance(each, int)]
    if not 5 <= len(whole) == len(value) <= 7:
        return None
    year, month, day, hour, minute, second, nanosecond = (*whole, 0, 0)[:7]
    moment = datetime(year, month, day, hour, minute, second, nanosecond // 1000, tzinfo=UTC)
    return _since(moment - _EPOCH)


def _time_of_digits(text: str) -> int:
    if text.lstrip("+-").isdigit():
        return time_of_number(int(text))
    number = Decimal(text)
    if abs(number) >= MILLISECONDS_BELOW:
        return time_of_number(int(number))
    in_seconds = abs(number) < SECONDS_BELOW
    return within_years(math.floor(number * 1000 if in_seconds else number))


def _moment(parts: Mapping[str, str | None]) -> int:
    """Return the moment that the parts of a date name.

    Raises:
        ValueError: the calendar or the clock has no such time, or it is beyond the years.
    """

    def number(name: str) -> int:
        return int(parts.get(name) or 0)

    month = parts["month"] or ""
    hour = number("hour") or number("hour_")
    minute = number("minute") or number("minute_")
    second = number("second")
    fraction = (parts.get("fraction") or "")[:3].ljust(3, "0")
    milliseconds = int(fraction)
    later = 0
    if hour == 24 and not minute and not second and not milliseconds:
        hour, later = 0, 86_400_000
    if second == 60:
        second, milliseconds, later = 59, 0, later + 1000
    if number("zone_hours") > 23 or number("zone_minutes") > 59:
        raise ValueError("no time zone is so far away")
    days = number("year"), _MONTHS.get(month.lower()) or int(month), number("day")
    try:
        moment = datetime(*days, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise ValueError("this is no time of the calendar and the clock") from error
    offset = (number("zone_hours") * 60 + number("zone_minutes")) * 60_000
    if parts.get("sign") == "-":
        offset = -offset
    if zone := parts.get("zone_name"):
        if zone not in ZONES:
            raise ValueError(f"the time zone {zone} is not known, or means several")
        offset = ZONES[zone] * 60_000
    return within_years(_since(moment - _EPOCH) + milliseconds + later - offset)


def _since(epoch: timedelta) -> int:
    return (epoch.days * 86_400 + epoch.seconds) * 1000 + epoch.microseconds // 1000


def within_years(moment: int) -> int:
    """Return milliseconds UTC that lie in the years 1 to 9999.

    Raises:
        BeyondYears: they do not.
    """
    if not MIN_TIMESTAMP <= moment <= MAX_TIMESTAMP:
        raise BeyondYears("this is beyond the years 1 to 9999")
    return moment
