"""The sketch: any quantile within its stated error of the one that numpy finds in the values."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.monitor.sketch import RELATIVE_ERROR, Sketch

# Below this a value may count as zero.
SMALLEST = 1e-12

finite = st.floats(-1e300, 1e300)
# Several of the same, and latencies as they come, are what shows an error by one rank.
likely = st.sampled_from([-5.0, -0.5, 0.0, 1e-13, 0.001, 1.0, 1.5, 2.0, 250.0, 10_000.0])
samples = st.lists(likely, min_size=1, max_size=200) | st.lists(finite, min_size=1, max_size=50)
shares = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0])


def add_all(sketch: Sketch, values: list[float]) -> None:
    for value in values:
        sketch.add(value)


def sketch_of(*samples: list[float]) -> Sketch:
    sketch = Sketch()
    for values in samples:
        add_all(sketch, values)
    return sketch


def counted(sketch: Sketch) -> tuple[int, dict[int, int], dict[int, int]]:
    return sketch._zeros, dict(sketch._positive), dict(sketch._negative)


def assert_close(found: float | None, exact: float) -> None:
    assert found is not None
    # A rounding error of the last bits comes on top of the stated one.
    assert abs(found - exact) <= RELATIVE_ERROR * 1.000_001 * abs(exact) + SMALLEST


@given(samples, shares)
def test_any_quantile_is_within_one_percent_of_the_exact_one(
    values: list[float], share: float
) -> None:
    exact = float(np.quantile(np.array(values), share, method="inverted_cdf"))
    assert_close(sketch_of(values).quantile(share), exact)


@given(st.lists(samples, min_size=1, max_size=5))
def test_merging_equals_adding_all(parts: list[list[float]]) -> None:
    merged = Sketch()
    for values in parts:
        merged.merge(sketch_of(values))
    assert counted(merged) == counted(sketch_of(*parts))
    assert merged.count == sum(len(values) for values in parts)


@given(st.lists(st.tuples(likely | finite, st.integers(1, 20)), min_size=1, max_size=20))
def test_a_value_added_several_times_at_once_counts_as_often(
    given_values: list[tuple[float, int]],
) -> None:
    sketch = Sketch()
    for value, times in given_values:
        sketch.add(value, times)
    singly = sketch_of([value for value, times in given_values for _ in range(times)])
    assert counted(sketch) == counted(singly)


@given(samples, samples)
def test_merging_leaves_the_other_as_it_was(left: list[float], right: list[float]) -> None:
    sketch, other = sketch_of(left), sketch_of(right)
    before = counted(other)
    sketch.merge(other)
    sketch.add(1.0)
    assert counted(other) == before


@given(samples)
def test_bytes_are_read_back_as_the_same_sketch(values: list[float]) -> None:
    sketch = sketch_of(values)
    assert counted(Sketch.from_bytes(sketch.to_bytes())) == counted(sketch)


@given(samples)
def test_a_sketch_that_was_read_back_counts_on(values: list[float]) -> None:
    sketch = Sketch.from_bytes(sketch_of(values).to_bytes())
    add_all(sketch, values)
    assert counted(sketch) == counted(sketch_of(values, values))


@given(samples)
def test_quantiles_ascend(values: list[float]) -> None:
    sketch = sketch_of(values)
    found = [sketch.quantile(share / 20) for share in range(21)]
    assert found == sorted(each for each in found if each is not None)


def test_an_empty_sketch_has_no_quantiles() -> None:
    empty = Sketch()
    assert empty.count == 0
    assert [empty.quantile(share) for share in (0.0, 0.5, 1.0)] == [None, None, None]
    assert Sketch.from_bytes(empty.to_bytes()).quantile(0.5) is None


def test_zeros_are_known_exactly() -> None:
    sketch = sketch_of([0.0, -0.0, 1e-13, -1e-13, 3.0])
    assert sketch.quantile(0.8) == 0.0
    assert sketch.count == 5


@pytest.mark.slow
def test_a_million_latencies_take_few_bytes() -> None:
    numbers = np.random.default_rng(7).lognormal(1, 1.5, 1_000_000)
    sketch = sketch_of(numbers.tolist())
    assert len(sketch.to_bytes()) < 10_000
    for share in (0.5, 0.95, 0.99, 0.999):
        exact = float(np.quantile(numbers, share, method="inverted_cdf"))
        assert_close(sketch.quantile(share), exact)


def test_the_stated_error_is_one_percent() -> None:
    assert math.isclose(RELATIVE_ERROR, 0.01)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"hello", msgspec.msgpack.encode([1, 2, 3])])
def test_bytes_that_are_no_sketch_are_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Sketch.from_bytes(data)
