"""Parquet serializer: a batch as a Parquet file that any Parquet reader can open."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from waterline.archive.attribute_columns.known_types import KnownTypes
from waterline.archive.attribute_columns.layout import (
    Group,
    Layout,
    Member,
    read_layout,
    write_layout,
)
from waterline.archive.attribute_columns.packed import pack
from waterline.archive.attribute_columns.split import SplitAttributes, column_at, split
from waterline.archive.batch import Label, read_label, write_label
from waterline.archive.batch_filter.build import FilterBuilder
from waterline.archive.batch_filter.place import KEY, FilterPlace, write_place
from waterline.archive.columns import NAMES, SCHEMA
from waterline.archive.parquet_columns import (
    APART,
    FEW_VALUES,
    TEXTS,
    Columns,
    columns_of,
    path_of,
    struct_of,
)
from waterline.encoding import Encoding

_DICTIONARY_BYTES: Final = 32 * 2**20
# A reader may skip a group, but each group has dictionaries of its own. Of the million of sample
# logs, groups of 50,000, 100,000, 500,000 rows took 15.4, 13.4, 11.9 bytes a log.
ROWS_A_GROUP: Final = 500_000
# The newest logs are asked for most, and are a group of their own if many others are in the batch.
_NEWEST: Final = 5_000
_MANY: Final = 50_000
_LABEL: Final = b"waterline"
_LAYOUT: Final = b"waterline.attributes"
_REPETITIVE: Final = b"waterline.dictionaries"
# Of so many bytes of logs, the filter has one at most.
_FILTERED: Final = 32
_read_paths: Final = msgspec.json.Decoder(list[str]).decode
_FIELD_ID: Final = b"PARQUET:field_id"
# Behind a footer are its length and the mark of the format, of four bytes each.
_MAGIC: Final = 4
_AROUND_FOOTER: Final = 8
_IDS: Final = {name: number for number, name in enumerate((*NAMES, TEXTS, APART), start=1)}


def encode(
    table: pa.Table, label: Label, encoding: Encoding, types: KnownTypes | None = None
) -> pa.Buffer:
    """Return logs as the bytes of a Parquet file.

    Attributes are columns of a struct, as far as those give them back exactly; the JSON of all
    other logs is in the column `attributes_json`, which is null where it is not needed. Those whose
    type is not that of their path in the folder are in the struct `attributes_other`.

    Args:
        table: logs in the columns of `SCHEMA`.
        label: stored as JSON in the key-value metadata of the file, under `waterline`.
        encoding: codec (`zstd`, `gzip`, `lz4` or `snappy`) and level.
        types: those of attributes in the folder, which are added to; None is a file by itself.
    """
    attributes = split(table["attributes"], types)
    columns = columns_of(table, attributes, encoding)
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        _written(table, attributes, columns, range(0)).schema,
        compression=encoding.codec,
        compression_level=columns.levels,
        use_dictionary=[*columns.dictionaries],
        dictionary_pagesize_limit=_DICTIONARY_BYTES,
        column_encoding=columns.encodings,
        write_page_checksum=True,
        store_schema=False,  # all types are those that Parquet's schema gives back
    ) as writer:
        for rows in _groups(table.num_rows):
            writer.write_table(_written(table, attributes, columns, rows))
        place = _write_filter(sink, attributes, columns)
        # Metadata of an Arrow schema is only written with that schema.
        writer.add_key_value_metadata(
            {
                _LABEL: write_label(label),
                _LAYOUT: write_layout(attributes.layout),
                _REPETITIVE: msgspec.json.encode(columns.dictionaries),
                KEY: write_place(place),
            }
        )
    return sink.getvalue()


def version_of(path: Path) -> str | None:
    """Return the version of the layout of a Parquet file, from its footer alone.

    Args:
        path: the file.

    Returns:
        None if the file says nothing of it.

    Raises:
        pa.ArrowException, OSError, msgspec.DecodeError: the file is missing, damaged or no Parquet.
    """
    about = pq.read_metadata(path).metadata or {}
    return read_label(about[_LABEL]).version if _LABEL in about else None


def layout_of(file: Path | pa.BufferReader) -> Layout:
    """Return the attributes of a Parquet file that are columns, from its footer alone.

    Args:
        file: its path, or its content.

    Raises:
        pa.ArrowException, OSError, msgspec.DecodeError: the file is missing, damaged or no Parquet.
    """
    about = pq.read_metadata(file).metadata or {}
    return read_layout(about[_LAYOUT]) if _LAYOUT in about else Layout()


def footer_size(tail: bytes) -> int:
    """Return the size in bytes of the footer of a Parquet file, if it is one.

    Args:
        tail: the last bytes of the file, eight of them or more.
    """
    return int.from_bytes(tail[-_AROUND_FOOTER:-_MAGIC], "little") + _AROUND_FOOTER


def read_footer(footer: bytes) -> tuple[pa.Schema, Label | None]:
    """Return the schema of a Parquet file, with its field ids, and the label, if any.

    Args:
        footer: the last bytes of the file, `footer_size` of them or more.

    Raises:
        pa.ArrowException, OSError, msgspec.DecodeError: the file is damaged or no Parquet.
    """
    metadata = pq.read_metadata(pa.BufferReader(_owned(footer)))
    about = metadata.metadata or {}
    label = read_label(about[_LABEL]) if _LABEL in about else None
    return metadata.schema.to_arrow_schema(), label


def decode(
    content: pa.Buffer | bytes,
    columns: Sequence[str] | None = None,
    members: Iterable[str] | None = None,
    places: pa.Array | None = None,
) -> tuple[pa.Table, Label | None]:
    """Read a Parquet file, checking the checksum of every page that is read.

    Args:
        content: the bytes of the file.
        columns: the columns to read; None is all in the file.
        members: names or paths of the attributes that are needed; None is all. Fewer are read where
            attributes are columns.
        places: those of the logs to return, ascending; None is all. Groups without any are not
            read.

    Returns:
        The table without metadata, and the label, if any. Its attributes are packed, or texts in
        files of earlier versions. Messages, and texts among attributes, are dictionaries where they
        are written so: each different value is then looked at once.

    Raises:
        pa.ArrowException, OSError, msgspec.DecodeError: the file is damaged or no Parquet.
    """
    owned = _owned(content)
    metadata = pq.read_metadata(pa.BufferReader(owned))
    about = metadata.metadata or {}
    label = read_label(about[_LABEL]) if _LABEL in about else None
    with pq.ParquetFile(
        pa.BufferReader(owned),
        page_checksum_verification=True,
        metadata=metadata,
        read_dictionary=_dictionaries(about, metadata.schema),
    ) as file:
        groups = None
        if places is not None:
            groups, places = _groups_with(metadata, places)
        if _LAYOUT in about:
            table = _read(file, read_layout(about[_LAYOUT]), columns, members, groups)
        else:
            table = _columns(file, columns, groups)
    if places is not None and len(places) < table.num_rows:
        table = table.take(places)
    table = table.replace_schema_metadata(None)
    table.validate(full=True)  # else invalid UTF-8 would fail only where it is used
    return table, label


def _write_filter(
    sink: pa.NativeFile, attributes: SplitAttributes, columns: Columns
) -> FilterPlace:
    """Write the filter of logs behind their row groups, where no reader of Parquet looks."""
    begin = sink.tell()
    builder = FilterBuilder()
    builder.add_messages(columns.messages.different)
    for member, column in zip(attributes.layout.members, columns.members, strict=True):
        builder.add_member(member, column.different)
    builder.add_texts(attributes.texts)
    content = builder.build(begin // _FILTERED).encode()
    sink.write(content)
    return FilterPlace(begin, len(content))


def _groups(rows: int) -> list[range]:
    """Return the rows of each group of a batch."""
    newest = _NEWEST if rows >= _MANY else 0
    others = range(rows - newest)
    groups = [others[start : start + ROWS_A_GROUP] for start in range(0, len(others), ROWS_A_GROUP)]
    return [*groups, range(rows - newest, rows)] if newest else groups


def _written(
    table: pa.Table, attributes: SplitAttributes, columns: Columns, rows: range
) -> pa.Table:
    """Return some of the rows of a batch as they are written, with field ids."""
    fields = [_numbered(field, _IDS[field.name]) for field in SCHEMA.remove(len(SCHEMA) - 1)]
    arrays = [table[field.name].slice(rows.start, len(rows)) for field in fields]
    place = SCHEMA.get_field_index("message")
    arrays[place] = columns.messages.part(rows)
    fields[place] = fields[place].with_type(arrays[place].type)
    layout = attributes.layout
    parts = [column.part(rows) for column in columns.members]
    for name, tree in (
        ("attributes", layout.tree(is_apart=False)),
        (APART, layout.tree(is_apart=True)),
    ):
        if tree.parts:
            struct = _struct(tree, layout.members, parts)
            fields.append(_numbered(pa.field(name, struct.type, nullable=False), _IDS[name]))
            arrays.append(struct)
    fields.append(_numbered(pa.field(TEXTS, pa.string()), _IDS[TEXTS]))
    arrays.append(attributes.texts.slice(rows.start, len(rows)))
    return pa.table(arrays, schema=pa.schema(fields))


def _struct(group: Group, members: Sequence[Member], columns: Sequence[pa.Array]) -> pa.StructArray:
    arrays, fields = [], []
    for name, part in group.parts.items():
        if isinstance(part, Group):
            array, number = _struct(part, members, columns), part.field_id
        else:
            array, number = columns[part], members[part].field_id
        arrays.append(array)
        fields.append(_numbered(pa.field(name, array.type), number))
    lacks = None
    if group.path:
        lacks = arrays[0].is_null()
        for array in arrays[1:]:
            lacks = pc.and_(lacks, array.is_null())
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=lacks)


def _numbered(field: pa.Field, number: int) -> pa.Field:
    return field.with_metadata({_FIELD_ID: str(number)})


def _dictionaries(about: Mapping[bytes, bytes], schema: pq.ParquetSchema) -> list[str]:
    """Return the paths of the texts that are written as a dictionary, to be read as one.

    The footer has it for each column too, but to ask for that of a damaged file ends the process.
    """
    has = {schema.column(place).path for place in range(len(schema))}
    paths = _read_paths(about.get(_REPETITIVE, b"[]"))
    return [each for each in paths if each in has and each not in FEW_VALUES]


def _read(
    file: pq.ParquetFile,
    layout: Layout,
    columns: Sequence[str] | None,
    members: Iterable[str] | None,
    groups: Sequence[int] | None,
) -> pa.Table:
    """Read columns of a file whose attributes are columns; those of attributes are packed."""
    names = NAMES if columns is None else tuple(columns)
    has = frozenset(file.schema_arrow.names)
    needed = {*names, TEXTS} - {"attributes"}
    if "attributes" in names:
        needed |= {*map(struct_of, layout.members)}
    if not has >= needed or (columns is None and has != needed):
        raise pa.ArrowInvalid(f"its columns are not those of logs: {', '.join(has)}")
    plain = [name for name in names if name != "attributes"]
    if "attributes" not in names:
        return _columns(file, plain, groups)
    places = layout.needed(members)
    paths = {path_of(layout.members[place]) for place in places}
    # Arrow cannot read dictionaries in a struct of several groups at once.
    every = range(file.num_row_groups) if groups is None else groups
    apart = [[group] for group in every] or [[]]
    read = pa.concat_tables([_columns(file, [*plain, *paths, TEXTS], each) for each in apart])
    packed = [_packed(batch, layout, places) for batch in read.to_batches()]
    if not packed:
        packed = [_packed(pa.RecordBatch.from_pylist([], read.schema), layout, places)]
    attributes = pa.chunked_array(packed)
    return pa.table(
        [attributes if name == "attributes" else read[name] for name in names], [*names]
    )


def _columns(
    file: pq.ParquetFile, columns: Sequence[str] | None, groups: Sequence[int] | None
) -> pa.Table:
    if groups is None:
        return file.read(columns=columns)
    return file.read_row_groups(groups, columns=columns)


def _groups_with(metadata: pq.FileMetaData, places: pa.Array) -> tuple[list[int], pa.Array]:
    """Return the groups that have logs of some places, and their places in these groups alone."""
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    wanted = places.to_numpy()
    of = np.searchsorted(np.cumsum(sizes), wanted, side="right")
    groups = np.unique(of)
    before = np.cumsum([0, *sizes[:-1]])
    kept_before = np.cumsum([0, *(sizes[group] for group in groups[:-1])])
    behind = dict(zip(groups.tolist(), (before[groups] - kept_before).tolist(), strict=True))
    moved = [behind.get(group, 0) for group in range(len(sizes))]
    return groups.tolist(), pa.array(wanted - np.array(moved, np.int64)[of])


def _packed(batch: pa.RecordBatch, layout: Layout, places: Sequence[int]) -> pa.ExtensionArray:
    members = {place: layout.members[place] for place in places}
    if not {*map(struct_of, members.values())} <= {*batch.schema.names}:
        raise pa.ArrowInvalid("it says that attributes are columns, and has none of them")
    columns = {
        place: column_at(batch.column(struct_of(member)), member)
        for place, member in members.items()
    }
    return pack(layout, columns, batch.column(TEXTS))


def _owned(content: pa.Buffer | bytes) -> pa.Buffer:
    """Return a copy in memory that Arrow owns.

    Arrow's threads may release a buffer after the read. To release one of Python's they need the
    GIL, and while the interpreter shuts down that aborts the process.
    """
    owned = pa.allocate_buffer(len(content))
    memoryview(owned).cast("B")[:] = memoryview(content).cast("B")
    return owned
