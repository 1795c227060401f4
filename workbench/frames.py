"""DataFrames of Arrow tables: times in microseconds, dtypes by the schema, not by values."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MOMENT_US: Final = pa.timestamp("us", tz="UTC")
"""Type of times in all frames and tables for analysts."""

_LENGTH_US: Final = pa.duration("us")
# Digits of a decimal that a float holds exactly.
_FLOAT_DIGITS: Final = 15
_DAY_US: Final = 86_400_000_000
# As DuckDB compares intervals.
_DAYS_A_MONTH: Final = 30
_INTERVAL: Final = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
_NULLABLE: Final = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def in_microseconds(table: pa.Table) -> pa.Table:
    """Return a table with times and durations in microseconds.

    Nanoseconds, which only SQL can ask for, stay.
    """
    fields = [field.with_type(_unit(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table without NULL among its numbers as a DataFrame.

    Text is `str`, integers are `int64`, times `datetime64[us, UTC]`, durations `timedelta64[us]`.
    """
    frame: pd.DataFrame = in_microseconds(table).to_pandas()
    return frame


def to_nullable_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table that may hold NULL anywhere as a DataFrame; no number is changed.

    The dtype follows the type of a column. Integers are `Int64` and its kin, booleans `boolean`,
    floats `float64`, text `str`, times `datetime64[us, UTC]`, and intervals `timedelta64[us]` with
    a month of 30 days. Decimals without a fraction, such as sums, are `Int64`, or `int` if one
    exceeds 64 bits. Other decimals are `float64` up to 15 digits, `decimal.Decimal` beyond. Nested
    values are Python's own.
    """
    columns, objects = [], {}
    for place, column in enumerate(table.columns):
        made = _column(column)
        if isinstance(made, list):
            objects[place] = made
            made = pa.nulls(len(made))
        columns.append(made)
    plain = in_microseconds(pa.table(columns, names=[str(place) for place in range(len(columns))]))
    frame: pd.DataFrame = plain.to_pandas(types_mapper=_NULLABLE.get)
    for place, values in objects.items():
        kept: pd.Series[Any] = pd.Series(values, dtype="object")
        frame.isetitem(place, kept.array)
    return frame.set_axis(table.column_names, axis="columns")


def python_values(column: pa.ChunkedArray) -> list[Any]:
    """Return a column as Python values; an integer of any width is an `int`."""
    values: list[Any] = column.to_pylist()
    whole = _whole(column.type)
    return values if whole is None else [whole(each) for each in values]


def milliseconds_of(times: "pd.Series[pd.Timestamp]") -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return times of any unit as milliseconds since 1970 UTC."""
    milliseconds: np.ndarray[Any, np.dtype[np.int64]]
    milliseconds = times.dt.as_unit("ms").to_numpy("datetime64[ms]").astype(np.int64)
    return milliseconds


def _unit(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(type_) and type_.unit != "ns":
        return pa.timestamp("us", tz=type_.tz and "UTC")
    if pa.types.is_duration(type_) and type_.unit != "ns":
        return _LENGTH_US
    return type_


def _column(column: pa.ChunkedArray) -> pa.ChunkedArray | list[Any]:
    """Return a column that pandas converts, or the values of a column of objects."""
    type_ = column.type
    if pa.types.is_interval(type_):
        return pa.chunked_array([_microseconds(each) for each in column.chunks], _LENGTH_US)
    if pa.types.is_nested(type_):
        return python_values(column)
    if not pa.types.is_decimal(type_):
        return column
    if not type_.scale:
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:
            return python_values(column)
    return column.cast(pa.float64()) if type_.precision <= _FLOAT_DIGITS else python_values(column)


def _microseconds(intervals: pa.Array) -> pa.Array:
    within = slice(intervals.offset, intervals.offset + len(intervals))
    parts = np.frombuffer(intervals.buffers()[1], _INTERVAL)[within]
    days = parts["months"].astype("int64") * _DAYS_A_MONTH + parts["days"]
    lengths = pa.array(days * _DAY_US + parts["nanoseconds"] // 1000).cast(_LENGTH_US)
    return pc.if_else(intervals.is_valid(), lengths, pa.scalar(None, _LENGTH_US))


def _whole(type_: pa.DataType) -> Callable[[Any], Any] | None:
    """Return a converter of decimals without a fraction, at any depth, to `int`; None if none."""
    if pa.types.is_decimal(type_):
        return None if type_.scale else lambda value: value if value is None else int(value)
    if pa.types.is_map(type_):
        key, item = _whole(type_.key_type), _whole(type_.item_type)
        if key is None and item is None:
            return None
        return lambda value: value and [(_made(key, k), _made(item, v)) for k, v in value]
    if pa.types.is_struct(type_):
        members = {field.name: _whole(field.type) for field in type_}
        if not any(members.values()):
            return None
        return lambda value: value and {k: _made(members[k], v) for k, v in value.items()}
    if pa.types.is_nested(type_) and not pa.types.is_union(type_):
        of_list = _whole(type_.value_type)
        return None if of_list is None else lambda value: value and [*map(of_list, value)]
    return None


def _made(make: Callable[[Any], Any] | None, value: object) -> object:
    return value if make is None else make(value)
