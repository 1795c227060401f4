"""Attributes as columns: out of the JSON of each log, with a dtype that fits the values."""

import sys
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from itertools import chain
from typing import Any, Final, Literal

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from waterline.errors import ManyAttributes, UsageError
from waterline.integers import INT64
from workbench.query.attribute_values import values_of
from workbench.query.empty_answer import GLANCE, unknown_attribute
from workbench.query.progress import warn_of
from workbench.query.variants import python_values, series

MOST_NAMES: Final = 1_000
"""Greatest number of columns that `"all"` makes."""
STORED: Final = ("seq", "id", "type", "timestamp", "received_at", "source", "message")

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


def spread(frame: pd.DataFrame, names: Sequence[str] | Literal["all"]) -> pd.DataFrame:
    """Replace the column `attributes` by one column for each attribute or path named.

    Columns are named by `column_name`. The dtype follows the values: `Int64`, `Float64`, `boolean`
    or `str`; it is `object` if values are mixed or nested, if an integer exceeds the dtype, or if
    no log has a value. An attribute that a log lacks is missing.

    With `"all"`, at most `MOST_NAMES` attributes become columns, those that most logs have. The
    others stay in `attributes`.

    Raises:
        UsageError: `names` is no list of texts.

    Warns:
        ManyAttributes: some attributes stay in `attributes`.
    """
    chosen = named(names)
    stored = frame.drop(columns="attributes")
    if chosen is None:
        values, rest = _all_values(frame["attributes"])
    else:
        values, rest = _values(frame["attributes"], chosen), None
    columns = {
        column_name(name, tuple(stored.columns)): as_column(each, frame.index)
        for name, each in values.items()
    }
    if rest is not None:
        if "attributes" in columns:
            columns["attributes.attributes"] = columns.pop("attributes")
        columns["attributes"] = pd.Series(rest, frame.index, dtype="str")
    # All at once: pandas warns of a frame that grows column by column.
    return pd.concat([stored, pd.DataFrame(columns)], axis=1) if columns else stored


def with_values(
    stored: pd.DataFrame, values: pa.ChunkedArray, names: Sequence[str]
) -> pd.DataFrame:
    """Return logs with a column for each attribute, as `spread` makes them.

    Args:
        stored: the stored columns but for `attributes`.
        values: a struct of `VARIANT`, one a name.
        names: the attributes.
    """
    columns: dict[str, pd.Series[Any]] = {}
    for place, name in enumerate(names):
        variant = pc.struct_field(values, place)
        made = series(variant, stored.index)
        if made is None:
            made = as_column(python_values(variant), stored.index)
        columns[column_name(name, tuple(stored.columns))] = made
    return pd.concat([stored, pd.DataFrame(columns)], axis=1) if columns else stored


def lacking_attribute(
    frame: pd.DataFrame, texts: Callable[[], Sequence[str]], names: Iterable[str]
) -> str | None:
    """Return a sentence about the first attribute that no log has; None if there is none.

    Args:
        frame: what `spread` returned.
        texts: returns the column `attributes` that it was made from, or its begin.
        names: the attributes.
    """
    for name in names:
        apart = f"attributes.{name}"
        if frame[apart if apart in frame else name].isna().all():
            return unknown_attribute(name, texts()[:GLANCE])
    return None


def _all_values(column: "pd.Series[Any]") -> tuple[dict[str, list[Any]], list[str] | None]:
    """Return the values of all attributes by name, and JSON texts of the attributes left over."""
    frequency = Counter(chain.from_iterable(map(_decode_members, column)))
    ranked = sorted(frequency, key=lambda name: (-frequency[name], name))
    chosen = sorted(ranked[:MOST_NAMES])
    values: dict[str, list[Any]] = {name: [None] * len(column) for name in chosen}
    rest = len(ranked) > MOST_NAMES
    texts = list(column)
    for place, text in enumerate(column):
        for name, value in _decode(text).items():
            if name in values:
                values[name][place] = value
        if rest:
            # As written: a number must not pass through a float.
            members = _decode_members(text)
            texts[place] = _encode({k: v for k, v in members.items() if k not in values}).decode()
    if not rest:
        return values, None
    warn_of(
        f"these logs have {len(ranked):,} different attributes; the {MOST_NAMES:,} that most logs "
        "have became columns, and the others stay in the column attributes; name those that you "
        "need, as attributes=['status']",
        ManyAttributes,
    )
    return values, texts


def _values(column: "pd.Series[Any]", names: list[str]) -> dict[str, list[Any]]:
    """Return the values of attributes by name."""
    names = [*dict.fromkeys(names)]
    texts = pa.Table.from_pandas(column.to_frame(), preserve_index=False).column(0)
    return dict(zip(names, values_of(texts, names), strict=True))


def column_name(attribute: str, others: Collection[Hashable] = ()) -> str:
    """Return the column name of an attribute: its own, or `attributes.NAME` if that is taken.

    Args:
        attribute: name of the attribute.
        others: columns that stand beside it, such as the node of a lake.
    """
    taken = attribute in STORED or attribute in others or attribute.startswith("attributes.")
    return f"attributes.{attribute}" if taken else attribute


def query_value(value: object) -> str:
    """Return a value as a query names it: a text that reads as another kind is in quotes."""
    if not isinstance(value, str):
        return _encode(value).decode()
    try:
        is_other = value.startswith('"') or not isinstance(msgspec.json.decode(value), str)
    except msgspec.DecodeError:
        is_other = False
    return _encode(value).decode() if is_other else value


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
    return "Float64" if all(map(_is_exact_as_float, integers)) else "object"


def _is_exact_as_float(number: int) -> bool:
    return abs(number) <= sys.float_info.max and float(number) == number


def named(names: object) -> list[str] | None:
    """Return the names of attributes; None stands for all.

    Raises:
        UsageError: `names` is no list of texts.
    """
    if isinstance(names, str):
        if names == "all":
            return None
    elif isinstance(names, Iterable):
        listed = list(names)
        if all(isinstance(each, str) for each in listed):
            return listed
    raise UsageError(f"attributes={names!r} is no list of names; give one, or 'all'")
