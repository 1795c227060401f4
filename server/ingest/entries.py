"""Entries of a body in another protocol: what was recognised in them, some at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from server.decode import OBJECTS
from waterline.recognition.recognized import Columns, Parts

# Entries, and their bytes, that are recognised in one turn of the event loop.
MOST_AT_ONCE: Final = 1000
SIZE_AT_ONCE: Final = 2**17
NO_COLUMNS: Final = Columns((), (), (), ())

T = TypeVar("T")


class Unreadable(ValueError):
    """The body is not of the protocol."""


class Entries(NamedTuple):
    """Some logs of a body, in its order."""

    columns: Columns
    size: int
    """Bytes of them all."""
    ids: Sequence[str | None] | None = None
    """The id of each; None if the protocol has none."""


def columns_of(parts: Sequence[Parts]) -> Columns:
    """Return what several logs say, a list for each member."""
    return Columns(*map(list, zip(*parts, strict=True))) if parts else NO_COLUMNS


def read_objects(values: list[dict[str, object]]) -> Columns:
    """Return what objects say, a log each, also those that could hold several.

    Takes members out of the objects.
    """
    found = OBJECTS.read_many(values)
    return columns_of(list(map(OBJECTS.read, values))) if found is None else found


def in_turns(entries: Iterable[T], size_of: Callable[[T], int]) -> Iterator[tuple[list[T], int]]:
    """Yield entries, as many as one turn of the event loop takes, with their bytes."""
    held: list[T] = []
    size = 0
    for each in entries:
        held.append(each)
        size += size_of(each)
        if len(held) >= MOST_AT_ONCE or size >= SIZE_AT_ONCE:
            yield held, size
            held, size = [], 0
    if held:
        yield held, size
