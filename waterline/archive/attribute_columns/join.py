"""Columns of attributes as the JSON that they were made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


class Joiner:
    """Writes the JSON objects that the values of columns make, each different value once.

    Args:
        layout: the members of the columns.
        columns: by place in the layout, arrays of the type of the member's kind, or a dictionary of
            it. A member that has no column is left out.
    """

    def __init__(self, layout: Layout, columns: Mapping[int, pa.Array]) -> None:
        self._object = _object_of(layout.tree(), layout.members, columns, "{")

    def join(self, rows: range) -> pa.Array:
        """Return the objects of some rows, which follow each other, as an array of strings."""
        if self._object is None:
            return pa.repeat("{}", len(rows))
        objects, _ = self._object.join(rows)
        return objects


@dataclass(frozen=True, slots=True)
class _Value:
    """A member with its name, as text."""

    texts: pa.DictionaryArray
    otherwise: str
    """Of a log that has no value."""

    def join(self, rows: range) -> tuple[pa.Array, pa.Array]:
        """Return the texts of some rows, and which have a value."""
        part = self.texts.slice(rows.start, len(rows))
        return part.cast(pa.string()).fill_null(self.otherwise), part.is_valid()


@dataclass(frozen=True, slots=True)
class _Object:
    """An object of members, as text after an opening one."""

    parts: "Sequence[_Value | _Object]"
    opening: str
    begins_with_comma: bool
    """Whether the first of its members in a log begins with a comma, which is cut off; else the
    opening text is in its first part."""

    def join(self, rows: range) -> tuple[pa.Array, pa.Array]:
        """Return the texts of some rows, and which have any value."""
        pieces: list[pa.Array] = []
        has_value: pa.Array | None = None
        for part in self.parts:
            texts, has = part.join(rows)
            pieces.append(texts if isinstance(part, _Value) else pc.if_else(has, texts, _NOTHING))
            has_value = has if has_value is None else pc.or_(has_value, has)
        if not self.begins_with_comma:
            return pc.binary_join_element_wise(*pieces, "}", _NOTHING), has_value
        inside = pc.ascii_ltrim(pc.binary_join_element_wise(*pieces, _NOTHING), _COMMA)
        return pc.binary_join_element_wise(self.opening, inside, "}", _NOTHING), has_value


def _object_of(
    group: Group, members: Sequence[Member], columns: Mapping[int, pa.Array], opening: str
) -> _Object | None:
    """Return what writes an object; None if no member has a column."""
    parts: list[_Value | _Object] = []
    # Until a member is in every object, each begins with a comma.
    begins_with_comma = True
    for name, part in group.parts.items():
        comma = _COMMA
        key = f"{msgspec.json.encode(name).decode()}:"
        if isinstance(part, Group):
            inner = _object_of(part, members, columns, f",{key}{{")
            if inner is not None:
                parts.append(inner)
        elif part in columns:
            member, column = members[part], columns[part]
            if not parts and (member.is_always or not column.null_count):
                comma, begins_with_comma = opening, False
            parts.append(_value_of(comma + key, member, column))
    return _Object(parts, opening, begins_with_comma) if parts else None


def _value_of(key: str, member: Member, column: pa.Array) -> _Value:
    """Return `key` and the value of each log; where it has none, `null` or nothing."""
    encoded = encoded_once(column)
    quote = '"' if member.kind == "text" else ""
    values = _written(member, encoded.dictionary)
    texts = pc.binary_join_element_wise(key + quote, values, quote, _NOTHING)
    otherwise = f"{key}null" if member.is_always else ""
    return _Value(pa.DictionaryArray.from_arrays(encoded.indices, texts), otherwise)


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
