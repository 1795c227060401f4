"""Attributes of a batch out of their JSON into columns, so that they come back exactly."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.attribute_columns.choose import choose_layout, read_object
from waterline.archive.attribute_columns.join import Joiner
from waterline.archive.attribute_columns.known_types import KnownTypes
from waterline.archive.attribute_columns.layout import TYPES, Group, Kind, Layout, Member
from waterline.integers import INT64

_DUCKDB_TYPES: Final[dict[Kind, str]] = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "text": "VARCHAR",
    "json": "JSON",
}
_OF_JSON: Final = "CASE WHEN json_valid(attributes) THEN attributes END"
# Logs that DuckDB reads at once, and whose JSON is held twice.
_ROWS_AT_ONCE: Final = 25_000
_NO_TEXTS: Final = pa.array([], pa.string())
# Logs that are Python objects at a time.
_AT_ONCE: Final = 2_000
_LOCKED: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": False,
    "threads": 1,
    "autoload_known_extensions": False,
}


class SplitAttributes(msgspec.Struct, frozen=True):
    """Attributes of a batch as columns.

    Attributes:
        layout: the members that are columns.
        columns: an array a member, as long as there are logs, with each different value once. A log
            without a value has null.
        texts: the whole JSON of each log whose columns do not give it back exactly; null for all
            others.
    """

    layout: Layout
    columns: tuple[pa.DictionaryArray, ...]
    texts: pa.Array


def split(texts: pa.ChunkedArray, types: KnownTypes | None = None) -> SplitAttributes:
    """Split attributes into columns.

    Each log is put together again and compared. Where that gives other bytes, be it another order,
    an integer too large, a number that is written in another way or a member without a column, the
    JSON is kept besides. Its columns then hold those of its values that are of their kind.

    Args:
        texts: the attributes of logs, as JSON objects.
        types: those of the folder, which are kept to and added to; None is a batch by itself.
    """
    layout = choose_layout(texts)
    if types is not None:
        layout = types.settle(layout)
    slices = [
        chunk.slice(start, _ROWS_AT_ONCE)
        for chunk in (*texts.chunks, _NO_TEXTS)
        for start in range(0, max(1, len(chunk)), _ROWS_AT_ONCE)
    ]
    columns = _as_read(layout, slices)
    joiner = Joiner(layout, dict(enumerate(columns)))
    begins = accumulate(map(len, slices), initial=0)
    kept = [
        _unless_equal(each, joiner.join(range(begin, begin + len(each))))
        for each, begin in zip(slices, begins, strict=False)
    ]
    odd = pa.concat_arrays(kept)
    if odd.null_count < len(odd):
        strict = _columns_of(layout, odd.drop_null())
        columns = [
            pc.replace_with_mask(column.dictionary_decode(), odd.is_valid(), values)
            for column, values in zip(columns, strict, strict=True)
        ]
        columns = [column.dictionary_encode() for column in columns]
    return SplitAttributes(layout, tuple(columns), odd)


def _unless_equal(texts: pa.Array, joined: pa.Array) -> pa.Array:
    """Return the texts that are others when they are joined, and null for those that are equal."""
    is_odd = pc.not_equal(joined, texts)
    nothing = pa.nulls(len(texts), pa.string())
    # Not `if_else`: it makes room for all texts, though few are left.
    return pc.replace_with_mask(nothing, is_odd, texts.filter(is_odd))


def _as_read(layout: Layout, slices: Sequence[pa.Array]) -> list[pa.DictionaryArray]:
    """Return the columns as DuckDB reads them."""
    with duckdb.connect(config=_LOCKED) as connection:
        parts = [_part_as_read(connection, layout, each) for each in slices]
    return [
        pa.chunked_array(column).dictionary_encode().combine_chunks()
        for column in zip(*parts, strict=True)
    ]


def _part_as_read(
    connection: duckdb.DuckDBPyConnection, layout: Layout, texts: pa.Array
) -> list[pa.Array]:
    try:
        return _guessed(connection, layout, texts, "attributes")
    except duckdb.Error:  # some of them are no JSON
        return _guessed(connection, layout, texts, _OF_JSON)


def _guessed(
    connection: duckdb.DuckDBPyConnection, layout: Layout, texts: pa.Array, expression: str
) -> list[pa.Array]:
    """Return the columns as DuckDB reads them: it may take 5 for a text or round a number.

    Raises:
        duckdb.Error: the expression gives a text that is no JSON.
    """
    if not layout.members:
        return []
    shape = msgspec.json.encode(_shape(layout.tree(), layout.members)).decode()
    connection.register("logs", pa.table({"attributes": texts}))
    read = connection.sql(
        f"SELECT from_json({expression}, {_quoted(shape)}) AS a FROM logs"
    ).to_arrow_table()
    objects = pa.concat_arrays(read["a"].chunks) if len(texts) else pa.array([], read["a"].type)
    return [column_at(objects, member) for member in layout.members]


def _shape(group: Group, members: Sequence[Member]) -> dict[str, Any]:
    return {
        name: _shape(part, members)
        if isinstance(part, Group)
        else _DUCKDB_TYPES[members[part].kind]
        for name, part in group.parts.items()
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def column_at(objects: pa.StructArray, member: Member) -> pa.Array:
    """Return the column of a member out of a struct; one that is a dictionary stays so.

    Raises:
        pa.ArrowInvalid: the struct has none of its path, or of another type.
    """
    for name in member.path:
        if not pa.types.is_struct(objects.type):
            raise pa.ArrowInvalid(f"its attributes have no column {'.'.join(member.path)}")
        # Of a name that is not there the index is -1, which is no field.
        objects = pc.struct_field(objects, objects.type.get_field_index(name))
    kind = TYPES[member.kind]
    return objects if objects.type == pa.dictionary(pa.int32(), kind) else objects.cast(kind)


def _columns_of(layout: Layout, texts: pa.Array) -> Iterator[pa.Array]:
    """Yield a column a member, with the values that are of its kind."""
    parts = [
        _part_of(layout, texts.slice(start, _AT_ONCE)) for start in range(0, len(texts), _AT_ONCE)
    ]
    yield from map(pa.concat_arrays, zip(*parts, strict=True))


def _part_of(layout: Layout, texts: pa.Array) -> list[pa.Array]:
    decoded = [*map(read_object, texts.to_pylist())]
    return [
        pa.array([_value(attributes, member) for attributes in decoded], TYPES[member.kind])
        for member in layout.members
    ]


def _value(attributes: dict[str, Any], member: Member) -> object:
    value: object = attributes
    for name in member.path:
        value = value.get(name) if isinstance(value, dict) else None
    match member.kind:
        case "json":
            return None if value is None else msgspec.json.encode(value).decode()
        case "boolean":
            return value if isinstance(value, bool) else None
        case "text":
            return value if isinstance(value, str) else None
        case "integer":
            return value if type(value) is int and value in INT64 else None
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                return None
            try:
                return float(value)
            except OverflowError:
                return None
