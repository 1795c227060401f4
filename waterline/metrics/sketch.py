"""Mergeable quantile sketch with a bounded relative error, fast enough for every log.

DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 2019) with the mapping that its section 2.2 calls fast: a value's
cell is read off its binary representation, sign, exponent and the first six bits of the mantissa,
so that 64 cells make an octave. Every value is known to within half a cell whatever the
distribution, and merging is adding counts.
"""

import math
import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Final, Self

RELATIVE_ERROR: Final = 1 / 128
"""Error of any quantile, for absolute values from 1e-37 to LARGEST; smaller ones count as 0."""
LARGEST: Final = 3e38
"""Largest absolute value. Larger ones are not distinguished, and their sums overflow."""

# The upper half of a 32-bit float has sign, exponent and seven bits of the mantissa.
_UPPER_HALF: Final = slice(int(sys.byteorder == "little"), None, 2)
_SIGN: Final = 0x4000
_CELLS_AN_OCTAVE: Final = 64
_EXPONENT_BIAS: Final = 127
_BEYOND: Final = 255 * _CELLS_AN_OCTAVE
"""Cell of values beyond the range of 32-bit floats."""

# Two `struct` letters for the widths of gaps and counts, then the first cell.
_HEAD: Final = struct.Struct("<2sh")
_WIDTHS: Final = {"B": 1, "H": 2, "I": 4, "Q": 8}


class DamagedSketch(ValueError):
    """The bytes are no sketch."""


class Sketch:
    """Counts of values by cell, for quantiles within RELATIVE_ERROR."""

    __slots__ = ("_cells", "_halves")

    def __init__(self) -> None:
        self._cells: dict[int, int] = {}
        # Halves of 32-bit floats, to do as little as possible on the hot path.
        self._halves: Counter[int] = Counter()

    @property
    def count(self) -> int:
        """Number of values."""
        return sum(self.cells().values())

    def add(self, value: float, times: int = 1) -> None:
        """Count a finite value, once or several times."""
        (half,) = pack((value,))
        self._halves[half] += times

    def add_packed(self, values: Iterable[int]) -> None:
        """Count values packed by `pack`."""
        self._halves.update(values)

    def merge(self, other: "Sketch") -> None:
        """Add the counts of another sketch; the error bound stays."""
        if self.cells():
            _add(self._cells, other.cells().items())
        else:
            self._cells = other.cells().copy()

    def cells(self) -> dict[int, int]:
        """Return the counts by cell; cells are numbered in the order of values."""
        if self._halves:
            _add(self._cells, ((_cell_of(half), n) for half, n in self._halves.items()))
            self._halves.clear()
        return self._cells

    def quantile(self, q: float) -> float | None:
        """Return a quantile; see `quantiles`."""
        (value,) = self.quantiles(q)
        return value

    def quantiles(self, *wanted: float) -> list[float | None]:
        """Return some quantiles (each 0 to 1); None without values.

        They are numpy's `inverted_cdf`, within the relative error.
        """
        cells = self.cells()
        if not cells:
            return [None] * len(wanted)
        ordered = sorted(cells)
        seen = [*accumulate(map(cells.__getitem__, ordered))]
        ranks = (max(math.ceil(q * seen[-1]), 1) for q in wanted)
        return [value_of(ordered[bisect_left(seen, rank)]) for rank in ranks]

    def counts_up_to(self, bounds: Iterable[float]) -> list[int]:
        """Return the number of values at or below each of some bounds.

        A value in the cell of a bound counts as below it, within the relative error.
        """
        cells = self.cells()
        ordered = sorted(cells)
        seen = [0, *accumulate(map(cells.__getitem__, ordered))]
        return [seen[bisect_right(ordered, _cell_of(half))] for half in pack(bounds)]

    def to_bytes(self) -> bytes:
        """Encode the counts, in about two bytes a used cell for small counts.

        The layout, little-endian: `struct` letters for the widths of gaps and counts, the first
        cell (16 bits), the gap before each cell, then the counts.
        """
        cells = self.cells()
        if not cells:
            return b""
        ordered = sorted(cells)
        gaps = [0, *(high - low for low, high in pairwise(ordered))]
        counts = [cells[each] for each in ordered]
        of_gaps, of_counts = _narrowest(max(gaps)), _narrowest(max(counts))
        head = _HEAD.pack((of_gaps + of_counts).encode(), ordered[0])
        size = len(ordered)
        return head + struct.pack(f"<{size}{of_gaps}{size}{of_counts}", *gaps, *counts)

    def merge_bytes(self, data: bytes) -> None:
        """Add the counts of an encoded sketch; three quarters of what decoding it first takes.

        Raises:
            DamagedSketch: the bytes are no sketch; nothing was added.
        """
        if data:
            _add(self.cells(), _decode(data))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Decode a sketch.

        Raises:
            DamagedSketch: the bytes are no sketch.
        """
        sketch = cls()
        if data:
            sketch._cells = dict(_decode(data))
        return sketch


def value_of(cell: int) -> float:
    """Return the value with the same relative distance from both ends of a cell.

    It is infinite for values beyond the range of 32-bit floats.
    """
    size = abs(cell)
    if size >= _BEYOND:
        return math.copysign(math.inf, cell)
    exponent, part = divmod(size, _CELLS_AN_OCTAVE)
    if not exponent:  # tiny values have no octaves; see RELATIVE_ERROR
        return math.copysign(math.ldexp(part, -132), cell)
    low, high = _CELLS_AN_OCTAVE + part, _CELLS_AN_OCTAVE + part + 1
    middle = 2 * low * high / (low + high) / _CELLS_AN_OCTAVE
    return math.copysign(math.ldexp(middle, exponent - _EXPONENT_BIAS), cell)


def pack(values: Iterable[float]) -> memoryview:
    """Return finite values in the precision of a sketch."""
    return memoryview(array("f", values)).cast("B").cast("H")[_UPPER_HALF]


def _cell_of(half: int) -> int:
    cell = half >> 1
    return cell if cell < _SIGN else _SIGN - cell


def _add(cells: dict[int, int], more: Iterable[tuple[int, int]]) -> None:
    for cell, count in more:
        if cell in cells:
            cells[cell] += count
        else:
            cells[cell] = count


def _narrowest(most: int) -> str:
    """Return the `struct` letter of the narrowest width for a number."""
    return next(letter for letter, width in _WIDTHS.items() if most < 1 << 8 * width)


def _decode(data: bytes) -> Iterable[tuple[int, int]]:
    """Return the cells of an encoded sketch with their counts."""
    try:
        letters, first = _HEAD.unpack_from(data)
        of_gaps, of_counts = letters.decode()
        size, rest = divmod(len(data) - _HEAD.size, _WIDTHS[of_gaps] + _WIDTHS[of_counts])
        if rest or not size:
            raise DamagedSketch(f"a sketch of {len(data)} bytes ends in the middle of a cell")
        numbers = struct.unpack_from(f"<{size}{of_gaps}{size}{of_counts}", data, _HEAD.size)
        if not all(numbers[1:]):
            raise DamagedSketch("a sketch has a cell twice, or without a value")
    except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise DamagedSketch(f"these {len(data)} bytes are no sketch") from error
    return zip(accumulate(numbers[1:size], initial=first), numbers[size:], strict=True)
