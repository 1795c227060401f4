"""Digests of questions: two questions share a kept answer only if they mean the same."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import pytest

from waterline.query_text.condition import ColumnPattern, Condition, Pattern, Range
from waterline.query_text.parse import TextQuery
from workbench.query.cache.entries import LEFT_OUT, digest
from workbench.query.pin import Pin
from workbench.query.question import Question

QUESTION: Final = Question()
PIN: Final = Pin(taken_at=1, seq=7, folder="0" * 8, incarnation="1" * 8)
FILTERS: Final[dict[str, tuple[Any, ...]]] = {
    "types": ((), ("a",), ("b",), ("a", "b")),
    "sources": ((), ("a",), ("b",)),
    "without_types": (("a",), ("b",)),
    "without_sources": (("a",), ("b",)),
    "contains": (("",), ("a",), ("a", "b")),
    "lacks": (("",), ("a",)),
    "patterns": tuple(
        (ColumnPattern(*each),)
        for each in (
            ("message", Pattern("a")),
            ("message", Pattern("a"), True),
            ("type", Pattern("a")),
        )
    ),
    "any_of": (
        ((TextQuery(contains=("a",)), TextQuery(contains=("b",))),),
        ((TextQuery(contains=("a",)), TextQuery(lacks=("b",))),),
    ),
    "where": tuple(
        (Condition(*each),)
        for each in (
            ("n", "==", (1,)),
            ("n", "==", (1.0,)),
            ("n", "==", (True,)),
            ("n", "!=", (1,)),
            ("m", "==", (1,)),
            ("m", "==", (Range(1, None),)),
            ("m", "==", (Range(1.0, None),)),
            ("m", "==", (Pattern("1"),)),
            ("m", "==", ("1",)),
            ("m", "exists", ()),
            ("m", "lacks", ()),
        )
    ),
}
"""Of each filter, values with another meaning than its default."""
OTHERS: Final[dict[str, tuple[Any, ...]]] = {
    "clock": ("received_at",),
    "filters": tuple(
        TextQuery(**{name: each}) for name, several in FILTERS.items() for each in several
    ),
    "until": (0, 1),
    "before": ((1, 1), (1, 2)),
    "behind": ((1, 1), (2, 1)),
    "last": (0, 1),
    "first": (1, 2),
    "order": ("newest",),
    "limit": (0, 1),
}
"""Of each member that a digest has, values with another meaning than its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterQuestion(Question):
    """A question with a filter that does not exist yet."""

    severity: int | None = None


def test_digest_has_every_member_of_a_question_but_those_with_a_reason() -> None:
    names = {each.name for each in fields(Question)}
    assert names == {*OTHERS, *LEFT_OUT}
    assert not OTHERS.keys() & LEFT_OUT.keys()
    assert {each.name for each in fields(TextQuery)} == {*FILTERS}


@pytest.mark.parametrize("name", OTHERS)
def test_questions_that_differ_in_a_member_have_other_digests(name: str) -> None:
    asked = [QUESTION, *(replace(QUESTION, **{name: each}) for each in OTHERS[name])]
    assert len({digest(each) for each in asked}) == len(asked)


def test_digest_has_a_filter_that_is_added_to_questions() -> None:
    asked = [LaterQuestion(severity=each) for each in (None, 1, 2)]
    assert len({digest(each) for each in asked}) == len(asked)


def test_digest_has_the_columns_that_are_kept_and_the_seq_of_the_pin() -> None:
    asked = [
        QUESTION,
        replace(QUESTION, columns=("seq", "timestamp")),
        replace(QUESTION, pin=PIN),
        replace(QUESTION, pin=replace(PIN, seq=8)),
    ]
    assert len({digest(each) for each in asked}) == len(asked)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (
            {"filters": TextQuery(types=("b", "a", "b"))},
            {"filters": TextQuery(types=("a", "b"))},
        ),
        (
            {"filters": TextQuery(sources=("b", "a"))},
            {"filters": TextQuery(sources=("a", "b"))},
        ),
        ({"since": 1}, {"since": 2}),
        ({"columns": ("message", "seq", "timestamp")}, {"columns": ("message",)}),
        ({"pin": PIN}, {"pin": replace(PIN, taken_at=2, last="2" * 8)}),
    ],
)
def test_questions_that_one_answer_serves_have_one_digest(
    one: dict[str, Any], another: dict[str, Any]
) -> None:
    assert digest(replace(QUESTION, **one)) == digest(replace(QUESTION, **another))
