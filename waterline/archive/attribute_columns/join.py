"""Columns of attributes as the JSON that they were made from."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.attribute_columns.layout import Group, Layout, Member
from waterline.integers import MOST_EXACT

# RFC 8259, section 7: what a string of JSON cannot hold as it is.
_ESCAPED: Final = r'[\x00-\x1f"\\]'
_COMMA: Final = ","
_NOTHING: Final = pa.scalar("", pa.string())


def join(layout: Layout, columns: Mapping[int, pa.Array], rows: int) -> pa.Array:
    """Return the JSON objects that the values of columns make.

    Args:
        layout: the members of the columns.
        columns: by place in the layout, arrays of the type of the member's kind, or a dictionary of
            it. A member that has no column is left out.
        rows: number of values of each column.

    Returns:
        An array of strings.
    """
    objects, _ = _objects(layout.tree(), layout.members, columns, "{")
    return pa.repeat("{}", rows) if objects is None else objects


def _objects(
    group: Group, members: Sequence[Member], columns: Mapping[int, pa.Array], opening: str
) -> tuple[pa.Array | None, pa.Array | None]:
    """Return an object of each log as JSON after an opening text, and whether it has any value.

    Both are None if no member has a column.
    """
    pieces: list[pa.Array] = []
    has_value: pa.Array | None = None
    # Until a member is in every object, each begins with a comma; the first one is cut off.
    begins_with_comma = True
    for name, part in group.parts.items():
        comma = _COMMA
        key = f"{msgspec.json.encode(name).decode()}:"
        if isinstance(part, Group):
            inner, has = _objects(part, members, columns, f",{key}{{")
            if inner is None or has is None:
                continue
            pieces.append(pc.if_else(has, inner, _NOTHING))
        elif part in columns:
            member, column = members[part], columns[part]
            has = column.is_valid()
            if not pieces and (member.is_always or not column.null_count):
                comma, begins_with_comma = opening, False
            pieces.append(_piece(comma + key, member, column))
        else:
            continue
        has_value = has if has_value is None else pc.or_(has_value, has)
    if not pieces:
        return None, None
    if not begins_with_comma:
        return pc.binary_join_element_wise(*pieces, "}", _NOTHING), has_value
    inside = pc.ascii_ltrim(pc.binary_join_element_wise(*pieces, _NOTHING), _COMMA)
    return pc.binary_join_element_wise(opening, inside, "}", _NOTHING), has_value


def _piece(key: str, member: Member, column: pa.Array) -> pa.Array:
    """Return `key` and the value of each log; where it has none, `null` or nothing."""
    # Each different value is written once.
    encoded = encoded_once(column)
    quote = '"' if member.kind == "text" else ""
    values = _written(member, encoded.dictionary)
    texts = pc.binary_join_element_wise(key + quote, values, quote, _NOTHING)
    piece = pa.DictionaryArray.from_arrays(encoded.indices, texts).cast(pa.string())
    return piece.fill_null(f"{key}null" if member.is_always else _NOTHING)


def encoded_once(column: pa.Array) -> pa.DictionaryArray:
    """Return a column with each different value once, and not many that no log has."""
    if pa.types.is_dictionary(column.type):
        if len(column.dictionary) <= len(column):
            return column
        column = column.dictionary_decode()
    return column.dictionary_encode()


def _written(member: Member, values: pa.Array) -> pa.Array:
    match member.kind:
        case "text":
            return _escaped(values)
        case "json":
            return values
        case "number":
            return _numbers(values, has_fractions=member.has_fractions)
        case _:
            return values.cast(pa.string())


def _numbers(values: pa.Array, *, has_fractions: bool) -> pa.Array:
    # Arrow writes larger whole numbers with an exponent, from 1e10 on.
    whole = pc.if_else(is_whole(values), values, None).cast(pa.int64()).cast(pa.string())
    if has_fractions:
        whole = pc.binary_join_element_wise(whole, ".0", _NOTHING)
    return pc.coalesce(whole, values.cast(pa.string()))


def is_whole(values: pa.Array) -> pa.Array:
    """Return which floats have no fraction, and every whole number up to them is a float."""
    return pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), MOST_EXACT))


def _escaped(values: pa.Array) -> pa.Array:
    needs_escape = pc.match_substring_regex(values, _ESCAPED)
    if not needs_escape.true_count:
        return values
    others = values.filter(needs_escape).to_pylist()
    written = [msgspec.json.encode(text)[1:-1].decode() for text in others]
    return pc.replace_with_mask(values, needs_escape, pa.array(written, pa.string()))
