"""Whether a log that comes in meets the text of a query, as stored logs do in SQLite."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from waterline.query_text.condition import Condition
from waterline.query_text.parse import TextQuery

_INT64: Final = range(-(2**63), 2**63)
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


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


def matches(log: Matched, query: TextQuery) -> bool:
    """Return whether a log meets all terms of a query."""
    return (
        (query.types is None or log.type in query.types)
        and (query.sources is None or log.source in query.sources)
        and log.type not in query.without_types
        and log.source not in query.without_sources
        and all(text in log.message for text in query.contains)
        and not any(text in log.message for text in query.lacks)
        and all(_meets(log.attributes.get(each.attribute), each) for each in query.where)
    )


def _meets(value: object, condition: Condition) -> bool:
    if value is None:
        return False
    if condition.operator == "in":
        return any(_holds(value, "==", each) for each in condition.values)
    (wanted,) = condition.values
    if condition.operator == "!=":
        return not _holds(value, "==", wanted)
    return _holds(value, condition.operator, wanted)


def _holds(value: object, how: str, wanted: object) -> bool:
    # Only values of one kind are compared, and True is no number here.
    if _kind(value) != _kind(wanted):
        return False
    return _COMPARE[how](_comparable(value), _comparable(wanted))


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)


def _comparable(value: object) -> object:
    # As SQLite reads it: a real, infinite where none is near.
    return float(str(value)) if type(value) is int and value not in _INT64 else value
