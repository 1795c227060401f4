"""A summary: what is kept of values is the same whether they come singly, packed or merged."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.metrics.sketch import LARGEST
from waterline.metrics.summary import Packed, Summary

values = st.floats(-LARGEST, LARGEST) | st.integers(-(2**53), 2**53)
parts = st.lists(st.lists(values, min_size=1, max_size=20), min_size=1, max_size=6)


def singly(*numbers: float) -> Summary:
    summary = Summary()
    for each in numbers:
        summary.add(each)
    return summary


def assert_same(found: Summary, expected: Summary) -> None:
    assert (found.count, found.min, found.max) == (expected.count, expected.min, expected.max)
    # Sums of floats depend on their order in the last bits, of the largest that was added.
    most = max(abs(expected.min or 0), abs(expected.max or 0)) * expected.count
    assert math.isclose(found.sum, expected.sum, rel_tol=1e-12, abs_tol=1e-12 * most)
    assert found.sketch is not None
    assert expected.sketch is not None
    assert found.sketch.cells() == expected.sketch.cells()


@given(parts)
def test_packed_values_are_same_as_single_ones(groups: list[list[float]]) -> None:
    packed = Summary()
    packed.add_packed([Packed.of(each) for each in groups])
    assert_same(packed, singly(*(value for each in groups for value in each)))


@given(parts)
def test_merged_summaries_are_same_as_one(groups: list[list[float]]) -> None:
    merged = Summary()
    for each in groups:
        merged.merge(singly(*each))
    assert_same(merged, singly(*(value for each in groups for value in each)))


@given(values, st.integers(1, 1000))
def test_value_seen_often_counts_as_often(value: float, times: int) -> None:
    summary = Summary()
    summary.add(value, times)
    assert (summary.count, summary.min, summary.max) == (times, value, value)
    assert summary.quantile(0.5) == value


@given(st.lists(values, min_size=1, max_size=30), st.floats(0, 1))
def test_quantile_is_never_outside_what_was_seen(numbers: list[float], share: float) -> None:
    found = singly(*numbers).quantile(share)
    assert found is not None
    assert min(numbers) <= found <= max(numbers)


def test_empty_summary_has_no_figures() -> None:
    empty = Summary()
    assert (empty.average, empty.quantile(0.5), empty.min, empty.max) == (None, None, None, None)


def test_counts_have_average_and_no_quantiles() -> None:
    summary = Summary()
    summary.add_count(4, 10)
    other = Summary()
    other.add_count(1, 5)
    summary.merge(other)
    assert (summary.count, summary.sum, summary.average) == (5, 15, 3.0)
    assert (summary.min, summary.max, summary.sketch, summary.quantile(0.5)) == (None,) * 4


def test_merging_leaves_other_as_it_was() -> None:
    other = singly(1.0, 2.0)
    merged = Summary()
    merged.merge(other)
    merged.merge(singly(100.0))
    assert_same(other, singly(1.0, 2.0))


def test_largest_values_have_sum() -> None:
    summary = singly(*[LARGEST] * 1000, *[-LARGEST] * 999)
    assert summary.sum == pytest.approx(LARGEST)
