"""Rows of any SELECT as JSON lines, CSV and Parquet, written in pieces into a stream."""

from datetime import datetime
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from waterline.encoding import PARQUET
from waterline.printable import printable_json
from workbench.exports.formats import ExportFormat, Output, as_text_cells
from workbench.frames import in_microseconds, python_values


class RowWriter(Protocol):
    """Writes rows in one format."""

    def write(self, table: pa.Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Write the end of the format."""


def open_row_writer(
    format: ExportFormat,  # noqa: A002 - what everybody calls it
    output: Output,
    schema: pa.Schema,
) -> RowWriter:
    """Return a writer of rows.

    Args:
        format: the format.
        output: takes the bytes.
        schema: columns and types of the rows.
    """
    if format is ExportFormat.PARQUET:
        return _Parquet(output, schema)
    return _Csv(output, schema) if format is ExportFormat.CSV else _JsonLines(output)


def value_text(value: object) -> str:
    """Return a value of a row as text: nested ones as JSON, times in ISO 8601, NULL as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | list | dict | tuple):
        return _encode(value).decode().strip('"')
    return value.hex() if isinstance(value, bytes) else str(value)


def columns_of(table: pa.Table) -> list[list[Any]]:
    """Return the columns of a table as Python values; integers of any width are `int`."""
    return [python_values(column) for column in in_microseconds(table).columns]


class _JsonLines:
    """A row a line, an object by the names of the columns; times are ISO 8601."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, table: pa.Table) -> None:
        names = table.column_names
        rows = zip(*columns_of(table), strict=True)
        lines = b"".join(b"%b\n" % _encode(dict(zip(names, row, strict=True))) for row in rows)
        self._output.write(printable_json(lines))

    def close(self) -> None:
        pass


class _Csv:
    """CSV (RFC 4180) with a header; what CSV has no form for is text."""

    def __init__(self, output: Output, schema: pa.Schema) -> None:
        fields = [pa.field(each.name, _in_csv(each.type)) for each in schema]
        self._schema = pa.schema(fields)
        self._writer = pa.csv.CSVWriter(pa.PythonFile(output, mode="w"), self._schema)

    def write(self, table: pa.Table) -> None:
        columns = [
            as_text_cells(_as_text(column) if kind == pa.string() else column)
            for column, kind in zip(table.columns, self._schema.types, strict=True)
        ]
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _Parquet:
    """Parquet with the types of the rows, times in microseconds."""

    def __init__(self, output: Output, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(
            pa.PythonFile(output, mode="w"),
            _in_parquet(schema.empty_table()).schema,
            compression=PARQUET.codec,
            compression_level=PARQUET.level,
        )

    def write(self, table: pa.Table) -> None:
        if table.num_rows:
            self._writer.write_table(_in_parquet(table))

    def close(self) -> None:
        self._writer.close()


def _in_csv(kind: pa.DataType) -> pa.DataType:
    is_plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return kind if is_plain else pa.string()


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        return column
    texts = [None if each is None else value_text(each) for each in python_values(column)]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _in_parquet(table: pa.Table) -> pa.Table:
    """Return a table without types that Parquet has no form for."""
    table = in_microseconds(table)
    for place, field in enumerate(table.schema):
        if pa.types.is_interval(field.type):
            table = table.set_column(place, field.name, _as_text(table.column(place)))
    return table


_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode
