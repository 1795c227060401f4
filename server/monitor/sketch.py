"""A mergeable quantile sketch with a stated relative error.

DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 2019): values are counted in bins whose bounds grow by a constant
factor, so that every value is known to within that factor whatever the distribution, and merging
is adding counts.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Final, Self

import msgspec

RELATIVE_ERROR: Final = 0.01
_GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_LOG: Final = 1 / math.log(_GAMMA)
# Below this a value counts as zero: its bin number would grow without use.
_SMALLEST: Final = 1e-12

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, dict[int, int], dict[int, int]]).decode


def _bin_of(value: float) -> int:
    return math.ceil(math.log(value) * _PER_LOG)


def _middle_of(number: int) -> float:
    return 2 * math.exp(number / _PER_LOG) / (_GAMMA + 1)


class Sketch:
    """Counts of values in bins; any quantile within 1% of a value that was really seen."""

    __slots__ = ("_negative", "_positive", "_zeros")

    def __init__(self) -> None:
        self._zeros = 0
        self._positive: Counter[int] = Counter()
        self._negative: Counter[int] = Counter()

    @property
    def count(self) -> int:
        """How many values were added."""
        return self._zeros + self._positive.total() + self._negative.total()

    def add(self, value: float, times: int = 1) -> None:
        """Count a value, which must be finite, once or several times."""
        if value > _SMALLEST:
            self._positive[_bin_of(value)] += times
        elif value < -_SMALLEST:
            self._negative[_bin_of(-value)] += times
        else:
            self._zeros += times

    def merge(self, other: Self) -> None:
        """Add all that another sketch has counted; the error stays the same."""
        self._zeros += other._zeros
        self._positive.update(other._positive)
        self._negative.update(other._negative)

    def quantile(self, q: float) -> float | None:
        """Return the value with a share of `q` (0 to 1) at or below it; None where empty.

        This is numpy's `inverted_cdf`, within the relative error.
        """
        if not self.count:
            return None
        rank = max(math.ceil(q * self.count), 1)
        seen = 0
        for value, count in self._ascending():
            seen += count
            if seen >= rank:
                return value
        raise AssertionError("the ranks end before the count")

    def _ascending(self) -> Iterable[tuple[float, int]]:
        for number in sorted(self._negative, reverse=True):
            yield -_middle_of(number), self._negative[number]
        if self._zeros:
            yield 0.0, self._zeros
        for number in sorted(self._positive):
            yield _middle_of(number), self._positive[number]

    def to_bytes(self) -> bytes:
        """Return the counts as MessagePack, a few bytes a bin in use."""
        return _encode((self._zeros, dict(self._positive), dict(self._negative)))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the sketch that `to_bytes` wrote.

        Raises:
            msgspec.DecodeError: the bytes are no sketch.
        """
        sketch = cls()
        sketch._zeros, positive, negative = _decode(data)
        sketch._positive.update(positive)
        sketch._negative.update(negative)
        return sketch
