"""A date as it is written in a log, turned into milliseconds UTC."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

MONTH_NAMES: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTHS: Final = {
    written: number
    for number, name in enumerate(MONTH_NAMES, start=1)
    for written in (name, f"{number:02d}")
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def moment(parts: Mapping[str, str | None], year: int, timezone: tzinfo) -> datetime:
    """Return the moment that the parts of a date name, as if they had no zone of their own.

    Args:
        parts: `month` (a name or two digits), `day`, `hour`, `minute` and `second`, and
            `fraction` (digits of a second, cut to milliseconds) where there is one.
        year: the year, all of it.
        timezone: the zone of the result.

    Raises:
        ValueError: the calendar has no such day.
    """
    leap_second = parts["second"] == "60"
    return datetime(
        year,
        _MONTHS[parts["month"] or ""],
        int(parts["day"] or ""),
        int(parts["hour"] or ""),
        int(parts["minute"] or ""),
        59 if leap_second else int(parts["second"] or ""),
        999_000 if leap_second else _microseconds(parts.get("fraction")),
        tzinfo=timezone,
    )


def milliseconds(parts: Mapping[str, str | None], year: int, timezone: tzinfo) -> int:
    """Return the milliseconds since 1970 UTC that the parts of a date name.

    Args:
        parts: as `moment` takes them, and `zone` where the date has one: Z, UTC, GMT or an
            offset such as +02:00, +0200 or +02. Zones of any other name are taken as `timezone`,
            for the same name means different zones in different places.
        year: the year, all of it.
        timezone: the zone of a date that names none.

    Raises:
        ValueError: the calendar has no such day.
    """
    offset = _offset_minutes(parts.get("zone"))
    named = moment(parts, year, timezone if offset is None else UTC)
    # POSIX time has no leap seconds: they are the first moment of the next minute.
    beyond = 1 if parts["second"] == "60" else 0
    return (named - _EPOCH) // _MILLISECOND + beyond - (offset or 0) * 60_000


def _microseconds(fraction: str | None) -> int:
    return int(fraction[:3].ljust(3, "0")) * 1000 if fraction else 0


def _offset_minutes(zone: str | None) -> int | None:
    if zone is None or (zone[0] not in "+-" and zone.upper() not in {"Z", "UTC", "GMT"}):
        return None
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return -minutes if zone[0] == "-" else minutes
