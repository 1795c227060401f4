"""Attributes as columns: out of the JSON of each log, with a dtype that fits the values."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import pandas as pd

from server.errors import UsageError
from workbench.asking.times import INT64

STORED: Final = ("seq", "id", "type", "timestamp", "received_at", "source", "message")

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
    decoded = [_decode(text) for text in frame["attributes"]]
    stored = frame.drop(columns="attributes")
    columns = {
        column_name(name): as_column([each.get(name) for each in decoded], frame.index)
        for name in (_all_names(decoded) if chosen is None else chosen)
    }
    # At once: a frame that grows column by column is slow, and pandas warns of it.
    return pd.concat([stored, pd.DataFrame(columns)], axis=1) if columns else stored


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
