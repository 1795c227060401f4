"""Columns of logs of our own contract, checked member by member over all of them."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple, cast

from waterline.recognition.own_logs import MAX_TYPE_LENGTH, may_be_of_others
from waterline.recognition.time_values import (
    MILLISECONDS_BELOW,
    SECONDS_BELOW,
    time_of_number,
    time_of_text,
    times_of_texts,
)


class OddLog(Exception):
    """Some log breaks a rule, or may, so each must be checked alone."""


class LogColumns(NamedTuple):
    """Members of logs, a value a log."""

    ids: Sequence[object]
    """None where one is to be made."""
    types: Sequence[str]
    timestamps: Sequence[int | None]
    messages: Sequence[str]
    attributes: Sequence[dict[str, object]]


def take_ours(logs: Sequence[dict[str, object]], *, told: bool) -> LogColumns:
    """Take the members of logs of our own contract; what is left are their attributes.

    Args:
        logs: the logs.
        told: whether each is known to be no object of another program.

    Raises:
        OddLog: one of them breaks a rule, or may.
    """
    ids = _take(logs, "id")
    types = short_texts(_take(logs, "type"), MAX_TYPE_LENGTH)
    given = _take(logs, "timestamp")
    if not told and may_be_of_others(logs, given):
        raise OddLog
    timestamps = _read_timestamps(given)
    messages = _take(logs, "message")
    if kinds_of(messages) != {str}:
        raise OddLog
    return LogColumns(ids, types, timestamps, cast("Sequence[str]", messages), logs)


def _take(logs: Sequence[dict[str, object]], member: str) -> list[object]:
    return list(map(dict.pop, logs, repeat(member), repeat(None)))


def short_texts(values: Sequence[object], longest: int) -> Sequence[str]:
    """Return values that are texts of 1 to so many characters.

    Raises:
        OddLog: one of them is not.
    """
    if kinds_of(values) != {str}:
        raise OddLog
    texts = cast("Sequence[str]", values)
    lengths = set(map(len, texts))
    if min(lengths) < 1 or max(lengths) > longest:
        raise OddLog
    return texts


def kinds_of(values: Iterable[object]) -> set[type]:
    """Return the classes of values."""
    return set(map(type, values))


def _read_timestamps(given: Sequence[object]) -> Sequence[int | None]:
    kinds = kinds_of(given)
    if kinds <= {int, type(None)}:
        known = cast("list[int]", [each for each in given if each is not None])
        # Milliseconds, as nearly all are.
        if not known or SECONDS_BELOW <= min(known) <= max(known) < MILLISECONDS_BELOW:
            return cast("Sequence[int | None]", given)
    try:
        if kinds == {str}:
            return times_of_texts(cast("Sequence[str]", given))
        return list(map(_time_of, given))
    except ValueError as error:
        raise OddLog from error


def _time_of(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        return time_of_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OddLog
    return time_of_number(value)
