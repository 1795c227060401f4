"""The sketch: any quantile within its stated error of the one that numpy finds in the values."""

import math
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waterline.metrics.sketch import LARGEST, RELATIVE_ERROR, DamagedSketch, Sketch, pack, value_of

# Values that are smaller count as about 0.
SMALLEST = 1e-37

# Several of the same, and latencies as they come, are what shows an error by one rank.
likely = st.sampled_from([-5.0, -0.5, 0.0, -0.0, 0.001, 1.0, 1.5, 2.0, 250, 10_000.0, LARGEST])
finite = st.one_of(
    st.floats(-LARGEST, LARGEST),
    st.floats(0, 1e-30),  # denormal ones of 32 bits among them
    st.floats(1, 1e6),
    st.integers(-(10**12), 10**12),
)
samples = st.lists(likely, min_size=1, max_size=200) | st.lists(finite, min_size=1, max_size=50)
shares = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0])


def sketch_of(*parts: Sequence[float]) -> Sketch:
    sketch = Sketch()
    for values in parts:
        sketch.add_packed(pack(values))
    return sketch


def assert_close(found: float | None, exact: float) -> None:
    assert found is not None
    assert abs(found - exact) <= RELATIVE_ERROR * abs(exact) + SMALLEST * RELATIVE_ERROR


@given(samples, shares)
@example([2.0**-126, 2.0**-127, 2.0**-149], 1.0)
@example([LARGEST, -LARGEST], 0.0)
def test_any_quantile_is_within_stated_error_of_exact_one(
    values: list[float], share: float
) -> None:
    exact = float(np.quantile(np.array(values, float), share, method="inverted_cdf"))
    assert_close(sketch_of(values).quantile(share), exact)


def test_stated_error_is_less_than_one_percent() -> None:
    assert RELATIVE_ERROR == 1 / 128 < 0.01


@given(st.lists(samples, min_size=1, max_size=5))
def test_merging_equals_adding_all(parts: list[list[float]]) -> None:
    merged = Sketch()
    for values in parts:
        merged.merge(sketch_of(values))
    assert merged.cells() == sketch_of(*parts).cells()
    assert merged.count == sum(len(values) for values in parts)


@given(st.lists(st.tuples(likely | finite, st.integers(1, 20)), min_size=1, max_size=20))
def test_value_added_several_times_at_once_counts_as_often(
    given_values: list[tuple[float, int]],
) -> None:
    sketch = Sketch()
    for value, times in given_values:
        sketch.add(value, times)
    singly = sketch_of([value for value, times in given_values for _ in range(times)])
    assert sketch.cells() == singly.cells()


@given(samples, samples)
def test_merging_leaves_other_as_it_was(left: list[float], right: list[float]) -> None:
    sketch, other = sketch_of(left), sketch_of(right)
    before = dict(other.cells())
    sketch.merge(other)
    sketch.add(1.0)
    assert other.cells() == before


@given(samples)
def test_bytes_are_read_back_as_same_sketch(values: list[float]) -> None:
    sketch = sketch_of(values)
    assert Sketch.from_bytes(sketch.to_bytes()).cells() == sketch.cells()


@pytest.mark.parametrize("times", [1, 255, 256, 2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**63])
@pytest.mark.parametrize("values", [(1.0, 1.02), (1.0, 1e3), (-LARGEST, LARGEST)])
def test_counts_and_distances_of_any_width_are_read_back(
    times: int, values: tuple[float, float]
) -> None:
    sketch = Sketch()
    for value in values:
        sketch.add(value, times)
    assert Sketch.from_bytes(sketch.to_bytes()).cells() == sketch.cells()


def test_bytes_are_laid_out_as_is_said() -> None:
    sketch = sketch_of([1.0, 1.0, 2.0, -1.0])
    one = 127 * 64
    gaps, counts = [0, 2 * one, 64], [1, 2, 1]
    assert sketch.to_bytes() == struct.pack("<2sh3H3B", b"HB", -one, *gaps, *counts)


