"""Conditions on indexed attributes of hot logs, answered by `attribute_values`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, not_, or_, select, true

from waterline.query_text.condition import Condition, Pattern, Range, Scalar
from waterline.query_text.matching import COMPARE
from waterline.storage.attribute_index import FALSE, OTHER, TRUE
from waterline.storage.tables import attribute_values, indexed_attributes
from workbench.query.comparing import in_sql, is_one_of
from workbench.query.database import View
from workbench.query.hot_count import count_hot_logs
from workbench.query.moment import Moment
from workbench.query.question import Question

# Share of hot logs up to which it is faster to look each up than to read all.
_FEW: Final = 0.1

_value: Final = attribute_values.c.value
_TEXTS: Final = (_value >= "", _value < FALSE)


@dataclass(frozen=True, slots=True)
class Indexed:
    """A condition of a question, with what the index knows of it."""

    condition: Condition
    seqs: Select[Any]
    """Seqs of hot logs that meet it, among others below the watermark or beyond the question."""
    is_selective: bool
    """Whether so few meet it that they are best looked up one by one."""


def read_index(view: View, question: Question, moment: Moment) -> tuple[Indexed, ...]:
    """Return the conditions of a question that the index answers, those of few logs first.

    Args:
        view: a view of logs.db.
        question: what is asked.
        moment: the moment of the view.
    """
    if not question.filters.where:
        return ()
    whole = select(indexed_attributes.c.name, indexed_attributes.c.attribute).where(
        indexed_attributes.c.indexed_from <= moment.archived_through
    )
    numbers = dict(view.rows(whole))
    met = [
        (each, _seqs(numbers[each.attribute], each))
        for each in question.filters.where
        if each.attribute in numbers and each.operator != "lacks" and not each.has_patterns
    ]
    if not met:
        return ()
    few = _few(count_hot_logs(view, moment, question.through), question.limit)
    counted = [(_count(view, seqs, few + 1), each, seqs) for each, seqs in met]
    counted.sort(key=lambda each: each[0])
    return tuple(Indexed(each, seqs, count <= few) for count, each, seqs in counted)


def _few(logs: int, limit: int | None) -> int:
    """Return how many matches are few.

    Args:
        logs: number of hot logs.
        limit: number of newest logs that are asked for; None is all.
    """
    few = int(logs * _FEW)
    # The newest are found by walking backwards through limit / matches of all logs.
    return few if limit is None else min(few, math.isqrt(limit * logs))


def _count(view: View, seqs: Select[Any], most: int) -> int:
    ((count,),) = view.rows(select(func.count()).select_from(seqs.limit(most).subquery()))
    return int(count)


def _seqs(attribute: int, condition: Condition) -> Select[Any]:
    return select(attribute_values.c.seq).where(
        attribute_values.c.attribute == attribute, _meets(condition)
    )


def _meets(condition: Condition) -> ColumnElement[bool]:
    """Return the criterion of a value; it takes what `filters` takes of the JSON."""
    if condition.operator == "exists":
        return true()
    if condition.operator in ("in", "=="):
        return _equals(condition.values)
    if condition.operator == "!=":
        return not_(_equals(condition.values))
    (wanted,) = condition.values
    if isinstance(wanted, Range | Pattern):
        raise TypeError(f"{wanted!r} is not compared by {condition.operator}")
    return and_(*_of_its_kind(wanted), COMPARE[condition.operator](_value, _kept(wanted)))


def _of_its_kind(wanted: Scalar) -> Sequence[ColumnElement[bool]]:
    # SQLite orders numbers before texts, and these before bytes.
    if isinstance(wanted, bool):
        return (_value >= FALSE, _value < OTHER)
    return _TEXTS if isinstance(wanted, str) else (_value < "",)


def _equals(values: Sequence[Scalar | Range | Pattern]) -> ColumnElement[bool]:
    tests: list[ColumnElement[bool]] = []
    alike = [each for each in values if not isinstance(each, Range | Pattern | bool)]
    if alike:
        is_one = _value == in_sql(alike[0]) if len(alike) == 1 else is_one_of(_value, alike)
        tests.append(is_one)
    for each in values:
        if isinstance(each, bool):
            tests.append(_value == _kept(each))
        elif isinstance(each, Range):
            ends = ((">=", each.low), ("<=", each.high))
            given = [COMPARE[how](_value, in_sql(end)) for how, end in ends if end is not None]
            tests.append(and_(_value < "", *given))
    return or_(false(), *tests)


def _kept(value: Scalar) -> object:
    if isinstance(value, bool):
        return literal(TRUE if value else FALSE)
    return in_sql(value)
