"""Packed attributes: conditions and values by column are those of the JSON."""

import json
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.archive.attribute_columns.packed import pack
from waterline.archive.attribute_columns.split import split
from waterline.query_text.condition import OPERATORS, Condition, Pattern, Range
from waterline.query_text.matching import meeting
from waterline.query_text.paths import lookup
from workbench.query.attribute_values import values_of
from workbench.query.packed_attributes import met_by

NAMES = ["a", "b", "a.b", "a.b.c", "x"]
names = st.sampled_from(["a", "b", "a.b", "c"])
numbers = st.sampled_from(
    [0, 1, 2, -1, 2**53, 2**53 + 1, 2**63, 10**30, 0.0, -0.0, 1.0, 1.5, 1e300]
)
wanted = numbers | st.booleans() | st.sampled_from(["", "1", "x", "xy", "true", "ü"])
scalars = st.none() | wanted
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(names, values, max_size=3)
regular = st.fixed_dictionaries({}, optional={"a": numbers, "b": st.sampled_from(["x", "1"])})
logs = st.lists(objects, max_size=8) | st.lists(regular, max_size=8)
ranges = st.tuples(st.none() | numbers, st.none() | numbers).map(lambda ends: Range(*ends))
conditions = st.one_of(
    st.builds(
        Condition, st.sampled_from(NAMES), st.sampled_from(OPERATORS[:-1]), st.tuples(wanted)
    ),
    st.builds(
        Condition,
        st.sampled_from(NAMES),
        st.just("in"),
        st.lists(wanted, max_size=3).map(tuple),
    ),
    st.builds(
        Condition,
        st.sampled_from(NAMES),
        st.sampled_from(["==", "!="]),
        st.tuples(ranges | st.just(Pattern("^x"))),
    ),
    st.builds(Condition, st.sampled_from(NAMES), st.sampled_from(["exists", "lacks"]), st.just(())),
)


def packed(attributes: list[dict[str, Any]], names: list[str] | None = None) -> pa.ChunkedArray:
    texts = [msgspec.json.encode(each).decode() for each in attributes]
    parts = split(pa.chunked_array([pa.array(texts, pa.string())]))
    columns = {
        place: parts.columns[place].dictionary_decode() for place in parts.layout.needed(names)
    }
    return pa.chunked_array([pack(parts.layout, columns, parts.texts)])


@given(logs, conditions)
def test_condition_is_met_by_column_as_by_value(
    attributes: list[dict[str, Any]], condition: Condition
) -> None:
    found = [lookup(each, condition.attribute) for each in attributes]
    column = packed(attributes, [condition.attribute])
    assert met_by(column, condition).to_pylist() == meeting(found, condition)


@given(logs, st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
def test_values_are_those_of_the_json(attributes: list[dict[str, Any]], names: list[str]) -> None:
    for name, found in zip(names, values_of(packed(attributes, names), names), strict=True):
        expected = [lookup(json.loads(msgspec.json.encode(each)), name) for each in attributes]
        assert [repr(each) for each in found] == [repr(each) for each in expected]


@pytest.mark.parametrize(
    ("operator", "value", "places"),
    [
        (">=", 2, [1, 2]),
        ("==", 2.0, [1]),
        ("!=", 1, [1, 2]),
        ("==", "2", []),
        ("==", True, []),
        (">", 2**53, []),
        ("<", 10**30, [0, 1, 2]),
    ],
)
def test_column_of_integers_is_compared_as_numbers_are(
    operator: str, value: float | str | bool, places: list[int]
) -> None:
    column = packed([{"n": 1}, {"n": 2}, {"n": 3}, {}])
    met = met_by(column, Condition("n", operator, (value,))).to_pylist()
    assert [place for place, does in enumerate(met) if does] == places
