"""Logs of a batch as they were stored: texts in place of what is packed."""

import pyarrow as pa

from waterline.archive.attribute_columns.packed import is_packed, unpacked
from waterline.archive.columns import schema_of


def as_stored(table: pa.Table) -> pa.Table:
    """Return logs with the types of `SCHEMA`.

    Args:
        table: some of its columns; attributes may be packed, and texts a dictionary.
    """
    schema = schema_of(table.column_names)
    columns = [
        unpacked(column) if is_packed(column) else column.cast(field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.table(columns, schema=schema)
