"""`waterline patterns`: what logs say apart from their values, and what is new in it."""

import math
from contextlib import closing
from typing import TYPE_CHECKING

import click

from waterline.errors import UsageError
from waterline.terminal import say, warn
from waterline.units import counted, human_size
from workbench.cli.asking import (
    QueryCommand,
    Shape,
    encoded,
    filter_options,
    limit_option,
    noted,
    output_of,
    shape_options,
)
from workbench.cli.options import load, moment, needs, settings_options
from workbench.cli.table import Column, Screen, Table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.patterns.patterns import Against
    from workbench.query.question import Filters

_BEFORE = "before"


@click.command(cls=QueryCommand)
@filter_options
@click.option(
    "--against",
    metavar="before|TIME,TIME",
    help="what is new or grown since: as long and just before --since, or another range",
)
@shape_options
@limit_option
@settings_options("data")
@needs("all")
def patterns(
    filters: "Filters",
    against: str | None,
    shape: Shape,
    limit: int | None,
    data: str | None,
) -> None:
    """Show the patterns of logs that match QUERY, the most frequent first; <*> is what differs.

    With --against, what is new comes first, then what has grown most, as in
    `waterline patterns --since 15min --against before`. Other formats have more columns.
    """
    from workbench.patterns.patterns import patterns as patterns_of
    from workbench.query.session import Session

    with (
        noted(),
        closing(Session(load({"data": data}).settings.data, cache=False)) as session,
    ):
        found = patterns_of(session, _against(against), filters)
    rows, size = _write(found.head(len(found) if limit is None else limit), shape)
    if limit is not None and len(found) > limit:
        warn(
            f"note: there are {len(found):,} patterns; --limit NUMBER gives more than these "
            f"{limit:,}, --limit all every one"
        )
    if shape.file is not None:
        say(f"{shape.file} holds {counted(rows, 'row')}, {human_size(size)}")


def _against(text: str | None) -> "Against":
    if text is None or text == _BEFORE:
        return "before" if text else None
    since, comma, until = text.partition(",")
    if not comma:
        raise UsageError(
            f"--against {text!r} is neither 'before' nor two times with a comma between, such as "
            "2h,1h"
        )
    return moment(since) or "", moment(until) or ""


def _write(found: "pd.DataFrame", shape: Shape) -> tuple[int, int]:
    """Write the patterns; return the numbers of rows and bytes."""
    import pyarrow as pa

    from workbench.exports.formats import ExportFormat, Output
    from workbench.exports.rows import open_row_writer

    with output_of(shape) as stream:
        output = Output(stream)
        if shape.format is None:
            output.write(encoded(_lines(found)))
        else:
            table = pa.Table.from_pandas(found, preserve_index=False).replace_schema_metadata()
            writer = open_row_writer(ExportFormat(shape.format), output, table.schema)
            writer.write(table)
            writer.close()
    return len(found), output.size


def _lines(found: "pd.DataFrame") -> list[str]:
    """Return the patterns as lines of a table."""
    has_change = "score" in found.columns
    columns = [
        *([Column("change", at_right=True), Column("before", at_right=True)] if has_change else []),
        Column("logs", at_right=True),
        Column("share", at_right=True),
        Column("type", is_type=True),
        Column("over time"),
        Column("pattern"),
    ]
    rows = []
    for row in found.to_dict("records"):
        change = [_change(row["change"]), f"{row['before']:,}"] if has_change else []
        share = f"{100 * row['share']:.1f}%"
        row_cells = [f"{row['logs']:,}", share, row["type"], row["over_time"], row["pattern"]]
        rows.append([*change, *row_cells])
    return Table(columns, Screen.of_output()).lines(rows)


def _change(ratio: float) -> str:
    return "new" if math.isinf(ratio) else f"x{ratio:.2g}" if ratio < 10 else f"x{ratio:,.0f}"
