"""What a batch surely does not have, as bytes of its file."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import msgspec
import numpy as np
import pyarrow as pa

from waterline.archive.batch_filter.hashes import (
    gram_hashes,
    number_hashes,
    seed_of,
    several,
    text_hashes,
)
from waterline.archive.batch_filter.marks import Hashes, Marks
from waterline.integers import INT64
from waterline.query_text.paths import steps_of

Path = tuple[str, ...]
"""The names that lead to a value within attributes."""

SHORT_GRAM: Final = 4
LONG_GRAM: Final = 8
"""Bytes of the grams of messages; a shorter text is not looked for."""
MARKS_A_VALUE: Final = 5

_NO_HASHES: Final = np.zeros(0, np.uint64)
_MAGIC: Final = b"WLF1"
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class TextNeedle:
    """A text that messages may contain: the hashes of its grams, by their length."""

    grams: Mapping[int, Hashes]

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what to look for of a text."""
        texts = pa.array([text], pa.string())
        return cls(
            {
                length: np.concatenate([_NO_HASHES, *gram_hashes(texts, length)])
                for length in (SHORT_GRAM, LONG_GRAM)
            }
        )


@dataclass(frozen=True, slots=True)
class ValueNeedle:
    """A value that an attribute may have: its marks, at each path where it may be."""

    marks: Mapping[Path, Hashes]

    @classmethod
    def of(cls, attribute: str, value: str | int | float) -> Self:
        """Return what to look for.

        Args:
            attribute: its name or path.
            value: a text or a number, and no boolean.
        """
        paths = [path for path in ((attribute,), steps_of(attribute)) if path]
        return cls({path: several(hashes_of(path, [value]), MARKS_A_VALUE) for path in paths})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFilter:
    """What a batch may have: each answer no is sure, and some answers yes are wrong.

    Attributes:
        grams: by their length in bytes, those of all messages.
        values: hashes of all texts and numbers in attributes but those below; None if attributes
            were not looked at.
        apart: by path, those of attributes with too many different ones.
        unknown: paths of attributes that were not looked at.
    """

    grams: Mapping[int, Marks]
    values: Marks | None
    apart: Mapping[Path, Marks] = field(default_factory=dict)
    unknown: frozenset[Path] = frozenset()

    def may_contain(self, text: TextNeedle) -> bool:
        """Return whether a message may contain a text."""
        return all(
            length not in text.grams or marks.may_have(text.grams[length])
            for length, marks in self.grams.items()
        )

    def may_have(self, value: ValueNeedle) -> bool:
        """Return whether an attribute may have a value."""
        return any(self._may_have(path, marks) for path, marks in value.marks.items())

    def _may_have(self, path: Path, marks: Hashes) -> bool:
        if self.values is None or any(_touches(path, each) for each in self.unknown):
            return True
        return self.apart.get(path, self.values).may_have(marks)

    def encode(self) -> bytes:
        """Return the filter as bytes: a header of JSON, and the bitmaps one after the other."""
        bitmaps: list[bytes] = []

        def noted(marks: Marks) -> tuple[int, int]:
            bitmaps.append(marks.content)
            return marks.width, len(marks.content)

        header = _Header(
            grams=[(length, *noted(marks)) for length, marks in self.grams.items()],
            values=None if self.values is None else noted(self.values),
            apart=[(path, *noted(marks)) for path, marks in self.apart.items()],
            unknown=sorted(self.unknown),
        )
        written = msgspec.json.encode(header)
        return b"".join((_MAGIC, _LENGTH.pack(len(written)), written, *bitmaps))

    @classmethod
    def decode(cls, content: bytes) -> Self | None:
        """Return the filter of `encode`; None if it is of a later kind, or none."""
        if content[: len(_MAGIC)] != _MAGIC:
            return None
        begin = len(_MAGIC) + _LENGTH.size
        (length,) = _LENGTH.unpack_from(content, len(_MAGIC))
        header = _decode(content[begin : begin + length])
        at = begin + length

        def marks(width: int, size: int) -> Marks:
            nonlocal at
            at += size
            return Marks(width, content[at - size : at])

        return cls(
            grams={length: marks(width, size) for length, width, size in header.grams},
            values=None if header.values is None else marks(*header.values),
            apart={path: marks(width, size) for path, width, size in header.apart},
            unknown=frozenset(header.unknown),
        )


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The begin of a filter: of each bitmap its width and its bytes, in their order."""

    grams: list[tuple[int, int, int]]
    values: tuple[int, int] | None
    apart: list[tuple[Path, int, int]] = []
    unknown: list[Path] = []


_decode: Final = msgspec.json.Decoder(_Header).decode


def hashes_of(path: Path, values: Iterable[str | int | float]) -> Hashes:
    """Return the hashes of values at a path: the same of equal ones, also of 1 and 1.0."""
    texts: list[str] = []
    numbers: list[float] = []
    for value in values:
        if isinstance(value, str):
            texts.append(value)
        else:
            numbers.append(_as_float(value))
    return np.concatenate(
        [
            text_hashes(pa.array(texts, pa.string()), text_seed(path)),
            number_hashes(np.array(numbers, np.float64), number_seed(path)),
        ]
    )


def text_seed(path: Path) -> np.uint64:
    """Return what the hashes of texts at a path begin with."""
    return seed_of("text", *path)


def number_seed(path: Path) -> np.uint64:
    """Return what the hashes of numbers at a path begin with."""
    return seed_of("number", *path)


def _as_float(value: int | float) -> float:
    # As a text, a large one is rounded, and the largest ones are infinite.
    # Whether a range has a float is looked for number by number.
    return value if isinstance(value, float) else float(value if value in INT64 else str(value))


def _touches(path: Path, other: Path) -> bool:
    """Return whether one of two paths leads to the other."""
    both = min(len(path), len(other))
    return path[:both] == other[:both]
