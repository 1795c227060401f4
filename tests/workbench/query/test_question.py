"""What an analyst wrote becomes a question, or is refused in a sentence that says why."""

import datetime as dt
import enum
import http
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from waterline.errors import UsageError
from waterline.query_text.condition import OPERATORS, Condition
from waterline.query_text.parse import TextQuery
from workbench.query.question import Filters, Question, ask

NOW = 1_773_748_800_000

NO_MAPPING = "is no mapping; give one such as {'status': 500} or {'duration_ms': ('>', 100)}"
NO_QUERY = "is no text; give one such as 'type:error status>=500'"
NO_CONDITION = (
    f"is not a condition; give a value or (operator, value) with one of {', '.join(OPERATORS)}"
)
FILTERS = "at, columns, contains, limit, node, order, query, since, source, type, until, where"
NOT_COMPARED = "cannot be compared with; give text, a number, True or False"
NANOSECOND = repr(np.timedelta64(1, "ns"))


def asked(**filters: Any) -> Question:  # noqa: ANN401 - also what no analyst should write
    return ask(now=NOW, **filters)


def test_question_without_filters_is_every_log_oldest_first() -> None:
    assert asked() == Question()
    assert asked(**dict.fromkeys(Filters.__optional_keys__)) == Question()


def test_each_filter_becomes_its_part_of_the_question() -> None:
    question = asked(
        type="error",
        source=["a", "b"],
        since="-1h",
        until=dt.datetime(2026, 3, 17, 12, tzinfo=dt.UTC),
        contains="50%",
        where={"status": 500, "host": ("!=", "h1"), "code": ("in", [1, "x", True])},
        order="newest",
        limit=10,
    )
    assert question == Question(
        filters=TextQuery(
            types=("error",),
            sources=("a", "b"),
            contains=("50%",),
            where=(
                Condition("status", "==", (500,)),
                Condition("host", "!=", ("h1",)),
                Condition("code", "in", (1, "x", True)),
            ),
        ),
        since=NOW - 3_600_000,
        until=NOW,
        order="newest",
        limit=10,
    )


@pytest.mark.parametrize("argument", ["type", "source"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("info", {"info"}),
        (["info", "error"], {"info", "error"}),
        (("info", "error"), {"info", "error"}),
        ({"info", "error"}, {"info", "error"}),
        (pd.Series(["info", "error"]), {"info", "error"}),
        (np.array(["info", "error"]), {"info", "error"}),
        (pd.Series(["error", "info"]).unique(), {"info", "error"}),
        ([], set()),
        ("", {""}),
    ],
)
def test_types_and_sources_are_a_text_or_several(
    argument: str, value: object, expected: set[str]
) -> None:
    question = asked(**{argument: value})
    found = question.filters.types if argument == "type" else question.filters.sources
    assert found is not None
    assert set(found) == expected


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_may_stand_before_a_value(operator: str) -> None:
    value = [3] if operator == "in" else 3
    (condition,) = asked(where={"n": (operator, value)}).filters.where
    assert condition == Condition("n", operator, (3,))


@pytest.mark.parametrize(
    "values", [[1, 2], (1, 2), {1, 2}, range(1, 3), np.array([1, 2]), pd.Series([1, 2])]
)
def test_in_takes_any_collection_of_values(values: object) -> None:
    (condition,) = asked(where={"n": ("in", values)}).filters.where
    assert {*condition.values} == {1, 2}
    assert {type(each) for each in condition.values} == {int}


class Level(enum.StrEnum):
    HIGH = "high"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.float64(1.5), 1.5),
        (np.float32(1.5), 1.5),
        (np.bool(True), True),
        (np.str_("a"), "a"),
        (http.HTTPStatus.OK, 200),
        (Level.HIGH, "high"),
        (float("inf"), float("inf")),
        (10**400, 10**400),
    ],
)
def test_value_to_compare_with_may_come_from_numpy_or_an_enum(
    value: object, expected: object
) -> None:
    ((found,),) = [each.values for each in asked(where={"a": value}).filters.where]
    assert found == expected
    assert isinstance(found, str | int | float)
    assert isinstance(found, bool) == isinstance(expected, bool)


def test_limit_beyond_what_sqlite_counts_is_no_limit_to_speak_of() -> None:
    assert asked(limit=10**30).limit == 2**63 - 1
    assert asked(limit=np.int64(7)).limit == 7


