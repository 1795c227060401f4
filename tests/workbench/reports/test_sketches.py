"""Sketches that are read by the thousand are what each of them is when it is read alone."""

import itertools
import re
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from waterline.errors import DataFolderError
from waterline.metrics.sketch import Sketch
from workbench.reports.sketches import read_sketches

SHARES = (0.0, 0.01, 0.5, 0.95, 0.99, 1.0)

values = (
    st.sampled_from([0.0, -0.0, 1e-45, -1e-39, 1.0, -1.0, 3e38, 1e300, -1e300])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(0.1, 1000)
)
# As many as take a byte, two, four and eight.
counts = st.sampled_from([1, 2, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**44])


@st.composite
def sketches(draw: st.DrawFn) -> Sketch:
    sketch = Sketch()
    for value in draw(st.lists(values, max_size=12)):
        sketch.add(value, draw(counts))
    return sketch


def column(blobs: list[bytes | None], pieces: int = 1) -> pa.ChunkedArray:
    """Return blobs as a column of some chunks, as a database driver gives it."""
    bounds = np.linspace(0, len(blobs), pieces + 1).astype(int).tolist()
    parts = [blobs[low:high] for low, high in itertools.pairwise(bounds)]
    return pa.chunked_array([pa.array(each, pa.binary()) for each in parts], pa.binary())


def as_floats(quantiles: list[float | None]) -> list[float]:
    return [np.nan if each is None else each for each in quantiles]


def quantiles_of(sketch: Sketch) -> list[float]:
    return as_floats([sketch.quantile(each) for each in SHARES])


@given(st.lists(sketches() | st.none(), max_size=12), st.integers(1, 4))
def test_each_sketch_has_its_own_quantiles(given_ones: list[Sketch | None], pieces: int) -> None:
    blobs = [None if each is None else each.to_bytes() for each in given_ones]
    read = read_sketches(column(blobs, pieces))
    expected = [quantiles_of(each or Sketch()) for each in given_ones]
    np.testing.assert_array_equal(
        read.quantiles(SHARES), np.array(expected).reshape(-1, len(SHARES))
    )


@given(st.lists(st.tuples(st.integers(0, 5), sketches()), max_size=12))
def test_groups_are_merged(given_ones: list[tuple[int, Sketch]]) -> None:
    given_ones.sort(key=lambda each: each[0])
    merged = [Sketch() for _ in range(6)]
    for group, sketch in given_ones:
        merged[group].merge(sketch)
    read = read_sketches(column([sketch.to_bytes() for _, sketch in given_ones]))
    groups = np.array([group for group, _ in given_ones], np.int64)
    np.testing.assert_array_equal(
        read.merged_quantiles(groups, 6, SHARES), [quantiles_of(each) for each in merged]
    )


@pytest.mark.slow
def test_many_groups_of_cells_that_lie_far_apart_are_merged() -> None:
    chance = np.random.default_rng(1)
    ones = []
    for _ in range(2_000):
        sketch = Sketch()
        for value in chance.lognormal(0, 20, 5):
            sketch.add(float(value))
        ones.append(sketch)
    groups = np.sort(chance.integers(0, 700, len(ones)))
    merged = [Sketch() for _ in range(700)]
    for group, sketch in zip(groups, ones, strict=True):
        merged[group].merge(sketch)
    read = read_sketches(column([each.to_bytes() for each in ones], 3))
    np.testing.assert_array_equal(
        read.merged_quantiles(groups, 700, SHARES), [quantiles_of(each) for each in merged]
    )


def test_part_of_a_column_is_read_like_a_column() -> None:
    blobs = []
    for value in (1.0, 2.0, 3.0, 4.0):
        sketch = Sketch()
        sketch.add(value, 300)
        blobs.append(sketch.to_bytes())
    part = pa.chunked_array([pa.array(blobs, pa.binary()).slice(1, 2)])
    found = read_sketches(part).quantiles([0.5])
    assert found[:, 0].tolist() == pytest.approx([2.0, 3.0], rel=1 / 128)


def sound() -> bytes:
    sketch = Sketch()
    for value in (1.0, 5.0, 900.0):
        sketch.add(value, 3)
    return sketch.to_bytes()


@pytest.mark.parametrize(
    "damaged",
    [
        b"B",
        b"BB\0",
        sound()[:4],
        sound()[:-1],
        b"XX" + sound()[2:],
        b"Bb" + sound()[2:],
        b"\xff\xff" + sound()[2:],
        struct.pack("<2sh2B2B", b"BB", 16_380, 0, 9, 1, 1),
        struct.pack("<2sh1B1B", b"BB", -16_384, 0, 1),
        struct.pack("<2sh1B1Q", b"BQ", 8_000, 0, 2**63),
        struct.pack("<2sh1B1Q", b"BQ", 8_000, 0, 2**54),
    ],
)
@pytest.mark.parametrize("beside", [[], [sound()], [None, b"", sound()]])
def test_value_that_is_no_sketch_is_refused_in_a_sentence(
    damaged: bytes, beside: list[bytes | None]
) -> None:
    with pytest.raises(DataFolderError, match=f"^{re.escape('metrics.db holds a measurement')}"):
        read_sketches(column([*beside, damaged]))


@costly(1200)
@given(st.lists(st.binary(max_size=24) | st.just(sound()), max_size=4))
def test_any_bytes_are_read_or_refused(blobs: list[bytes]) -> None:
    try:
        read_sketches(column(list(blobs))).quantiles(SHARES)
    except DataFolderError:
        return
    for each in blobs:
        Sketch.from_bytes(each)
