"""Values of attributes out of the JSON of each log."""

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waterline.query_text.paths import lookup, member_of, steps_of

# Logs decoded in one call: one a call takes twice as long, and more do not fit the CPU's cache.
_SLICE: Final = 2_000
_COMMA: Final = pa.scalar(",", pa.large_string())

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def values_of_texts(column: pa.ChunkedArray, names: Sequence[str]) -> list[list[Any]]:
    """Extract named attributes from the JSON of each log.

    Args:
        column: attributes as JSON texts.
        names: names or paths of attributes, without repetition.

    Returns:
        Values by name, one a log; None if a log has none.
    """
    # What a path begins with is read besides, for the logs that have no attribute of its name.
    steps = {name: steps_of(name) for name in names}
    roots = [each[0] for each in steps.values() if each]
    members = [*dict.fromkeys((*names, *roots))]
    fields = {name: f"attribute_{number}" for number, name in enumerate(members)}
    try:
        kind = msgspec.defstruct(
            "Attributes",
            [(field, Any, msgspec.UNSET) for field in fields.values()],
            rename={field: name for name, field in fields.items()},
            gc=False,
        )
    except ValueError:  # a name with a quote or a line break, which a struct's field cannot have
        decoded = [_decode(text) for text in column.to_pylist()]
        return [[lookup(each, name) for each in decoded] for name in names]
    decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type] # made at run time
    parts = [decode(text) for text in _joined(column)]

    def values(name: str) -> Iterator[Any]:
        return map(attrgetter(fields[name]), chain.from_iterable(parts))

    def of(name: str) -> list[Any]:
        if not steps[name]:
            return [None if each is msgspec.UNSET else each for each in values(name)]
        root, *inner = steps[name]
        return [
            member_of(whole, tuple(inner)) if each is msgspec.UNSET else each
            for each, whole in zip(values(name), values(root), strict=True)
        ]

    return [of(name) for name in names]


def _joined(column: pa.ChunkedArray) -> Iterator[bytes]:
    """Yield a column of JSON texts as JSON arrays of a slice each."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), _SLICE):
            texts = chunk.slice(start, _SLICE).cast(pa.large_string())
            ends = pa.array([0, len(texts)], pa.int64())
            joined = pc.binary_join(pa.LargeListArray.from_arrays(ends, texts), _COMMA)
            yield b"[%b]" % joined[0].as_buffer()
