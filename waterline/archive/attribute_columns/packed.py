"""Attributes of a batch as one Arrow column that still knows its members."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.attribute_columns.join import Joiner
from waterline.archive.attribute_columns.layout import Layout, read_layout, write_layout

NAME: Final = "waterline.attributes"
"""Name of the type, as Arrow writes it."""
_TEXTS: Final = "json"
# Logs whose members are texts at a time, before they are put together.
_ROWS_AT_ONCE: Final = 50_000


class PackedType(pa.ExtensionType):  # type: ignore[misc] # pyarrow has no types
    """Arrow type of attributes as columns: it filters and takes rows as any other type.

    The storage is a struct: `json` has the whole JSON of the logs that columns do not give back,
    and a field for each member that was read is called by its place in the layout.

    Args:
        layout: the members of the batch.
        types: by place, the types of those that were read: that of their kind, or a dictionary of
            it.
    """

    def __init__(self, layout: Layout, types: Mapping[int, pa.DataType]) -> None:
        self.layout = layout
        self.places = tuple(types)
        fields = [pa.field(str(place), each) for place, each in types.items()]
        storage = pa.struct([pa.field(_TEXTS, pa.string()), *fields])
        super().__init__(storage, NAME)

    def __eq__(self, other: object) -> bool:
        """Return whether they hold the same members: Arrow asks, of itself by the storage alone."""
        return (
            isinstance(other, PackedType)
            and self.storage_type == other.storage_type
            and self.layout == other.layout
        )

    def __hash__(self) -> int:
        return hash((self.layout, self.places))

    def __arrow_ext_serialize__(self) -> bytes:
        return write_layout(self.layout)

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "PackedType":
        types = {int(field.name): field.type for field in storage if field.name != _TEXTS}
        return cls(read_layout(serialized), types)


def pack(layout: Layout, columns: Mapping[int, pa.Array], texts: pa.Array) -> pa.Array:
    """Return columns of attributes as one column.

    Args:
        layout: the members of the batch.
        columns: by place in the layout, those that were read.
        texts: the JSON of the logs that columns do not give back, null for all others.
    """
    packed = PackedType(layout, {place: column.type for place, column in columns.items()})
    storage = pa.StructArray.from_arrays([texts, *columns.values()], fields=[*packed.storage_type])
    return pa.ExtensionArray.from_storage(packed, storage)


def is_packed(column: pa.ChunkedArray) -> bool:
    """Return whether a column of attributes is packed; else it is of JSON texts."""
    return isinstance(column.type, PackedType)


def odd_texts(chunk: pa.ExtensionArray) -> pa.Array:
    """Return the JSON of the logs that columns do not give back, null for all others."""
    return chunk.storage.field(_TEXTS)


def member_column(chunk: pa.ExtensionArray, place: int) -> pa.Array:
    """Return the column of a member that was read; texts may be a dictionary."""
    return chunk.storage.field(str(place))


def unpacked(column: pa.ChunkedArray, places: Sequence[int] | None = None) -> pa.ChunkedArray:
    """Return attributes as JSON texts, as they were stored.

    Args:
        column: packed, with all members or those that are wanted.
        places: of these members, those to leave in; None is all.
    """
    chunks = [part for chunk in column.chunks for part in _unpacked(chunk, places)]
    return pa.chunked_array(chunks, pa.string())


def _unpacked(chunk: pa.ExtensionArray, places: Sequence[int] | None) -> Iterator[pa.Array]:
    layout: Layout = chunk.type.layout
    left = chunk.type.places if places is None else places
    joiner = Joiner(layout, {place: member_column(chunk, place) for place in left})
    texts = odd_texts(chunk)
    for begin in range(0, len(chunk), _ROWS_AT_ONCE):
        rows = range(begin, min(begin + _ROWS_AT_ONCE, len(chunk)))
        odd, joined = texts.slice(begin, len(rows)), joiner.join(rows)
        yield joined if odd.null_count == len(odd) else pc.coalesce(odd, joined)