@given(samples)
def test_sketch_that_was_read_back_counts_on(values: list[float]) -> None:
    sketch = Sketch.from_bytes(sketch_of(values).to_bytes())
    sketch.add_packed(pack(values))
    assert sketch.cells() == sketch_of(values, values).cells()


@given(samples)
def test_quantiles_ascend(values: list[float]) -> None:
    sketch = sketch_of(values)
    found = [sketch.quantile(share / 20) for share in range(21)]
    assert found == sorted(each for each in found if each is not None)


@given(st.lists(finite, min_size=2, max_size=2, unique=True))
def test_cells_are_numbered_in_order_of_their_values(values: list[float]) -> None:
    (low,), (high,) = (sketch_of([each]).cells() for each in sorted(values))
    assert low <= high
    assert value_of(low) <= value_of(high)


@given(samples, st.lists(finite, max_size=6))
def test_counts_up_to_bounds_are_right_but_for_values_within_error_of_bound(
    values: list[float], bounds: list[float]
) -> None:
    bounds.sort()
    found = [*sketch_of(values).counts_up_to(bounds)]
    for bound, count in zip(bounds, found, strict=True):
        slack = 2 * RELATIVE_ERROR * abs(bound) + SMALLEST
        assert sum(each <= bound for each in values) <= count
        assert count <= sum(each <= bound + slack for each in values)


def test_empty_sketch_has_no_quantiles_and_no_bytes() -> None:
    empty = Sketch()
    assert empty.count == 0
    assert [empty.quantile(share) for share in (0.0, 0.5, 1.0)] == [None, None, None]
    assert empty.to_bytes() == b""
    assert Sketch.from_bytes(b"").quantile(0.5) is None
    assert [*empty.counts_up_to([0.0, 1.0])] == [0, 0]


def test_zeros_are_known_exactly() -> None:
    sketch = sketch_of([0.0, -0.0, 3.0])
    assert sketch.quantile(0.6) == 0.0
    assert sketch.count == 3


def test_value_beyond_range_is_infinite() -> None:
    sketch = sketch_of([1e300, -1e300, 1.0])
    assert [sketch.quantile(each) for each in (0.1, 1.0)] == [-math.inf, math.inf]


random = np.random.default_rng(7)
SIZE = 200_000
DISTRIBUTIONS = {
    "heavy-tailed": random.pareto(1.1, SIZE) + 0.01,
    "bimodal": np.where(random.random(SIZE) < 0.9, random.normal(2, 0.2, SIZE), 4_000),
    "constant": np.full(SIZE, 12.5),
    "around zero": random.standard_cauchy(SIZE),
    "whole numbers": random.integers(0, 50, SIZE).astype(float),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_many_values_of_any_distribution_keep_error_and_take_few_bytes(name: str) -> None:
    numbers: npt.NDArray[np.float64] = DISTRIBUTIONS[name]
    sketch = Sketch()
    for part in np.split(numbers, 20):
        sketch.merge(Sketch.from_bytes(sketch_of(part.tolist()).to_bytes()))
    assert sketch.count == SIZE
    assert len(sketch.to_bytes()) < 12_000
    for share in (0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0):
        exact = float(np.quantile(numbers, share, method="inverted_cdf"))
        assert_close(sketch.quantile(share), exact)


@pytest.mark.parametrize(
    "data",
    [
        b"BB\0\0",
        b"BB\0\0\0\0",
        b"BB\0\0\0\0\1\1",
        b"B",
        b"\xc1",
        b"hello",
        b"ZB\0\0\1\1",
        b"BB\0\0\0\1\1",
        b"\xff\xff\0\0\0\1",
    ],
)
def test_bytes_that_are_no_sketch_are_refused(data: bytes) -> None:
    with pytest.raises(DamagedSketch):
        Sketch.from_bytes(data)


@given(st.binary(max_size=40))
def test_random_bytes_are_sketch_or_refused(data: bytes) -> None:
    try:
        sketch = Sketch.from_bytes(data)
    except DamagedSketch:
        return
    assert (sketch.quantile(0.5) is None) == (not data)
