"""The codec of questions and answers: the classes that both sides know, and what they must hold."""

from typing import Final

import numpy as np

from waterline.archive.columns import NAMES
from waterline.query_text.condition import OPERATORS, ColumnPattern, Condition, Pattern, Range
from waterline.query_text.parse import TextQuery
from waterline.query_text.patterns import fault_of
from waterline.storage.catalog import ArchivedBatch
from workbench.explore.calls import Came
from workbench.explore.lines import Lines, LogLine, Piece
from workbench.explore.percentiles import Percentiles
from workbench.explore.steps import Steps
from workbench.explore.tally import Read, Tally
from workbench.patterns.patterns import FoundPatterns
from workbench.query.gaps import Gap
from workbench.query.known import Mark
from workbench.query.moment import Moment
from workbench.query.pin import LakePin, Pin
from workbench.query.plan import Plan
from workbench.query.question import Question
from workbench.reports.archives import ArchivedDay, Archives
from workbench.reports.holdings import Holdings
from workbench.reports.refusals import Refusals
from workbench.reports.traffic import Basis
from workbench.wire.values import Codec, Unreadable

_QUESTIONS: Final = (
    Question,
    TextQuery,
    Condition,
    Pattern,
    Range,
    ColumnPattern,
    Pin,
    LakePin,
    Mark,
)
_ANSWERS: Final = (Moment, Plan, ArchivedBatch, Holdings, Archives, ArchivedDay, Refusals, Basis)
_OF_PAGES: Final = (
    *(Lines, LogLine, Gap, Piece, Tally, Read, Steps, Percentiles, Came),
    FoundPatterns,
)

# Steps of a chart at most; a page is never so wide.
_MOST_STEPS: Final = 2_000
# Operators without values; all others but `in` have one.
_WITHOUT: Final = frozenset({"exists", "lacks"})
_OPERATORS: Final = frozenset({*OPERATORS, *_WITHOUT})


def _check_question(question: Question) -> None:
    if question.limit is not None and question.limit < 0:
        raise Unreadable(f"limit={question.limit} is no count")
    unknown = {*question.columns} - {*NAMES}
    if unknown or not question.columns:
        raise Unreadable(f"{question.columns} are no columns of logs")


def _check_condition(condition: Condition) -> None:
    count = len(condition.values)
    fits = not count if condition.operator in _WITHOUT else count == 1
    if condition.operator not in _OPERATORS or not (fits or condition.operator == "in"):
        raise Unreadable(f"{condition!r:.80} is no condition")


def _check_pattern(pattern: Pattern) -> None:
    fault = fault_of(pattern.text)
    if fault is not None:
        raise Unreadable(fault)


def _check_steps(steps: Steps) -> None:
    edges = steps.edges
    if not 1 < len(edges) <= _MOST_STEPS or (np.diff(edges) <= 0).any() or steps.length <= 0:
        raise Unreadable("these are no steps of time")


CODEC: Final = Codec(
    [*_QUESTIONS, *_ANSWERS, *_OF_PAGES],
    {
        Question: _check_question,
        Condition: _check_condition,
        Pattern: _check_pattern,
        Steps: _check_steps,
    },
)
