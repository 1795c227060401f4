"""The codec of questions and answers: the classes that both sides know, and what they must hold."""

from typing import Any, Final

from waterline.query_text.condition import OPERATORS, ColumnPattern, Condition, Pattern, Range
from waterline.query_text.parse import TextQuery
from waterline.query_text.patterns import fault_of
from waterline.storage.catalog import ArchivedBatch
from workbench.query.known import Mark
from workbench.query.moment import Moment
from workbench.query.pin import Pin
from workbench.query.plan import Plan
from workbench.query.question import Question
from workbench.reports.archives import ArchivedDay, Archives
from workbench.reports.holdings import Holdings
from workbench.reports.refusals import Refusals
from workbench.reports.traffic import Basis
from workbench.wire.values import Codec, Unreadable

_QUESTIONS: Final = (Question, TextQuery, Condition, Pattern, Range, ColumnPattern, Pin, Mark)
_ANSWERS: Final = (Moment, Plan, ArchivedBatch, Holdings, Archives, ArchivedDay, Refusals, Basis)

CODEC: Final = Codec(*_QUESTIONS, *_ANSWERS)

_OPERATORS: Final = frozenset({*OPERATORS, "exists", "lacks"})
# Values that `exists` and `lacks` have none of, and others but `in` have one of.
_WITHOUT: Final = frozenset({"exists", "lacks"})


def checked(question: object) -> Question:
    """Return a question that came in, if its filters have a meaning.

    Raises:
        Unreadable: it has none, or is no question.
    """
    if not isinstance(question, Question):
        raise Unreadable(f"{question!r:.80} is no question")
    _check_filters(question.filters)
    if question.limit is not None and question.limit < 0:
        raise Unreadable(f"limit={question.limit} is no count")
    return question


def _check_filters(query: TextQuery) -> None:
    for each in query.patterns:
        _check_pattern(each.pattern)
    for condition in query.where:
        count = len(condition.values)
        fits = not count if condition.operator in _WITHOUT else count == 1
        if condition.operator not in _OPERATORS or not (fits or condition.operator == "in"):
            raise Unreadable(f"{condition!r:.80} is no condition")
        for value in condition.values:
            _check_pattern(value)
    for group in query.any_of:
        for each in group:
            _check_filters(each)


def _check_pattern(value: Any) -> None:  # noqa: ANN401 - any value of a condition
    fault = fault_of(value.text) if isinstance(value, Pattern) else None
    if fault is not None:
        raise Unreadable(fault)
