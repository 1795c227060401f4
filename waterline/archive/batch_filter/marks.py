"""Bitmap of marks: tells of hashes that surely were not among those it was made of."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_HASH_BITS: Final = 64
# Bits of a bitmap before it is folded: 16 MiB, as each is a byte until then.
MOST_WIDTH: Final = 24
# A bitmap is folded until half of its bits are set. One that is cut is folded further: what is
# left then tells of more hashes, and most of all together where about 0.63 of its bits are set.
_MOST_SET: Final = 0.5
_MOST_SET_IF_CUT: Final = 0.7
# Bits of which fewer may be set, as they are so few.
_FEWEST: Final = 512


@dataclass(frozen=True, slots=True)
class Marks:
    """A set of hashes as a bitmap with one bit a hash, of which only the begin may be kept.

    The first bits of a hash are the place of its bit. Of hashes whose bit was not kept nothing is
    known.

    Attributes:
        width: bits of a hash that are its place.
        content: the first bits of the bitmap, eight a byte, the lowest first.
    """

    width: int
    content: bytes

    @classmethod
    def of(cls, seen: npt.NDArray[np.bool_], most_bytes: int) -> Self:
        """Return the bitmap of places, folded until half of its bits are set, and then cut.

        Args:
            seen: whether a place was seen; a power of two of places, at least eight.
            most_bytes: bytes to keep at most.
        """
        while len(seen) > _FEWEST:
            folded = seen[0::2] | seen[1::2]
            set_bits = np.count_nonzero(folded)
            most_set = _MOST_SET if len(seen) <= 8 * most_bytes else _MOST_SET_IF_CUT
            if set_bits > most_set * len(folded):
                break
            seen = folded
        width = len(seen).bit_length() - 1
        return cls(width, np.packbits(seen[: 8 * most_bytes], bitorder="little").tobytes())

    def may_have(self, hashes: Hashes) -> bool:
        """Return whether all hashes may be in the set; if not, one of them surely is not."""
        places = places_of(hashes, self.width)
        places = places[places < 8 * len(self.content)]
        if not len(places):
            return True
        parts = np.frombuffer(self.content, np.uint8)[places >> 3]
        return bool(np.all((parts >> (places & 7).astype(np.uint8)) & 1))


def no_places(width: int = MOST_WIDTH) -> npt.NDArray[np.bool_]:
    """Return a bitmap of so many bits of a hash in which no place was seen."""
    return np.zeros(2**width, dtype=np.bool_)


def places_of(hashes: Hashes, width: int) -> npt.NDArray[np.int64]:
    """Return the places of hashes in a bitmap."""
    return (hashes >> np.uint64(_HASH_BITS - width)).astype(np.int64)
