"""Attributes as columns: out of the JSON of each log, with a dtype that fits the values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import pandas as pd

from server.errors import UsageError

STORED: Final = ("seq", "id", "type", "timestamp", "received_at", "source", "message")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def spread(frame: pd.DataFrame, names: Sequence[str] | Literal["all"]) -> pd.DataFrame:
    """Replace the column `attributes` by one column for each attribute named.

    An attribute named like a stored column becomes `attributes.NAME`. The dtype follows the
    values: `Int64`, `Float64`, `boolean` or `str`, and `object` where they are mixed or nested,
    or where no log has any. What a log lacks is missing.

    Raises:
        UsageError: `names` is no list of texts.
    """
    if isinstance(names, str) and names != "all":
        raise UsageError(f"attributes={names!r} is no list; give a list of names, or 'all'")
    decoded = [_decode(text) for text in frame["attributes"]]
    wanted = _all_names(decoded) if names == "all" else list(dict.fromkeys(names))
    result = frame.drop(columns="attributes")
    for name in wanted:
        label = f"attributes.{name}" if name in STORED else name
        values = [attributes.get(name) for attributes in decoded]
        result[label] = as_column(values, frame.index)
    return result


def as_column(values: Sequence[object], index: "pd.Index[Any]") -> "pd.Series[Any]":
    """Return values as a column of the narrowest dtype that holds them all."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {int, float} and kinds and _fit_in_int64(values, kinds):
        return pd.Series(values, index, dtype="Int64" if kinds == {int} else "Float64")
    if kinds == {bool}:
        return pd.Series(values, index, dtype="boolean")
    if kinds == {str}:
        return pd.Series(values, index, dtype="str")
    return pd.Series(values, index, dtype="object")


def _fit_in_int64(values: Sequence[object], kinds: set[type]) -> bool:
    if kinds != {int}:
        return True
    return all(value is None or -(2**63) <= value < 2**63 for value in values)  # type: ignore[operator]


def _all_names(decoded: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({name for attributes in decoded for name in attributes})
