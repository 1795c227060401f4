"""Whether logs that come in meet the text of a query, as stored logs do."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from waterline.integers import INT64
from waterline.query_text.condition import Condition, Pattern, Range
from waterline.query_text.parse import TextQuery
from waterline.query_text.paths import lookup, steps_of
from waterline.query_text.patterns import found

COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""Compares two values, or makes a criterion of SQL of a column and a value, by operator."""


class Matched(Protocol):
    """The parts of a log that a query looks at."""

    @property
    def type(self) -> str:
        """Its type."""

    @property
    def source(self) -> str:
        """Its source."""

    @property
    def message(self) -> str:
        """Its message."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes, as values of JSON."""


def matching(logs: Sequence[Matched], query: TextQuery) -> list[int]:
    """Return the places of the logs that meet a query, ascending.

    Each pattern is matched in one call for all logs, which takes a tenth of the time.
    """
    return _left(logs, [*range(len(logs))], query)


def _left(logs: Sequence[Matched], places: list[int], query: TextQuery) -> list[int]:
    """Return those of some places whose logs meet a query.

    Each filter is a pass of its own over those that the ones before have left.
    """
    if query.types is not None:
        places = [each for each in places if logs[each].type in query.types]
    if query.sources is not None:
        places = [each for each in places if logs[each].source in query.sources]
    if query.without_types:
        places = [each for each in places if logs[each].type not in query.without_types]
    if query.without_sources:
        places = [each for each in places if logs[each].source not in query.without_sources]
    for condition in query.where:
        if not condition.has_patterns:
            places = _meeting_plainly(logs, places, condition)
    for text in query.contains:
        places = [each for each in places if text in logs[each].message]
    for text in query.lacks:
        places = [each for each in places if text not in logs[each].message]
    for of in query.patterns:
        texts = [getattr(logs[each], of.column) for each in places]
        matched = found(texts, of.pattern) if places else []
        places = [each for each, does in zip(places, matched, strict=True) if does != of.is_negated]
    for condition in query.where:
        if condition.has_patterns and places:
            values = [lookup(logs[each].attributes, condition.attribute) for each in places]
            met = meeting(values, condition)
            places = [each for each, does in zip(places, met, strict=True) if does]
    for group in query.any_of:
        some = {each for alternative in group for each in _left(logs, places, alternative)}
        places = [each for each in places if each in some]
    return places


def _meeting_plainly(logs: Sequence[Matched], places: list[int], condition: Condition) -> list[int]:
    """Return those of some places whose logs meet a condition without patterns."""
    name = condition.attribute
    if steps_of(name):
        values = [lookup(logs[each].attributes, name) for each in places]
    else:
        values = [logs[each].attributes.get(name) for each in places]
    # Most logs have no value, and need no further look.
    if condition.operator == "lacks":
        return [each for each, value in zip(places, values, strict=True) if value is None]
    return [
        each
        for each, value in zip(places, values, strict=True)
        if value is not None and _meets(value, condition)
    ]


def meeting(values: Sequence[object], condition: Condition) -> list[bool]:
    """Return for each value of an attribute whether it meets a condition; None is no value."""
    if condition.operator == "lacks":
        return [value is None for value in values]
    if not condition.has_patterns:
        return [value is not None and _meets(value, condition) for value in values]
    patterns = [each for each in condition.values if isinstance(each, Pattern)]
    others = [each for each in condition.values if not isinstance(each, Pattern)]
    texts = [each if isinstance(each, str) else None for each in values]
    equal = [any(_equals(value, each) for each in others) for value in values]
    for pattern in patterns:
        equal = [one or other for one, other in zip(equal, found(texts, pattern), strict=True)]
    if condition.operator == "!=":
        return [value is not None and not does for value, does in zip(values, equal, strict=True)]
    return equal


def _meets(value: object, condition: Condition) -> bool:
    """Return whether a value, not null, meets a condition."""
    if condition.operator == "exists":
        return True
    if condition.operator == "in":
        return any(_equals(value, each) for each in condition.values)
    (wanted,) = condition.values
    if condition.operator == "!=":
        return not _equals(value, wanted)
    if condition.operator == "==":
        return _equals(value, wanted)
    return _holds(value, condition.operator, wanted)


def _equals(value: object, wanted: object) -> bool:
    if isinstance(wanted, Range):
        return (wanted.low is None or _holds(value, ">=", wanted.low)) and (
            wanted.high is None or _holds(value, "<=", wanted.high)
        )
    return _holds(value, "==", wanted)


def _holds(value: object, how: str, wanted: object) -> bool:
    # Only values of one kind are compared, and True is no number here.
    if _kind(value) != _kind(wanted):
        return False
    return bool(COMPARE[how](_comparable(value), _comparable(wanted)))


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)


def _comparable(value: object) -> object:
    # As SQLite reads it: a real, infinite where none is near.
    return float(str(value)) if type(value) is int and value not in INT64 else value
