"""Sketches of metrics.db as arrays: thousands decoded, merged and evaluated at once.

`waterline.metrics.sketch.Sketch` does the same with one sketch; a test holds the two equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from waterline.errors import DataFolderError
from waterline.metrics.sketch import value_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_Bytes = npt.NDArray[np.uint8]

_HEAD: Final = 4
_WIDTHS: Final = {"B": 1, "H": 2, "I": 4, "Q": 8}
_LAST_CELL: Final = 2**14 - 1
# Counts are summed up as floats, which are exact up to here.
_MOST_COUNTED: Final = 2**53
# Cells merged at once: more would not fit the CPU's cache.
_MERGED_AT_ONCE: Final = 2**19


@dataclass(frozen=True, slots=True)
class Sketches:
    """Cells of many sketches, sketch after sketch, ascending within each."""

    sizes: Integers
    """Number of cells of each; 0 if it is empty or missing."""
    cells: Integers
    counts: Integers

    def quantiles(self, shares: Sequence[float]) -> Floats:
        """Return quantiles of each sketch.

        Args:
            shares: numbers from 0 to 1.

        Returns:
            A row a sketch, a column a share; NaN for an empty sketch.
        """
        return _quantiles(self.cells, self.counts, self.sizes, shares)

    def merged_quantiles(self, groups: Integers, total: int, shares: Sequence[float]) -> Floats:
        """Return quantiles of merged groups of sketches.

        Args:
            groups: number of the group of each sketch, ascending.
            total: number of groups.
            shares: numbers from 0 to 1.

        Returns:
            A row a group, a column a share; NaN for an empty group.
        """
        if len(groups) == total and (groups == np.arange(total)).all():
            return self.quantiles(shares)
        if not len(self.cells):
            return np.full((total, len(shares)), np.nan)
        low = int(self.cells.min())
        width = int(self.cells.max()) - low + 1
        step = max(_MERGED_AT_ONCE // width, 1)
        rows = np.searchsorted(groups, np.arange(0, total + step, step))
        begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.sizes)])[rows]
        parts = []
        for number, first in enumerate(range(0, total, step)):
            last = min(first + step, total)
            own = slice(rows[number], rows[number + 1])
            within = slice(begins[number], begins[number + 1])
            keys = np.repeat((groups[own] - first) * width - low, self.sizes[own])
            keys += self.cells[within]
            weights = self.counts[within]
            merged = np.bincount(keys, weights, (last - first) * width).astype(np.float64)
            parts.append(_quantiles_of_merged(merged.reshape(-1, width), low, shares))
        return np.concatenate(parts)


def read_sketches(column: pa.ChunkedArray) -> Sketches:
    """Decode the column `sketch` of rows of metrics.db.

    Args:
        column: values of `Sketch.to_bytes`; null and empty bytes are empty sketches.

    Raises:
        DataFolderError: a value is no sketch.
    """
    data, lengths = _joined(column)
    letters = _letters(data, lengths)
    sizes = np.zeros(len(lengths), np.int64)
    kinds = np.unique(letters[lengths > 0]).tolist()
    for each in kinds:
        rows = letters == each
        counted, rest = np.divmod(lengths[rows] - _HEAD, sum(_widths(each)))
        if rest.any() or not counted.all():
            raise _damaged()
        sizes[rows] = counted
    parts = [_decoded(data, lengths, np.where(letters == each, sizes, 0), each) for each in kinds]
    if len(parts) == 1:
        ((cells, counts),) = parts
    else:
        cells, counts = np.empty((2, int(sizes.sum())), np.int64)
        owners = np.repeat(letters, sizes)
        for each, part in zip(kinds, parts, strict=True):
            own = owners == each
            cells[own], counts[own] = part
    if len(cells) and not (_are_cells(cells) and _can_be_summed(counts)):
        raise _damaged()
    return Sketches(sizes, cells, counts)


def _joined(column: pa.ChunkedArray) -> tuple[_Bytes, Integers]:
    """Return all bytes of a column, and the length of each value."""
    if not len(column):
        return np.zeros(0, np.uint8), np.zeros(0, np.int64)
    joined = pa.concat_arrays(column.chunks)
    if joined.null_count:
        joined = joined.fill_null(b"")
    _, ends, content = joined.buffers()
    offsets = np.frombuffer(ends, np.int32)[joined.offset : joined.offset + len(joined) + 1]
    if content is None:
        return np.zeros(0, np.uint8), np.zeros(len(joined), np.int64)
    data = np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]
    return data, np.diff(offsets).astype(np.int64)


def _letters(data: _Bytes, lengths: Integers) -> Integers:
    """Return the two letters that begin each sketch as one number; 0 for an empty one."""
    filled = lengths > 0
    if (lengths[filled] < _HEAD).any():
        raise _damaged()
    letters = np.zeros(len(lengths), np.int64)
    heads = (np.cumsum(lengths) - lengths)[filled]
    letters[filled] = data[heads].astype(np.int64) << 8 | data[heads + 1]
    return letters


def _widths(letters: int) -> tuple[int, int]:
    try:
        return _WIDTHS[chr(letters >> 8)], _WIDTHS[chr(letters & 0xFF)]
    except KeyError as error:
        raise _damaged() from error


def _decoded(
    data: _Bytes, lengths: Integers, sizes: Integers, letters: int
) -> tuple[Integers, Integers]:
    """Return cells and counts of sketches of one encoding, sketch after sketch.

    Args:
        data: bytes of all sketches.
        lengths: number of bytes of each.
        sizes: number of cells of each; 0 for those of other letters.
        letters: letters that begin the sketches.
    """
    of_gaps, of_counts = _widths(letters)
    is_meant = sizes > 0
    parts = np.empty((len(lengths), 4), np.int64)
    parts[:, 0] = np.where(is_meant, 2, lengths)
    parts[:, 1] = np.where(is_meant, 2, 0)
    parts[:, 2], parts[:, 3] = sizes * of_gaps, sizes * of_counts
    kinds = np.repeat(np.tile(np.arange(4, dtype=np.uint8), len(lengths)), parts.ravel())
    firsts = data[kinds == 1].view("<i2").astype(np.int64)
    # A number beyond 63 bits becomes negative, which is reported as damage.
    gaps = data[kinds == 2].view(f"<u{of_gaps}").astype(np.int64)
    counts = data[kinds == 3].view(f"<u{of_counts}").astype(np.int64)
    # The gap before a sketch's first cell is unused: filled with the distance from the previous
    # cell, it makes one running sum of all.
    heads = np.cumsum(sizes[is_meant]) - sizes[is_meant]
    gaps[heads] = 0
    lasts = firsts + np.add.reduceat(gaps, heads)
    gaps[heads] = firsts
    gaps[heads[1:]] -= lasts[:-1]
    return np.cumsum(gaps, out=gaps), counts


def _are_cells(cells: Integers) -> bool:
    return bool(cells.min() >= -_LAST_CELL and cells.max() <= _LAST_CELL)


def _can_be_summed(counts: Integers) -> bool:
    return bool(counts.min() >= 0 and counts.sum(dtype=np.float64) <= _MOST_COUNTED)


def _quantiles(
    cells: Integers, counts: Integers, sizes: Integers, shares: Sequence[float]
) -> Floats:
    # Cells ascend within a sketch, so that one running sum of all finds every rank.
    seen = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    ends = np.cumsum(sizes)
    before = seen[ends - sizes]
    totals = seen[ends] - before
    found = np.full((len(sizes), len(shares)), np.nan)
    filled = totals > 0
    for place, share in enumerate(shares):
        ranks = before[filled] + _ranks(totals[filled], share)
        found[filled, place] = _values()[cells[np.searchsorted(seen[1:], ranks)] + _LAST_CELL]
    return found


def _quantiles_of_merged(counts: Floats, low: int, shares: Sequence[float]) -> Floats:
    """Return quantiles of sketches given as rows, with a column a cell from `low` on."""
    seen = np.cumsum(counts.ravel())
    width = counts.shape[1]
    ends = seen[width - 1 :: width]
    before = np.concatenate([np.zeros(1), ends[:-1]])
    totals = ends - before
    found = np.full((len(totals), len(shares)), np.nan)
    filled = totals > 0
    for place, share in enumerate(shares):
        ranks = before[filled] + _ranks(totals[filled], share)
        cells = np.searchsorted(seen, ranks) % width + low
        found[filled, place] = _values()[cells + _LAST_CELL]
    return found


def _ranks(totals: npt.NDArray[Any], share: float) -> Integers:
    return np.maximum(np.ceil(share * totals), 1).astype(np.int64)


@cache
def _values() -> Floats:
    """Return the value of each cell, the lowest first."""
    positive = np.array([value_of(cell) for cell in range(_LAST_CELL + 1)])
    return np.concatenate([-positive[:0:-1], positive])


def _damaged() -> DataFolderError:
    return DataFolderError(
        "metrics.db holds a measurement that is damaged; stop the server and move the file away, "
        "and measuring begins anew"
    )
