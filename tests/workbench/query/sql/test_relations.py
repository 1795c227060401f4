"""The bounds of a filter hold every value that may pass it, and little more."""

import operator
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.query.sql.relations import bounds

SCHEMA = pa.schema([("seq", pa.int64()), ("type", pa.string())])
WITHIN = range(-20, 21)
COMPARISONS: list[Callable[[Any, Any], Any]] = [
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]
seq = pc.field("seq")

leaves = (
    st.builds(
        lambda compare, value: compare(seq, value),
        st.sampled_from(COMPARISONS),
        st.integers(-25, 25),
    )
    | st.builds(lambda values: seq.isin(values), st.lists(st.integers(-25, 25), min_size=1))
    | st.sampled_from([pc.field("type") == "info", seq.is_null(), ~seq.is_null()])
)
filters = st.recursive(
    leaves,
    lambda inner: (
        st.builds(operator.and_, inner, inner)
        | st.builds(operator.or_, inner, inner)
        | st.builds(operator.invert, inner)
    ),
    max_leaves=5,
)


@given(filters)
def test_bounds_exclude_no_row_that_passes(chosen: pc.Expression) -> None:
    found = bounds(chosen, "seq", SCHEMA, WITHIN)
    for type_ in ("info", "error"):
        rows = pa.table({"seq": [*WITHIN], "type": [type_] * len(WITHIN)}, SCHEMA)
        passing = rows.filter(chosen)["seq"].to_pylist()
        assert all(value in found for value in passing)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (seq > 3, range(4, 21)),
        (seq >= 3, range(3, 21)),
        (seq < 3, range(-20, 3)),
        (seq == 3, range(3, 4)),
        ((seq > -3) & (seq <= 5) & (pc.field("type") == "info"), range(-2, 6)),
        ((seq == 2) | (seq == 7), range(2, 8)),
        (pc.field("type") == "info", WITHIN),
        (seq.isin([3, 9]), range(3, 10)),
    ],
)
def test_bounds_of_usual_filters_are_exact(chosen: pc.Expression, expected: range) -> None:
    assert bounds(chosen, "seq", SCHEMA, WITHIN) == expected


def test_filter_that_nothing_passes_leaves_next_to_nothing() -> None:
    assert len(bounds((seq > 3) & (seq < 2), "seq", SCHEMA, WITHIN)) <= 1
    assert not bounds(seq > 100, "seq", SCHEMA, WITHIN)


def test_moments_are_found_as_milliseconds() -> None:
    schema = pa.schema([("at", pa.timestamp("ms", "UTC"))])
    since = pa.scalar(1_000, schema.field("at").type)
    until = pa.scalar(2_000, schema.field("at").type)
    chosen = (pc.field("at") >= since) & (pc.field("at") < until)
    assert bounds(chosen, "at", schema, range(-(10**15), 10**15)) == range(1_000, 2_000)
