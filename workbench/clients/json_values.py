r"""Values of programs as JSON: one rule for those of Python, numpy and pandas.

Missing values (None, NaN, NaT, NA) are null. Numbers are numbers; infinities, which JSON lacks, are
the texts `Infinity` and `-Infinity`. Times are RFC 3339, in UTC where they name no zone. Decimals,
UUIDs, enums, durations and paths are texts, and so are bytes: those that are no UTF-8 as `\xNN`.
Sequences, sets, arrays and Series are arrays; mappings and dataclasses are objects, whose keys are
texts. Other values are refused, as their text would lose what they were.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isinf
from numbers import Integral, Real
from typing import Any, Final
from uuid import UUID

import msgspec

from waterline.errors import UsageError

_encode: Final = msgspec.json.Encoder().encode
# Types that JSON has; floats are checked, as JSON lacks some.
_PLAIN: Final = frozenset({str, int, bool, type(None)})


def encode_log(log: Mapping[str, object]) -> bytes:
    """Return a log with values of JSON as text in UTF-8, on one line.

    Raises:
        UsageError: a text in it is no Unicode, or it is nested too deep.
    """
    try:
        return _encode(log)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"this log cannot be written as JSON: {error}") from error


def to_json(log: object) -> Mapping[str, object]:
    """Return a log with values of JSON; the same object if nothing changes.

    Raises:
        UsageError: the log is no mapping, or a value has no JSON; the sentence names the member.
    """
    if type(log) is not dict and not isinstance(log, Mapping):
        raise UsageError(
            "a log is a dict or another mapping with type and message, and not "
            f"{_article(type(log).__name__)}"
        )
    try:
        for key, value in log.items():
            if type(key) is not str or not (type(value) in _PLAIN or _is_plain(value)):
                return _object(log, "")
    except RecursionError as error:
        raise UsageError(
            "this log cannot be written as JSON: it holds itself, or is nested too deep"
        ) from error
    return log


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - anything
    """Return whether a value is JSON as it stands."""
    kind = type(value)
    if kind is float:
        return bool(value - value == 0)
    if kind is dict:
        return all(
            type(key) is str and (type(each) in _PLAIN or _is_plain(each))
            for key, each in value.items()
        )
    if kind is list:
        return all(type(each) in _PLAIN or _is_plain(each) for each in value)
    return kind in _PLAIN


def _value(value: Any, place: str) -> object:  # noqa: ANN401 - one line a kind
    """Return the JSON value of a value at a place in the log."""
    if type(value) in _PLAIN:
        return value
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        value = _scalar(value)
    if _is_missing(value):
        return None
    if isinstance(value, Enum):
        return _value(value.value, place)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | Integral):
        return bool(value) if isinstance(value, bool) else int(value)
    if isinstance(value, Real):
        number = float(value)
        return str(number).replace("inf", "Infinity") if isinf(number) else number
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return msgspec.to_builtins(timedelta(value.days, value.seconds, value.microseconds))
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, os.PathLike):
        return _value(os.fspath(value), place)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode(errors="backslashreplace")
    if isinstance(value, Mapping):
        return _object(value, place)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = ((each.name, getattr(value, each.name)) for each in dataclasses.fields(value))
        return _object(dict(members), place)
    if isinstance(value, Set):
        # Sorted, so that equal logs are equal texts.
        return sorted((_value(each, place) for each in value), key=repr)
    if isinstance(value, Sequence):
        return [_value(each, f"{place}[{index}]") for index, each in enumerate(value)]
    try:
        return msgspec.to_builtins(value)  # of msgspec and attrs
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"this log cannot be written as JSON: {place} is {_article(type(value).__name__)}; "
            "give a text, a number, a time, or lists and dicts of them"
        ) from error


def _object(members: Mapping[Any, object], place: str) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in members.items():
        name = key if type(key) is str else _name(key)
        if name in result:
            raise UsageError(
                f"this log cannot be written as JSON: {place or 'it'} has two members {name!r}"
            )
        result[name] = _value(value, f"{place}.{name}" if place else name)
    return result


def _name(key: object) -> str:
    """Return a key as text, as JSON or Python writes its value."""
    try:
        value = _value(key, "a key")
    except UsageError:
        return str(key)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _scalar(value: Any) -> object:  # noqa: ANN401 - numpy and pandas are not loaded for this
    """Return a value of numpy or pandas as a Python value."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if getattr(value, "ndim", 0) or not kind:
        if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1:
            return list(value)
        if hasattr(value, "tolist"):
            return value.tolist()
        # Timestamps and timedeltas of pandas are Python's too; periods and intervals are not.
        is_known = isinstance(value, datetime | timedelta) or _is_missing(value)
        return value if is_known or hasattr(value, "items") else str(value)
    if kind in "mM" and str(value) == "NaT":
        return None
    if kind == "M":
        # Python's isoformat would cut nanoseconds.
        exact = f"{value}Z"
        return exact if "." in exact else value.astype("datetime64[us]").item()
    if kind == "m":
        return value.astype("timedelta64[us]").item()
    return float(value) if kind == "f" else value.item()


def _is_missing(value: Any) -> bool:  # noqa: ANN401 - anything
    """Return whether a value is missing: None, NaN, NaT or NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Real | Decimal):
        return bool(value != value)
    return False


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
