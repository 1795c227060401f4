"""Hashes of grams, texts and numbers, many at once; files hold what they give, for ever."""

import hashlib
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from waterline.archive.batch_filter.marks import Hashes

# Odd constants of the generator SplitMix64, which also mixes so.
_STEP: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_FIRST: Final = np.uint64(0xBF58_476D_1CE4_E5B9)
_SECOND: Final = np.uint64(0x94D0_49BB_1331_11EB)
_TYPES: Final = {4: "<u4", 8: "<u8"}
# Bytes of texts, which are held eightfold several times meanwhile: so many stay in the cache of a
# core. Measured: 2**20 took half as long again.
_BYTES_AT_ONCE: Final = 2**17


def mixed(values: Hashes) -> Hashes:
    """Return hashes each bit of which depends on all bits of the values."""
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


def several(hashes: Hashes, count: int) -> Hashes:
    """Return so many hashes of each hash, one after the other."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * _STEP
    return mixed((hashes[:, None] + steps[None, :]).ravel())


def gram_hashes(texts: pa.Array, length: int) -> Iterator[Hashes]:
    """Yield the hashes of all grams of texts: each run of so many bytes in their UTF-8.

    Args:
        texts: an array of strings.
        length: bytes of a gram, 4 or 8.
    """
    for content, ends in _pieces(texts):
        count = len(content) - length + 1
        if count <= 0:
            continue
        grams = np.ndarray(count, _TYPES[length], content, strides=(1,)).astype(np.uint64)
        # Those that begin in one text and end in the next are none.
        is_within = np.ones(count, dtype=np.bool_)
        for before in range(1, length):
            places = ends - before
            is_within[places[(places >= 0) & (places < count)]] = False
        yield mixed(grams[is_within] * _STEP)


def text_hashes(texts: pa.Array, seed: np.uint64) -> Hashes:
    """Return a hash of each text: the sum of a hash of each byte with its place.

    Args:
        texts: an array of strings without nulls.
        seed: what makes other hashes of the same texts.
    """
    parts = [np.zeros(0, np.uint64)]
    for content, ends in _pieces(texts):
        begins = np.concatenate([[0], ends[:-1]])
        lengths = ends - begins
        places = np.arange(len(content)) - np.repeat(begins, lengths)
        each = mixed((places.astype(np.uint64) << np.uint64(8)) + content + _STEP)
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(each, dtype=np.uint64)])
        whole = sums[ends] - sums[begins]
        parts.append(mixed(whole + lengths.astype(np.uint64) * _STEP ^ seed))
    return np.concatenate(parts)


def number_hashes(numbers: npt.NDArray[np.float64], seed: np.uint64) -> Hashes:
    """Return a hash of each number; equal ones have the same."""
    plain = numbers + 0.0  # of two zeros there is one left
    return mixed(mixed(plain.view(np.uint64) + _STEP) ^ seed)


def seed_of(*words: str) -> np.uint64:
    """Return a seed that other words would not give."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return np.uint64(int.from_bytes(digest[:8], "little"))


def _pieces(texts: pa.Array) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """Yield the bytes of some texts at a time, and where each of those ends in them."""
    if not len(texts):
        return
    _, offsets, content = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    whole = np.frombuffer(content or b"", np.uint8)
    first = 0
    while first < len(texts):
        begin = int(bounds[first])
        last = int(np.searchsorted(bounds, begin + _BYTES_AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), len(texts))
        ends = bounds[first + 1 : last + 1].astype(np.int64) - begin
        yield whole[begin : begin + int(ends[-1])], ends
        first = last