def test_empty_range_of_time_is_a_question_too() -> None:
    assert asked(since=5, until=5) == Question(since=5, until=5)


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        (
            {"typ": "error"},
            f"there is no filter typ; the filters are {FILTERS}",
        ),
        (
            {"since": "2026-01-02", "until": "2026-01-01"},
            "since='2026-01-02' lies after until='2026-01-01'; swap them",
        ),
        ({"since": "-1h", "until": "-2h"}, "since='-1h' lies after until='-2h'; swap them"),
        ({"order": "latest"}, "order='latest' is unknown; give 'oldest' (first) or 'newest'"),
        ({"order": ""}, "order='' is unknown; give 'oldest' (first) or 'newest'"),
        ({"order": ["newest"]}, "order=['newest'] is unknown; give 'oldest' (first) or 'newest'"),
        ({"limit": -1}, "limit=-1 is no count; give a whole number, 0 or more"),
        ({"limit": True}, "limit=True is no count; give a whole number, 0 or more"),
        ({"limit": 2.0}, "limit=2.0 is no count; give a whole number, 0 or more"),
        ({"limit": "5"}, "limit='5' is no count; give a whole number, 0 or more"),
        ({"type": 5}, "type=5 is no text; give one, or a list of texts"),
        ({"type": b"info"}, "type=b'info' is no text; give one, or a list of texts"),
        ({"type": ["info", None]}, "type=['info', None] is no text; give one, or a list of texts"),
        ({"source": [1]}, "source=[1] is no text; give one, or a list of texts"),
        ({"source": "\ud800"}, "source='\\ud800' is no text; give one, or a list of texts"),
        ({"contains": 5}, "contains=5 is no text; give the text to look for"),
        ({"contains": ["a"]}, "contains=['a'] is no text; give the text to look for"),
        ({"contains": "\udfff"}, "contains='\\udfff' is no text; give the text to look for"),
        ({"where": [("status", 500)]}, f"where=[('status', 500)] {NO_MAPPING}"),
        (
            {"where": "status>=500"},
            f"where='status>=500' {NO_MAPPING}; a query as text is query='status>=500'",
        ),
        ({"query": {"status": 500}}, f"query={{'status': 500}} {NO_QUERY}"),
        ({"query": "\ud800"}, f"query='\\ud800' {NO_QUERY}"),
        ({"where": {5: 1}}, "where: 5 is no attribute; name it by a text"),
        ({"where": {"\ud800": 1}}, "where: '\\ud800' is no attribute; name it by a text"),
        ({"where": {"a": ("=", 1)}}, f"where['a']=('=', 1) {NO_CONDITION}"),
        ({"where": {"a": (">",)}}, f"where['a']=('>',) {NO_CONDITION}"),
        ({"where": {"a": (1, 2)}}, f"where['a']=(1, 2) {NO_CONDITION}"),
        ({"where": {"a": (["=="], 2)}}, f"where['a']=(['=='], 2) {NO_CONDITION}"),
        ({"where": {"a": ("in", "abc")}}, "where['a']: 'in' wants a list of values, not 'abc'"),
        ({"where": {"a": ("in", 5)}}, "where['a']: 'in' wants a list of values, not 5"),
        (
            {"where": {"a": ("in", {"b": 1})}},
            "where['a']: 'in' wants a list of values, not {'b': 1}",
        ),
        ({"where": {"a": ("in", [1, None])}}, f"where['a']: None {NOT_COMPARED}"),
        ({"where": {"a": None}}, f"where['a']: None {NOT_COMPARED}"),
        ({"where": {"a": float("nan")}}, f"where['a']: nan {NOT_COMPARED}"),
        ({"where": {"a": np.float64("nan")}}, f"where['a']: np.float64(nan) {NOT_COMPARED}"),
        ({"where": {"a": pd.NA}}, f"where['a']: <NA> {NOT_COMPARED}"),
        ({"where": {"a": [1, 2]}}, f"where['a']: [1, 2] {NOT_COMPARED}"),
        ({"where": {"a": np.array([1, 2])}}, f"where['a']: array([1, 2]) {NOT_COMPARED}"),
        ({"where": {"a": np.timedelta64(1, "ns")}}, f"where['a']: {NANOSECOND} {NOT_COMPARED}"),
        ({"where": {"a": "\ud800"}}, f"where['a']: '\\ud800' {NOT_COMPARED}"),
    ],
)
def test_filter_without_meaning_is_refused_in_a_sentence(
    filters: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        asked(**filters)


@pytest.mark.parametrize("argument", ["since", "until"])
def test_time_without_meaning_is_refused_by_its_argument(argument: str) -> None:
    with pytest.raises(UsageError, match=f"^{argument}='soon' is no time"):
        asked(**{argument: "soon"})


def test_text_narrows_the_other_filters() -> None:
    question = ask(
        now=0,
        type=["error", "info"],
        source="web",
        contains="a",
        query="type:error type:x b -c n>1",
    )
    assert question == Question(
        filters=TextQuery(
            types=("error",),
            sources=("web",),
            contains=("a", "b"),
            lacks=("c",),
            where=(Condition("n", ">", (1,)),),
        )
    )
    assert ask(now=0, type="info", query="type:error") == Question(filters=TextQuery(types=()))
