"""Entries of Loki's streams: lines with times, labels and metadata, as pushed and as exported."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, cast

import msgspec

from waterline.recognition.levels import says_more, type_of_word
from waterline.recognition.object_shapes import merged
from waterline.recognition.recognized import Columns
from waterline.recognition.time_values import (
    MAX_TIMESTAMP,
    MICROSECONDS_BELOW,
    BeyondYears,
    read_time,
    within_years,
)

# Labels that name the level, the first that there is.
_LEVELS: Final = ("level", "severity", "detected_level")
# Milliseconds that the time of a line may differ from that of its entry. Some clients give the time
# of sending, and the line knows better; but a line without its zone may be hours off.
_TOLERANCE: Final = 600_000
# In a millisecond.
_NANOSECONDS: Final = 1_000_000
# Digits of nanoseconds.
_LONGEST_TIME: Final = 21
# Characters of a word for a level.
_LONGEST_LEVEL: Final = 32


class Labels(NamedTuple):
    """Labels of a stream, which its entries share."""

    values: Mapping[str, object]
    size: int
    """Bytes in the body."""


class Entry(msgspec.Struct, gc=False):
    """One line of a stream."""

    time: object
    """Nanoseconds, as a number or text; RFC 3339 in the first version of the API."""
    line: str
    labels: Labels
    metadata: Mapping[str, object]
    """Structured metadata."""
    size: int
    """Bytes in the body."""


def labelled(entries: Sequence[Entry], said: Columns) -> Columns:
    """Return what entries say: their lines, completed by time, labels and metadata.

    Args:
        entries: the entries.
        said: what the line of each says by itself.
    """
    timestamps = _times([entry.time for entry in entries])
    if any(own is not None for own in said.timestamps):
        timestamps = list(map(_nearer, said.timestamps, timestamps))
    types: list[str | None] = []
    attributes: list[dict[str, object]] = []
    for entry, type_, inner in zip(entries, said.types, said.attributes, strict=True):
        labels = {**entry.labels.values, **entry.metadata}
        named = _take_level(labels)
        types.append(named or type_)
        if named and type_ and named != type_ and entry.line[:1] == "{":
            inner.setdefault("level", type_)  # the line's own was taken out of it
        if inner or None in labels.values():
            others = {name: each for name, each in labels.items() if inner.get(name) != each}
            labels = merged(inner, others)
        attributes.append(labels)
    return Columns(said.messages, timestamps, types, attributes)


def _nearer(own: int | None, given: int | None) -> int | None:
    """Return the time of a line if it is near that of its entry, or else the latter."""
    is_near = own is not None and (given is None or abs(own - given) <= _TOLERANCE)
    return own if is_near else given


def _times(given: Sequence[object]) -> Sequence[int | None]:
    """Return the times of entries; usual ones together."""
    if set(map(type, given)) == {str}:
        texts = cast("Sequence[str]", given)
        lengths, digits = set(map(len, texts)), "".join(texts)
        are_short = 0 < min(lengths) <= max(lengths) < _LONGEST_TIME
        if are_short and digits.isascii() and digits.isdecimal():
            given = list(map(int, texts))
    if set(map(type, given)) == {int}:
        numbers = cast("Sequence[int]", given)
        if min(numbers) >= MICROSECONDS_BELOW and max(numbers) // _NANOSECONDS <= MAX_TIMESTAMP:
            return [each // _NANOSECONDS for each in numbers]
    return list(map(_milliseconds, given))


def _milliseconds(time: object) -> int | None:
    """Return the time of an entry; None if it is none, or beyond the years that there are.

    What is too small for nanoseconds counts another unit, as some clients mistake it.
    """
    if isinstance(time, str) and time.isascii() and time.isdecimal() and len(time) < _LONGEST_TIME:
        time = int(time)
    if type(time) is not int or time < MICROSECONDS_BELOW:
        return read_time(time)
    try:
        return within_years(time // _NANOSECONDS)
    except BeyondYears:
        return None


def _take_level(labels: dict[str, object]) -> str | None:
    """Return the type that a label names, and take the label if it says no more than that."""
    for name in _LEVELS:
        word = labels.get(name)
        if isinstance(word, str) and len(word) <= _LONGEST_LEVEL:
            found, more = _meaning(word)
            if found is not None:
                if not more:
                    del labels[name]
                return found
    return None


@lru_cache(maxsize=1000)
def _meaning(word: str) -> tuple[str | None, bool]:
    found = type_of_word(word)
    return found, found is not None and says_more(word)
