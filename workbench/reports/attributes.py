"""Attributes as columns: out of the JSON of each log, with a dtype that fits the values."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from server.errors import UsageError
from workbench.asking.times import INT64

STORED: Final = ("seq", "id", "type", "timestamp", "received_at", "source", "message")

# So many logs are decoded in one call: a call each takes twice as long, more do not fit the cache.
_SLICE: Final = 2_000
_COMMA: Final = pa.scalar(",", pa.large_string())

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def spread(frame: pd.DataFrame, names: Sequence[str] | Literal["all"]) -> pd.DataFrame:
    """Replace the column `attributes` by one column for each attribute named.

    Each column has the name that `column_name` gives. The dtype follows the values: `Int64`,
    `Float64`, `boolean` or `str`, and `object` where they are mixed or nested, where an integer is
    too large for it, or where no log has any. What a log lacks is missing.

    Raises:
        UsageError: `names` is no list of texts.
    """
    chosen = _checked(names)
    stored = frame.drop(columns="attributes")
    columns = {
        column_name(name): as_column(values, frame.index)
        for name, values in _values(frame["attributes"], chosen).items()
    }
    # At once: a frame that grows column by column is slow, and pandas warns of it.
    return pd.concat([stored, pd.DataFrame(columns)], axis=1) if columns else stored


def _values(column: "pd.Series[Any]", names: list[str] | None) -> dict[str, list[Any]]:
    """Return the values of attributes by name, of all where none are named."""
    if names is None:
        decoded = [_decode(text) for text in column]
        return {name: [each.get(name) for each in decoded] for name in _all_names(decoded)}
    names = [*dict.fromkeys(names)]
    texts = pa.Table.from_pandas(column.to_frame(), preserve_index=False).column(0)
    return dict(zip(names, values_of(texts, names), strict=True))


def values_of(column: pa.ChunkedArray, names: Sequence[str]) -> list[list[Any]]:
    """Take a few attributes out of the JSON of each log; the others are passed over.

    Args:
        column: the column `attributes`.
        names: which; each is named once.

    Returns:
        For each name its values, log by log; None where a log has none.
    """
    fields = [f"attribute_{number}" for number in range(len(names))]
    try:
        kind = msgspec.defstruct(
            "Attributes",
            [(field, Any, None) for field in fields],
            rename=dict(zip(fields, names, strict=True)),
            gc=False,
        )
    except ValueError:  # a name with a quote or a line break, which such a type cannot have
        decoded = [_decode(text) for text in column.to_pylist()]
        return [[each.get(name) for each in decoded] for name in names]
    decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type] # made at run time
    parts = [decode(text) for text in _joined(column)]
    return [list(map(attrgetter(field), chain.from_iterable(parts))) for field in fields]


def _joined(column: pa.ChunkedArray) -> Iterator[bytes]:
    """Yield a column of JSON texts as JSON arrays of a slice each."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), _SLICE):
            texts = chunk.slice(start, _SLICE).cast(pa.large_string())
            ends = pa.array([0, len(texts)], pa.int64())
            joined = pc.binary_join(pa.LargeListArray.from_arrays(ends, texts), _COMMA)
            yield b"[%b]" % joined[0].as_buffer()


def column_name(attribute: str) -> str:
    """Return the column of an attribute: its name, or `attributes.NAME` where that is taken."""
    taken = attribute in STORED or attribute.startswith("attributes.")
    return f"attributes.{attribute}" if taken else attribute


def as_column(values: Sequence[object], index: "pd.Index[Any]") -> "pd.Series[Any]":
    """Return values as a column of the narrowest dtype that holds them all."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds and kinds <= {int, float}:
        return pd.Series(values, index, dtype=_number_dtype(values, kinds))
    if kinds == {bool}:
        return pd.Series(values, index, dtype="boolean")
    if kinds == {str}:
        return pd.Series(values, index, dtype="str")
    return pd.Series(values, index, dtype="object")


def _number_dtype(values: Sequence[object], kinds: set[type]) -> str:
    integers = [value for value in values if isinstance(value, int)]
    if kinds == {int}:
        return "Int64" if all(each in INT64 for each in integers) else "object"
    return "Float64" if all(abs(each) <= sys.float_info.max for each in integers) else "object"


def _checked(names: object) -> list[str] | None:
    """Return the names, or None for all."""
    if isinstance(names, str):
        if names == "all":
            return None
    elif isinstance(names, Iterable):
        listed = list(names)
        if all(isinstance(each, str) for each in listed):
            return listed
    raise UsageError(f"attributes={names!r} is no list of names; give one, or 'all'")


def _all_names(decoded: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({name for attributes in decoded for name in attributes})
