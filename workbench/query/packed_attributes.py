"""Packed attributes of a batch: their values, and which logs meet a condition, by column."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.attribute_columns.join import encoded_once, is_whole
from waterline.archive.attribute_columns.layout import TYPES, Layout, Member
from waterline.archive.attribute_columns.packed import member_column, odd_texts, unpacked
from waterline.integers import INT64, MOST_EXACT
from waterline.query_text.condition import Condition, Range
from waterline.query_text.matching import meeting
from waterline.query_text.paths import steps_of
from workbench.query.attribute_texts import values_of_texts
from workbench.query.variants import VARIANT, variants, variants_of

_decode: Final = msgspec.json.Decoder().decode
_COMPARE: Final[Mapping[str, Any]] = {
    "==": pc.equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def met_by(column: pa.ChunkedArray, condition: Condition) -> pa.ChunkedArray:
    """Return for each log whether its attributes meet a condition.

    Args:
        column: packed attributes, with the members that the condition needs.
        condition: what is asked.
    """
    return pa.chunked_array([_met_by(chunk, condition) for chunk in column.chunks], pa.bool_())


def packed_variants(column: pa.ChunkedArray, names: Sequence[str]) -> list[pa.ChunkedArray]:
    """Return the values of attributes as variants, a column a name.

    Args:
        column: packed attributes, with the members that are needed.
        names: names or paths of attributes, without repetition.
    """
    return [
        pa.chunked_array([_variants(chunk, name) for chunk in column.chunks], VARIANT)
        for name in names
    ]


def encoded_values(
    column: pa.ChunkedArray, name: str
) -> tuple[npt.NDArray[np.int64], pa.ChunkedArray] | None:
    """Return what `encoded` returns of an attribute that is written as a dictionary.

    Args:
        column: packed attributes, with the members that are needed.
        name: name or path of the attribute.

    Returns:
        None if the attribute is not written so in all logs.
    """
    if column.num_chunks != 1 or odd_texts(column.chunk(0)).null_count < len(column):
        return None
    chunk = column.chunk(0)
    layout: Layout = chunk.type.layout
    try:
        place = _place_of(layout, name)
    except _Ambiguous:
        return None
    if place is None or layout.members[place].kind != "text":
        return None
    values = member_column(chunk, place)
    if not pa.types.is_dictionary(values.type):
        return None
    values = encoded_once(values)
    different = variants({"text": values.dictionary}, len(values.dictionary))
    places = values.indices.fill_null(-1).to_numpy().astype(np.int64)
    return places, pa.chunked_array([different], VARIANT)


class _Ambiguous(Exception):
    """A name that no single column tells of."""


def _place_of(layout: Layout, name: str) -> int | None:
    """Return the place of the member that holds an attribute; None if no log has it in a column.

    Raises:
        _Ambiguous: several may hold it, or a part of it.
    """
    places = layout.needed([name])
    if not places:
        return None
    (place, *others) = places
    if others or layout.members[place].path not in ((name,), steps_of(name)):
        raise _Ambiguous
    return place


def _met_by(chunk: pa.ExtensionArray, condition: Condition) -> pa.Array:
    def of_values(values: list[Any]) -> pa.Array:
        return pa.array(meeting(values, condition), pa.bool_())

    def of_column(column: pa.Array | None, member: Member | None) -> pa.Array:
        if column is None or member is None:
            return pa.repeat(condition.operator == "lacks", len(chunk))
        return _column_meets(column, member, condition)

    return _read(chunk, condition.attribute, of_column, of_values)


def _variants(chunk: pa.ExtensionArray, name: str) -> pa.StructArray:
    def of_column(column: pa.Array | None, member: Member | None) -> pa.StructArray:
        if column is None or member is None:
            return variants({}, len(chunk))
        return _of_column(column, member)

    return _read(chunk, name, of_column, variants_of)


def _read(
    chunk: pa.ExtensionArray,
    name: str,
    of_column: Callable[[pa.Array | None, Member | None], pa.Array],
    of_values: Callable[[list[Any]], pa.Array],
) -> pa.Array:
    """Return what is to be known of an attribute, for each log.

    Args:
        chunk: packed attributes.
        name: name or path of the attribute.
        of_column: takes it from a column and its member, or None for both if no log has a value
            there.
        of_values: takes it from values of Python, for logs whose columns do not tell all.
    """
    layout: Layout = chunk.type.layout
    try:
        place = _place_of(layout, name)
    except _Ambiguous:
        return of_values(_values_of_json(chunk, name))
    if place is None:
        found = of_column(None, None)
    else:
        found = of_column(member_column(chunk, place), layout.members[place])
    is_odd = odd_texts(chunk).is_valid()
    if not is_odd.true_count:
        return found
    return _patched(found, is_odd, of_values(_odd_values(chunk, name)))


def _patched(found: pa.Array, is_odd: pa.Array, odd: pa.Array) -> pa.Array:
    """Return an array with others in some places."""
    if not pa.types.is_struct(found.type):
        return pc.replace_with_mask(found, is_odd, odd)
    fields = {
        field.name: pc.replace_with_mask(found.field(field.name), is_odd, odd.field(field.name))
        for field in found.type
    }
    return variants(fields, len(found))


def _of_column(column: pa.Array, member: Member) -> pa.StructArray:
    if member.kind == "json":
        texts = column.cast(pa.string()).to_pylist()
        return variants_of([None if text is None else _decode(text) for text in texts])
    if member.kind != "number" or member.has_fractions:
        return variants({member.kind: column.cast(TYPES[member.kind])}, len(column))
    # What is written without a fraction reads as an integer.
    whole = is_whole(column)
    integers = pc.if_else(whole, column, None).cast(pa.int64())
    return variants({"integer": integers, "number": pc.if_else(whole, None, column)}, len(column))


def _values_of_json(chunk: pa.ExtensionArray, name: str) -> list[Any]:
    """Return the values of all logs, from their JSON put together again."""
    (values,) = values_of_texts(unpacked(pa.chunked_array([chunk])), [name])
    return values


def _odd_values(chunk: pa.ExtensionArray, name: str) -> list[Any]:
    """Return the values of the logs whose columns do not tell all."""
    (values,) = values_of_texts(pa.chunked_array([odd_texts(chunk).drop_null()]), [name])
    return values


def _column_meets(column: pa.Array, member: Member, condition: Condition) -> pa.Array:
    """Return where values of a column meet a condition; null is no value."""
    if condition.operator == "lacks":
        return column.is_null()
    if condition.operator == "exists":
        return column.is_valid()
    is_plain = member.kind != "json" and all(_is_plain(each, member) for each in condition.values)
    if is_plain and not pa.types.is_dictionary(column.type):
        return _compared(column, condition)
    # Each different value is looked at once.
    encoded = encoded_once(column)
    if is_plain:
        met = _compared(encoded.dictionary, condition)
    else:
        values = encoded.dictionary.to_pylist()
        if member.kind == "json":
            values = [_decode(text) for text in values]
        met = pa.array(meeting(values, condition), pa.bool_())
    return met.take(encoded.indices).fill_null(False)


def _is_plain(wanted: object, member: Member) -> bool:
    """Return whether Arrow compares a value with those of a column as JSON's are compared."""
    if isinstance(wanted, Range):
        ends = [each for each in (wanted.low, wanted.high) if each is not None]
        return all(_is_plain(each, member) for each in ends)
    match member.kind:
        case "text":
            return isinstance(wanted, str)
        case "boolean":
            return isinstance(wanted, bool)
        case "integer":
            return type(wanted) is int and wanted in INT64
        case "number":
            return type(wanted) is float or (type(wanted) is int and abs(wanted) <= MOST_EXACT)
        case _:
            return False


def _compared(column: pa.Array, condition: Condition) -> pa.Array:
    if condition.operator in ("in", "==", "!="):
        met = pa.repeat(False, len(column))
        for wanted in condition.values:
            met = pc.or_(met, _is_equal(column, wanted).fill_null(False))
        return pc.and_(column.is_valid(), pc.invert(met)) if condition.operator == "!=" else met
    (wanted,) = condition.values
    return _COMPARE[condition.operator](column, _scalar(column, wanted)).fill_null(False)


def _is_equal(column: pa.Array, wanted: object) -> pa.Array:
    if not isinstance(wanted, Range):
        return pc.equal(column, _scalar(column, wanted))
    met = column.is_valid()
    if wanted.low is not None:
        met = pc.and_(met, pc.greater_equal(column, _scalar(column, wanted.low)))
    if wanted.high is not None:
        met = pc.and_(met, pc.less_equal(column, _scalar(column, wanted.high)))
    return met


def _scalar(column: pa.Array, wanted: object) -> pa.Scalar:
    return pa.scalar(wanted, column.type)
