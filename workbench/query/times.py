"""Times and lengths as an analyst gives them: a datetime, ISO text, `"-1h"`, `"10min"`."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from waterline.errors import UsageError
from waterline.integers import INT64
from waterline.units import MILLISECONDS, parse_duration

TimeLike = datetime | date | timedelta | str | int | np.datetime64 | np.timedelta64
"""A moment: a datetime (UTC where it has no zone), a date (its midnight UTC), ISO 8601 text,
text such as `-1h` or a negative length of time (that long ago), or whole milliseconds since 1970
UTC. Those of numpy and pandas are as good."""

_AGO: Final = re.compile(r"-\s*\d")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_milliseconds(value: TimeLike, argument: str, now: int) -> int:
    """Return a moment as milliseconds since 1970 UTC; finer parts are cut.

    Args:
        value: the moment.
        argument: name of the argument, for the error.
        now: milliseconds UTC, from which relative times count.

    Raises:
        UsageError: the value is no moment.
    """
    number = plain(value)
    if isinstance(number, float) and number.is_integer():
        # pandas makes floats of integers beside missing values.
        number = int(number)
    if isinstance(number, bool):
        raise _not_a_time(value, argument)
    if isinstance(number, int):
        if int(number) not in INT64:
            raise _not_a_time(value, argument)
        return int(number)
    if isinstance(number, timedelta):
        if not number < timedelta(0):
            raise _not_a_time(value, argument)
        return now + number // timedelta(milliseconds=1)
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            raise _not_a_time(value, argument)
        return int(value.astype("datetime64[ms]").astype(np.int64))
    if isinstance(value, str):
        if _AGO.match(value.strip()):
            return now - _ago(value, argument)
        value = _from_text(value, argument)
    elif not isinstance(value, datetime):
        if not isinstance(value, date):
            raise _not_a_time(value, argument)
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - given UTC below
    if value != value:
        raise _not_a_time(value, argument)
    return _since_epoch(value if value.tzinfo else value.replace(tzinfo=UTC))


def iso_text(milliseconds: int) -> str:
    """Return milliseconds since 1970 UTC as ISO text, which `to_milliseconds` reads back."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: object) -> object:
    """Return a number, boolean or duration of numpy as Python's; other values unchanged."""
    if isinstance(value, np.timedelta64) and not np.isnat(value):
        return value.astype("timedelta64[us]").item()
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    return value


def bound(value: object) -> object:
    """Return a value of numpy or pandas as a Python value to bind.

    A missing value is None. A moment without a zone is UTC, and cut to microseconds.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None if np.isnat(value) else value.astype(f"{value.dtype.kind}8[us]").item()
    if isinstance(value, pd.Timestamp):
        return value.floor("us").to_pydatetime()
    if isinstance(value, pd.Timedelta):
        return value.floor("us").to_pytimedelta()
    if isinstance(value, np.ndarray | pd.Series | pd.Index | list | tuple):
        return [bound(each) for each in value]
    return str(value) if isinstance(value, np.str_) else plain(value)


def _since_epoch(moment: datetime) -> int:
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def _ago(text: str, argument: str) -> int:
    try:
        return parse_duration(text.strip().removeprefix("-"))
    except ValueError as error:
        units = ", ".join(MILLISECONDS)
        raise UsageError(
            f"{argument}={text!r} is no time ago; write a number and a unit ({units}), as '-1h'"
        ) from error


def _from_text(text: str, argument: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise _not_a_time(text, argument) from error


def _not_a_time(value: object, argument: str) -> UsageError:
    return UsageError(
        f"{argument}={value!r} is no time; give a datetime, ISO text such as "
        "'2026-01-31T12:00', or a time ago such as '-1h'"
    )


def parsed(parse: Callable[[str], int], argument: str, given: object, such: str) -> int:
    """Return a duration or size that was given as text.

    Args:
        parse: reads the text; its ValueError says what is wrong with it.
        argument: name of the argument, for the error.
        given: the text.
        such: an example, for the error.

    Raises:
        UsageError: it is no text or has no meaning; the sentence names the argument.
    """
    length = plain(given)
    if isinstance(length, timedelta) and parse is parse_duration:
        given = f"{length // timedelta(milliseconds=1)}ms"
    if not isinstance(given, str):
        raise UsageError(f"{argument}={given!r} is no text; give one such as {such!r}")
    try:
        return parse(given)
    except ValueError as error:
        raise UsageError(f"{argument}: {error}") from error
