"""Logs of a batch as they were stored: texts in place of what is packed."""

import pyarrow as pa

from waterline.archive.attribute_columns.packed import is_packed, unpacked
from waterline.archive.columns import schema_of


def as_stored(table: pa.Table, *, may_be_packed: bool = False) -> pa.Table:
    """Return logs with the types of `SCHEMA`.

    Args:
        table: some of its columns; attributes may be packed, and texts a dictionary.
        may_be_packed: leave packed attributes as they are.
    """

    def stored(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
        if not is_packed(column):
            return column.cast(field.type)
        return column if may_be_packed else unpacked(column)

    schema = schema_of(table.column_names)
    columns = [*map(stored, table.columns, schema)]
    fields = [field.with_type(each.type) for field, each in zip(schema, columns, strict=True)]
    return pa.table(columns, schema=pa.schema(fields))
