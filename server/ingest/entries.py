"""Entries of a body in another protocol: what was recognised in them, some at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from server.decode.objects import OBJECTS
from waterline.recognition.json_text import mended
from waterline.recognition.recognized import Columns, Parts, Recognized

# Entries, and their bytes, that are recognised in one turn of the event loop.
MOST_AT_ONCE: Final = 1000
SIZE_AT_ONCE: Final = 2**17
# Bytes of what entries share, repeated in each, in one turn and in one body.
REPEATED_AT_ONCE: Final = 2**20
MOST_REPEATED: Final = 2**26
# Bytes of a body that holds too few parts in any case.
_NEVER_CROWDED: Final = 2**20
_CROWDED: Final = "this body has millions of values, nearly all without content"
NO_COLUMNS: Final = Columns((), (), (), ())

# Values of a JSON body of 16 MiB, which has about a million of them if it is dense with logs.
IN_JSON: Final = {b"{": 1_000_000, b"[": 1_000_000, b",": 2_000_000}
# Empty texts as values of an attribute and of the body of a record.
_EMPTY_VALUES: Final = (b"\x12\x02\x0a\0", b"\x2a\x02\x0a\0")
# Tags of the messages within one of protobuf, which a body dense with logs has half as often.
_IN_PROTOBUF: Final = {b"\x0a": 3_000_000, b"\x12": 1_500_000} | dict.fromkeys(
    _EMPTY_VALUES, 1_000_000
)
# Of a message without content, and how many there may be besides those values.
_EMPTY: Final = b"\x0a\0"
_MOST_EMPTY: Final = 100_000

NO_JSON: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding JSON raises."""
T = TypeVar("T")


class Unreadable(ValueError):
    """The body is not of the protocol."""


class TooMuch(ValueError):
    """The body holds more than is taken at once; the sentence says of what."""


class Entries(NamedTuple):
    """Some logs of a body, in its order."""

    columns: Columns
    size: int
    """Bytes of them all."""
    ids: Sequence[str | None] | None = None
    """The id of each; None if the protocol has none."""
    repeated: int = 0
    """Bytes of what they share with others, such as labels, once for each log."""


def refuse_crowded(content: bytes, most: Mapping[bytes, int]) -> None:
    """Refuse a body with so many parts that decoding it takes all of memory, or seconds.

    Args:
        content: the body.
        most: how often each of some bytes may be in it, without which there is no further part.

    Raises:
        TooMuch: there are more.
    """
    if len(content) > _NEVER_CROWDED and any(
        content.count(mark) > number for mark, number in most.items()
    ):
        raise TooMuch(_CROWDED)


def refuse_crowded_protobuf(content: bytes) -> None:
    """Refuse a body of protobuf as `refuse_crowded` does.

    Raises:
        TooMuch: it has too many messages, or too many without content.
    """
    refuse_crowded(content, _IN_PROTOBUF)
    if len(content) > _NEVER_CROWDED and (empty := content.count(_EMPTY)) > _MOST_EMPTY:
        empty -= sum(map(content.count, _EMPTY_VALUES))
        if empty > _MOST_EMPTY:
            raise TooMuch(_CROWDED)


def decoded(decode: Callable[[bytes], T], content: bytes) -> T:
    """Decode JSON of a client; what of its texts is no character becomes U+FFFD.

    Args:
        decode: decodes JSON.
        content: JSON, or nearly.

    Raises:
        NO_JSON: it is none.
    """
    try:
        return decode(content)
    except NO_JSON:
        whole = mended(content)
        if whole == content:
            raise
    return decode(whole)


def columns_of(said: Sequence[Parts | Recognized]) -> Columns:
    """Return what several logs say, a list for each member."""
    return Columns(
        [each.message for each in said],
        [each.timestamp for each in said],
        [each.type for each in said],
        [each.attributes for each in said],
    )


def read_objects(values: list[dict[str, object]]) -> Columns:
    """Return what objects say, a log each, also those that could hold several.

    Takes members out of the objects.
    """
    found = OBJECTS.read_many(values)
    return columns_of(list(map(OBJECTS.read, values))) if found is None else found


def in_turns(
    entries: Iterable[T | None],
    size_of: Callable[[T], int],
    repeated_of: Callable[[T], int] = lambda _: 0,
) -> Iterator[tuple[list[T], int]]:
    """Yield entries, as many as one turn of the event loop takes, with their bytes.

    Args:
        entries: entries; None is a part of the body that holds none, and takes time all the same.
        size_of: returns the bytes of an entry.
        repeated_of: returns the bytes of what it shares with others.
    """
    held: list[T] = []
    size = steps = repeated = 0
    for each in entries:
        steps += 1
        if each is not None:
            held.append(each)
            size += size_of(each)
            repeated += repeated_of(each)
        if steps >= MOST_AT_ONCE or size >= SIZE_AT_ONCE or repeated >= REPEATED_AT_ONCE:
            yield held, size
            held, size, steps, repeated = [], 0, 0, 0
    if held:
        yield held, size
