"""How the columns of a Parquet file are encoded and compressed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.attribute_columns.layout import Member
from waterline.archive.attribute_columns.split import SplitAttributes
from waterline.archive.columns import SCHEMA
from waterline.encoding import Encoding

FEW_VALUES: Final = ("type", "source")
"""Columns with few distinct values, always."""
ENCODINGS: Final = {
    "seq": "DELTA_BINARY_PACKED",
    "timestamp": "DELTA_BINARY_PACKED",
    "received_at": "DELTA_BINARY_PACKED",
    "id": "DELTA_BYTE_ARRAY",
}
"""How the values of columns are encoded that every log has."""
# A dictionary gains nothing where more of the values than this are new; integers are smaller as
# differences much sooner.
_MOST_NEW: Final = 0.6
_MOST_NEW_INTEGERS: Final = 0.2
_ID: Final = "id"
TEXTS: Final = "attributes_json"
"""The column with the JSON of logs that columns do not give back."""
APART: Final = "attributes_other"
"""The struct of members whose path has another type in `attributes` of earlier batches."""
_ZSTD: Final = "zstd"
# Digits at random are smallest at a level that seeks no repetitions among them: of a million ids
# with eight, 5.3 bytes were left each, and 5.9 at level 3. From this level on it seeks them well.
_LEVEL_OF_IDS: Final = 1
_SEEKS_WELL: Final = 19


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is written, and the different values that it has.

    Attributes:
        written: a dictionary where that is smaller; of texts it is in their order.
        different: each of its values once, without null.
        is_dictionary: whether it is written as a dictionary.
    """

    written: pa.Array
    different: pa.Array
    is_dictionary: bool

    def part(self, rows: range) -> pa.Array:
        """Return what is written of some rows, with a dictionary of their values alone."""
        part = self.written.slice(rows.start, len(rows))
        if len(part) == len(self.written) or not pa.types.is_dictionary(part.type):
            return part
        used = part.indices.unique().drop_null().sort()
        indices = pc.index_in(part.indices, value_set=used)
        return pa.DictionaryArray.from_arrays(indices, self.different.take(used))


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns that may be dictionaries, and how all are written, by their paths in the file.

    Attributes:
        messages: the messages of logs.
        members: the members of their attributes.
        dictionaries: the columns that are a dictionary.
        encodings: how the values of others are encoded.
        levels: how hard each is compressed; None for a codec without levels.
    """

    messages: Column
    members: tuple[Column, ...]
    dictionaries: tuple[str, ...]
    encodings: Mapping[str, str]
    levels: Mapping[str, int] | None


def columns_of(table: pa.Table, attributes: SplitAttributes, encoding: Encoding) -> Columns:
    """Choose how columns are written.

    Args:
        table: logs in the columns of `SCHEMA`.
        attributes: their attributes.
        encoding: codec and level.
    """
    members = attributes.layout.members
    messages = _column(table["message"].dictionary_encode().combine_chunks(), _MOST_NEW)
    columns = tuple(
        _column(column, _MOST_NEW_INTEGERS if member.kind == "integer" else _MOST_NEW)
        for member, column in zip(members, attributes.columns, strict=True)
    )
    paths = [*map(path_of, members)]
    dictionaries = {
        *FEW_VALUES,
        *(["message"] if messages.is_dictionary else []),
        *(path for path, column in zip(paths, columns, strict=True) if column.is_dictionary),
    }
    # A member called `a.b` and the member b of a are one path to pyarrow.
    others = {path for path, each in zip(paths, members, strict=True) if each.kind != "integer"}
    integers = {*paths} - others - dictionaries
    level, is_zstd = encoding.level, encoding.codec == _ZSTD
    is_sought = not is_zstd or level is None or level >= _SEEKS_WELL
    levels = None
    if level is not None:
        levels = dict.fromkeys([*SCHEMA.names, TEXTS, *paths], level)
        levels[_ID] = level if is_sought else _LEVEL_OF_IDS
    return Columns(
        messages,
        columns,
        tuple(sorted(dictionaries)),
        {
            **ENCODINGS,
            **dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
            **({_ID: "PLAIN"} if is_zstd and is_sought else {}),
        },
        levels,
    )


def path_of(member: Member) -> str:
    """Return what Parquet calls the column of a member."""
    return ".".join((struct_of(member), *member.path))


def struct_of(member: Member) -> str:
    """Return the name of the struct that the column of a member is in."""
    return APART if member.is_apart else "attributes"


def _column(encoded: pa.DictionaryArray, most_new: float) -> Column:
    different = encoded.dictionary
    if len(different) > most_new * (len(encoded) - encoded.null_count):
        return Column(encoded.dictionary_decode(), different, is_dictionary=False)
    if not pa.types.is_string(different.type):
        return Column(encoded.dictionary_decode(), different, is_dictionary=True)
    # Compressed to a third of what it is in the order of logs.
    order = pc.sort_indices(different)
    places = np.empty(len(order), np.int32)
    places[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    in_order = different.take(order)
    written = pa.DictionaryArray.from_arrays(pa.array(places).take(encoded.indices), in_order)
    return Column(written, in_order, is_dictionary=True)
