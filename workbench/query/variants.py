"""Values of an attribute by kind: one Arrow type for all logs, wherever they were read."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.attribute_columns.layout import TYPES
from waterline.integers import INT64, MOST_EXACT

VARIANT: Final = pa.struct([*TYPES.items()])
"""A value in the field of its kind, all others null. `json` is a list, an object, or an integer
beyond 64 bits, as JSON; with no value at all there is none, or null."""

_KINDS: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", float: "number", str: "text"}
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.encode


def variants(values: Mapping[str, pa.Array], rows: int) -> pa.StructArray:
    """Return values as an array of `VARIANT`.

    Args:
        values: arrays by kind; a kind without one has no values.
        rows: number of values.
    """
    arrays = [values.get(field.name, pa.nulls(rows, field.type)) for field in VARIANT]
    return pa.StructArray.from_arrays(arrays, fields=[*VARIANT])


def variants_of(values: Sequence[Any]) -> pa.StructArray:
    """Return values of Python, as decoded from JSON, as an array of `VARIANT`."""
    kinds = {*map(type, values)} - {type(None)}
    if len(kinds) == 1 and (kind := _KINDS.get(next(iter(kinds)))) is not None:
        try:
            array = pa.array(values, VARIANT.field(kind).type)
        except (OverflowError, pa.ArrowInvalid):  # an integer beyond 64 bits
            pass
        else:
            return variants({kind: array}, len(values))
    lists: dict[str, list[Any]] = {field.name: [None] * len(values) for field in VARIANT}
    for place, value in enumerate(values):
        if value is not None:
            kind = _kind(value)
            lists[kind][place] = _encode(value).decode() if kind == "json" else value
    arrays = {name: pa.array(each, VARIANT.field(name).type) for name, each in lists.items()}
    return variants(arrays, len(values))


def _kind(value: object) -> str:
    if type(value) is int and value not in INT64:
        return "json"
    return _KINDS.get(type(value), "json")


def python_values(column: pa.ChunkedArray) -> list[Any]:
    """Return values of Python, as decoded from JSON; None where there is none."""
    values: list[Any] = [None] * len(column)
    for kind, array in _present(column).items():
        for place, value in enumerate(array.to_pylist()):
            if value is not None:
                values[place] = _decode(value) if kind == "json" else value
    return values


def floats_of(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return numbers as floats; NaN for what is no number, or beyond a float."""
    present = _present(column)
    result = np.full(len(column), np.nan)
    for kind in ("integer", "number"):
        if kind in present:
            floats = present[kind].cast(pa.float64(), safe=False).to_numpy()
            np.copyto(result, floats, where=~np.isnan(floats))
    if "json" in present:
        for place, text in enumerate(present["json"].to_pylist()):
            value = None if text is None else _decode(text)
            if isinstance(value, int):
                with suppress(OverflowError):
                    result[place] = float(value)
    return result


def encoded(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], pa.ChunkedArray]:
    """Return a place for each value among the different ones, -1 where there is none, and those."""
    places = np.full(len(column), -1)
    different: list[pa.StructArray] = []
    for kind, array in _present(column).items():
        whole = array.dictionary_encode().combine_chunks()
        here = whole.indices.fill_null(-1).to_numpy()
        np.copyto(places, here + sum(map(len, different)), where=here >= 0)
        different.append(variants({kind: whole.dictionary}, len(whole.dictionary)))
    return places, pa.chunked_array(different, VARIANT)


def series(column: pa.ChunkedArray, index: "pd.Index[Any]") -> "pd.Series[Any] | None":
    """Return values as a column of the dtype of their kind; None if they are mixed, or nested."""
    present = _present(column)
    match sorted(present):
        case ["boolean"]:
            return _masked(present["boolean"], "boolean", index)
        case ["integer"]:
            return _masked(present["integer"], "Int64", index)
        case ["number"]:
            return _masked(present["number"], "Float64", index)
        case ["integer", "number"] if _are_exact(present["integer"]):
            floats = pc.coalesce(present["number"], present["integer"].cast(pa.float64()))
            return _masked(floats, "Float64", index)
        case ["text"]:
            texts: pd.Series[Any] = present["text"].to_pandas()
            return texts.set_axis(index)
        case _:
            return None


def _are_exact(integers: pa.ChunkedArray) -> bool:
    """Return whether all integers are floats too, without a look at each."""
    ends = pc.min_max(integers).as_py()
    return ends["min"] >= -MOST_EXACT and bool(ends["max"] <= MOST_EXACT)


def _masked(array: pa.ChunkedArray, dtype: str, index: "pd.Index[Any]") -> "pd.Series[Any]":
    lacks = array.is_null().to_numpy()
    filled = array.fill_null(pa.scalar(0).cast(array.type)).to_numpy()
    column: pd.Series[Any] = pd.Series(filled, index, dtype=dtype)
    return column.mask(lacks) if lacks.any() else column


def _present(column: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """Return the values of each kind that there are any of."""
    kinds = {field.name: pc.struct_field(column, field.name) for field in column.type}
    return {name: each for name, each in kinds.items() if each.null_count < len(each)}
