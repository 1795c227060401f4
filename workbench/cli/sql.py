"""`waterline sql`: answer a SELECT over all logs, as a table or in a format."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import click

from waterline.terminal import say, warn
from waterline.units import counted, human_size
from workbench.cli.asking import (
    Shape,
    encoded,
    limit_option,
    noted,
    output_of,
    pin_option,
    shape_options,
)
from workbench.cli.options import load, needs, settings_options
from workbench.cli.table import Column, Screen, Table

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.exports.formats import Output
    from workbench.exports.rows import RowWriter


@click.command()
@click.argument("select")
@pin_option
@shape_options
@limit_option
@settings_options("data")
@needs("all")
def sql(
    select: str,
    at: str | None,
    shape: Shape,
    limit: int | None,
    data: str | None,
) -> None:
    """Answer SELECT, a statement in DuckDB's SQL, over all logs, hot and archived.

    Its relations are logs, archive_batches and performance_metrics; attributes are JSON, as in
    attributes->>'status'. The page Ask of the documents has more. Times are UTC.
    """
    from workbench.exports.formats import ExportFormat, Output
    from workbench.exports.rows import open_row_writer
    from workbench.query import answers
    from workbench.query.session import Session

    rows = 0
    is_cut = False

    def write(pieces: "Iterator[pa.Table]") -> None:
        nonlocal rows, is_cut
        writer: RowWriter | None = None
        for piece in pieces:
            kept = piece if limit is None else piece.slice(0, limit - rows)
            is_cut = is_cut or kept.num_rows < piece.num_rows
            if writer is None:
                writer = (
                    _TableWriter(output, piece.schema)
                    if shape.format is None
                    else open_row_writer(ExportFormat(shape.format), output, piece.schema)
                )
            writer.write(kept)
            rows += kept.num_rows
        if writer is not None:
            writer.close()

    with (
        noted(),
        closing(Session(load({"data": data}).settings.data, cache=False)) as session,
        output_of(shape) as stream,
    ):
        output = Output(stream)
        try:
            # One more tells whether there are more.
            answers.sql_pieces(session, select, at, None if limit is None else limit + 1, write)
        except BaseException:
            output.stop()
            raise
    if is_cut:
        warn(
            f"note: there are more rows than these {counted(rows, 'row')}; --limit NUMBER gives "
            "more, --limit all every one"
        )
    if shape.file is not None:
        say(f"{shape.file} holds {counted(rows, 'row')}, {human_size(output.size)}")


class _TableWriter:
    """Writes rows as the lines of a table."""

    def __init__(self, output: "Output", schema: "pa.Schema") -> None:
        import pyarrow as pa

        self._output = output
        types = pa.types
        columns = [
            Column(
                each.name,
                at_right=types.is_integer(each.type)
                or types.is_floating(each.type)
                or types.is_decimal(each.type),
                is_type=each.name == "type",
            )
            for each in schema
        ]
        self._table = Table(columns, Screen.of_output())
        self._is_begun = False

    def write(self, table: "pa.Table") -> None:
        from workbench.exports.rows import columns_of, value_text

        if not table.num_rows:
            return
        self._is_begun = True
        columns = [list(map(value_text, each)) for each in columns_of(table)]
        self._output.write(encoded(self._table.lines([*zip(*columns, strict=True)])))

    def close(self) -> None:
        if not self._is_begun:
            self._output.write(encoded(self._table.lines([])))
