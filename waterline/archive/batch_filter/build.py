"""Builder of the filter of a batch."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from waterline.archive.attribute_columns.choose import read_object
from waterline.archive.attribute_columns.layout import Member
from waterline.archive.batch_filter.contents import (
    LONG_GRAM,
    MARKS_A_VALUE,
    SHORT_GRAM,
    BatchFilter,
    Path,
    hashes_of,
    number_seed,
    text_seed,
)
from waterline.archive.batch_filter.hashes import gram_hashes, number_hashes, several, text_hashes
from waterline.archive.batch_filter.marks import MOST_WIDTH, Hashes, Marks, no_places, places_of
from waterline.query_text.paths import MOST_STEPS

# There are not many more grams of four bytes in logs.
_SHORT_WIDTH: Final = 20
_FEWEST_WIDTH: Final = 3
# Wider bitmaps are folded, or have few hashes.
_FOLDED_WIDTH: Final = 9
# Of the bytes those for values of attributes with few; and of those for grams, short ones.
_VALUES: Final = 1 / 4
_SHORT: Final = 1 / 8
# Bits that a value takes where half of a bitmap is set.
_BITS_A_VALUE: Final = MARKS_A_VALUE / 0.69
_FEWEST_BYTES: Final = 16
# Logs, or values, whose JSON is walked through. Where there are more, they are not looked at.
_MOST_ODD: Final = 20_000
# Places within attributes at most; where odd logs have more, attributes are not looked at.
_MOST_PATHS: Final = 1_000


_decode: Final = msgspec.json.Decoder().decode


class FilterBuilder:
    """Collects what the filter of a batch tells of."""

    def __init__(self) -> None:
        self._grams = {SHORT_GRAM: no_places(_FEWEST_WIDTH), LONG_GRAM: no_places(_FEWEST_WIDTH)}
        self._hashes: defaultdict[Path, list[Hashes]] = defaultdict(list)
        self._rare: set[Path] = set()
        self._unknown: set[Path] = set()
        self._odd = 0

    def add_messages(self, messages: pa.Array) -> None:
        """Add all messages at once; each that is different is enough."""
        for length, most_width in ((SHORT_GRAM, _SHORT_WIDTH), (LONG_GRAM, MOST_WIDTH)):
            width = _width(messages.nbytes, most_width)
            seen = self._grams[length] = no_places(width)
            for hashes in gram_hashes(messages, length):
                seen[places_of(hashes, width)] = True

    def add_member(self, member: Member, values: pa.Array) -> None:
        """Add values of a member of attributes, none of them null; each different one is enough."""
        if member.kind == "json" and len(values) > _MOST_ODD:
            self._unknown.add(member.path)
        elif member.kind == "json":
            self._add_json((member.path, each) for each in map(_decode, values.to_pylist()))
        elif member.kind != "boolean":
            if member.kind == "number":
                self._rare.add(member.path)
            self._hashes[member.path].append(_hashes_of(values, member.path))

    def add_texts(self, texts: pa.Array) -> None:
        """Add the JSON of attributes whose members were not added, or not all of them.

        Args:
            texts: an array of strings or null.
        """
        odd = texts.drop_null()
        self._odd += len(odd)
        if self._odd > _MOST_ODD or len(self._hashes) > _MOST_PATHS:
            return
        self._add_json(((), read_object(text)) for text in odd.to_pylist())

    def _add_json(self, wholes: Iterable[tuple[Path, object]]) -> None:
        """Add values of any kind, each with its path."""
        found: defaultdict[Path, set[str | int | float]] = defaultdict(set)
        for at, whole in wholes:
            for path, value in _scalars(at, whole):
                found[path].add(value)
        for path, values in found.items():
            self._hashes[path].append(hashes_of(path, values))

    def build(self, most_bytes: int) -> BatchFilter:
        """Return the filter of all that was added.

        Args:
            most_bytes: bytes of its bitmaps at most.
        """
        values, many, unknown = self._values(int(most_bytes * _VALUES))
        left = most_bytes - (0 if values is None else len(values.content))
        for_grams = left // 2 if many else left
        short = Marks.of(self._grams[SHORT_GRAM], int(for_grams * _SHORT))
        long = Marks.of(self._grams[LONG_GRAM], for_grams - len(short.content))
        left -= len(short.content) + len(long.content)
        if many and left // len(many) < _FEWEST_BYTES:
            unknown |= many.keys()
            many = {}
        return BatchFilter(
            grams={SHORT_GRAM: short, LONG_GRAM: long},
            values=values,
            apart={path: _marks_of(hashes, left // len(many)) for path, hashes in many.items()},
            unknown=frozenset(unknown),
        )

    def _values(self, most_bytes: int) -> tuple[Marks | None, dict[Path, Hashes], set[Path]]:
        """Return the values of attributes with few, those of others, and which are left out."""
        if self._odd > _MOST_ODD or len(self._hashes) > _MOST_PATHS:
            return None, {}, set()
        different = {path: np.unique(np.concatenate(each)) for path, each in self._hashes.items()}
        room: float = 8 * most_bytes
        shared: list[Hashes] = [np.zeros(0, np.uint64)]
        many: dict[Path, Hashes] = {}
        unknown = {*self._unknown}
        for path in sorted(different, key=lambda each: (len(different[each]), each)):
            room -= _BITS_A_VALUE * len(different[path])
            if room >= 0 or len(different[path]) == 1:
                shared.append(different[path])
            elif path in self._rare:
                unknown.add(path)  # nobody asks for one of very many floats
            else:
                many[path] = different[path]
        return _marks_of(np.concatenate(shared), most_bytes), many, unknown


def _width(count: int, most_width: int) -> int:
    """Return the width of a bitmap in which so many hashes set one bit of some, not half."""
    width = (4 * count).bit_length()
    # What is folded at all would be folded from twice the bits to the same ones.
    width -= width > _FOLDED_WIDTH
    return min(most_width, max(_FEWEST_WIDTH, width))


def _marks_of(hashes: Hashes, most_bytes: int) -> Marks:
    marks = several(hashes, MARKS_A_VALUE)
    width = _width(len(marks), MOST_WIDTH)
    seen = no_places(width)
    seen[places_of(marks, width)] = True
    return Marks.of(seen, most_bytes)


def _hashes_of(values: pa.Array, path: Path) -> Hashes:
    if pa.types.is_string(values.type):
        return text_hashes(values, text_seed(path))
    floats = values.cast(pa.float64(), safe=False)
    return number_hashes(floats.to_numpy(zero_copy_only=False), number_seed(path))


def _scalars(path: Path, value: object) -> Iterator[tuple[Path, str | int | float]]:
    """Yield texts and numbers of a value with their paths, as far down as a path may lead."""
    if isinstance(value, dict):
        if len(path) < MOST_STEPS:
            for name, inner in value.items():
                yield from _scalars((*path, name), inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, value
