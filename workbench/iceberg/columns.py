"""Columns of the Iceberg table: those of every log, the node, and all attributes of all batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Final

import pyarrow as pa
from pyiceberg.io.pyarrow import UnsupportedPyArrowTypeException, pyarrow_to_schema
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    IcebergType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    StructType,
    TimestamptzType,
)

from waterline.errors import ArchiveError

NODE_ID: Final = 11
"""Field id of the column `node`, which no file has; those of files below are 1 to 10."""
MOST_ATTRIBUTES: Final = 2_000
"""Columns of attributes in the table at most."""

_Path = tuple[str, ...]
_Name = str

FIXED: Final[tuple[tuple[int, str, PrimitiveType], ...]] = (
    (1, "seq", LongType()),
    (2, "id", StringType()),
    (3, "type", StringType()),
    (4, "timestamp", TimestamptzType()),
    (5, "received_at", TimestamptzType()),
    (6, "source", StringType()),
    (7, "message", StringType()),
)
"""Field id, name and type of the columns that every log has, but its attributes."""
_FIRST_OF_ATTRIBUTES: Final = 1_000
EMPTY: Final = Schema(
    *(NestedField(number, name, kind, required=True) for number, name, kind in FIXED),
    NestedField(9, "attributes_json", StringType(), required=False),
    NestedField(NODE_ID, "node", StringType(), required=False),
)
"""Schema of a table without batches."""
PARTITIONS: Final = PartitionSpec(PartitionField(NODE_ID, 1_000, IdentityTransform(), "node"))
"""A partition is a node: so the files need no column of it."""


class Columns:
    """Schema that has the columns of all batches.

    A column is known by its field id, wherever it is written, and has one name in the table. Where
    an attribute has two types, as in batches of two nodes, it has a column for each: the second is
    called by name and type, such as `status_string`. Names that differ in case alone are one name
    to many engines, so they are told apart likewise.

    Args:
        schema: of the table so far.
    """

    def __init__(self, schema: Schema = EMPTY) -> None:
        self._schema = schema
        self._struct = schema.as_struct()
        self._known = _Known(self._struct)

    def schema(self) -> Schema:
        """Return the schema; it is the former one if nothing was added."""
        if self._struct == self._schema.as_struct():
            return self._schema
        return Schema(*self._struct.fields, schema_id=self._schema.schema_id + 1)

    def add(self, written: pa.Schema) -> None:
        """Add the columns of a batch; a batch that does not fit leaves all as it was.

        Args:
            written: schema of its file, with field ids.

        Raises:
            ArchiveError: they do not fit. The sentence is about "it": the caller says which file.
        """
        try:
            found = pyarrow_to_schema(written).as_struct()
        except (ValueError, UnsupportedPyArrowTypeException) as error:
            raise ArchiveError(f"its columns are none of Iceberg's: {error}") from error
        lacking = [name for number, name, _ in FIXED if found.field(number) is None]
        if lacking:
            raise ArchiveError(f"it has no column {lacking[0]} with the field id of that")
        has = [self._has(place) for place in _places(found)]
        if all(has):
            return
        struct = self._joined(self._struct, found, (), {*self._known.names})
        known = _Known(struct)
        if sum(number >= _FIRST_OF_ATTRIBUTES for number in known.places) > MOST_ATTRIBUTES:
            raise ArchiveError(
                f"with its attributes the table would have more than {MOST_ATTRIBUTES:,} columns"
            )
        self._struct, self._known = struct, known

    def _has(self, place: "_Place") -> bool:
        """Return whether a column is known.

        Raises:
            ArchiveError: its field id is that of a column elsewhere, or of another type.
        """
        known = self._known.places.get(place.number)
        if known is not None and (known.parent, known.kind) != (place.parent, place.kind):
            raise ArchiveError(
                f"its column {'.'.join(place.path)} ({place.kind}) has the field id "
                f"{place.number}, which is that of {'.'.join(known.path)} ({known.kind})"
            )
        return known is not None

    def _joined(
        self, known: StructType, found: StructType, above: _Path, names: set[_Name]
    ) -> StructType:
        """Return a struct with the fields of both.

        Args:
            known: that of the table.
            found: that of a batch.
            above: names of the structs that it is in.
            names: of all columns of the table; those of new ones are added.
        """
        fields = {each.field_id: each for each in known.fields}
        for field in found.fields:
            former = fields.get(field.field_id)
            if former is None:
                name = _free(field, above, names)
                names.add(_name((*above, name)))
                before = StructType()
            else:
                name = former.name
                before = _struct(former.field_type)
            kind = field.field_type
            if isinstance(kind, StructType):
                kind = self._joined(before, kind, (*above, name), names)
            elif former is not None:
                continue
            fields[field.field_id] = NestedField(field.field_id, name, kind, required=False)
        return StructType(*fields.values())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a column is."""

    number: int
    """Its field id."""
    parent: int
    """Field id of the struct that it is in; 0 is none."""
    kind: str
    path: _Path


class _Known:
    """The columns of a table by field id, and their names."""

    def __init__(self, struct: StructType) -> None:
        self.places = {each.number: each for each in _places(struct)}
        self.names = {_name(each.path) for each in self.places.values()}


def _places(struct: StructType, parent: int = 0, above: _Path = ()) -> Iterator[_Place]:
    for field in struct.fields:
        path = (*above, field.name)
        yield _Place(field.field_id, parent, _kind(field.field_type), path)
        if isinstance(field.field_type, StructType):
            yield from _places(field.field_type, field.field_id, path)


def _struct(kind: IcebergType) -> StructType:
    return kind if isinstance(kind, StructType) else StructType()


def _kind(kind: IcebergType) -> str:
    return "struct" if isinstance(kind, StructType) else str(kind)


def _name(path: _Path) -> _Name:
    # pyiceberg takes a member `a.b` and the member `b` of `a` for one.
    return ".".join(path).lower()


def _free(field: NestedField, above: _Path, names: set[_Name]) -> str:
    """Return a name for a new column that none has."""
    typed = f"{field.name}_{_kind(field.field_type)}"
    wanted = chain((field.name, typed), (f"{typed}_{number}" for number in count(2)))
    return next(name for name in wanted if _name((*above, name)) not in names)
