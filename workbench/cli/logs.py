"""`waterline logs`: show logs, hot and archived, as a table or in a format."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

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
from workbench.cli.log_cells import member_at, members_of, time_text, value_text, with_attributes
from workbench.cli.options import load, needs, settings_options
from workbench.cli.table import Column, Screen, Table

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.exports.formats import LogWriter, Output
    from workbench.query.question import Filters, Question
    from workbench.query.session import Session

_SHOWN: Final = ("timestamp", "type", "source", "message")
_MOMENTS: Final = ("timestamp", "received_at")
_STORED: Final = ("seq", "id", "type", *_MOMENTS, "source", "message", "attributes")
_PREFIX: Final = "attributes."


@click.command(cls=QueryCommand)
@filter_options
@click.option(
    "--order",
    type=click.Choice(["oldest", "newest"]),
    default="oldest",
    show_default=True,
    help="which of them is first",
)
@click.option(
    "--columns",
    metavar="NAMES",
    help="of the table, as timestamp,message,status; what is no column is an attribute",
)
@shape_options
@limit_option
@settings_options("data")
@needs("all")
def logs(
    filters: "Filters",
    order: str,
    columns: str | None,
    shape: Shape,
    limit: int | None,
    data: str | None,
) -> None:
    """Show logs that match QUERY, hot and archived, the newest of them; its server may run or not.

    QUERY is text such as type:error status>=500 -path:/health "timed out"; the page Ask of the
    documents has all of it.

    A terminal gets a table that is cut to its width; a pipe gets all of each log. Times are UTC.
    With --limit all, logs come as they are read, in the order in which they were stored.
    """
    from workbench.query.session import Session

    names = _SHOWN if columns is None else tuple(columns.split(","))
    if columns is not None and shape.format is not None:
        raise UsageError(
            "--columns is for the table; `waterline sql` writes some columns in other formats"
        )
    if limit is None and order == "newest":
        raise UsageError("--order newest needs a --limit, as all logs come in the order of storage")
    if order == "newest":
        filters["order"] = "newest"
    with (
        noted(),
        closing(Session(load({"data": data}).settings.data, cache=False)) as session,
    ):
        if limit is not None:
            # One more tells whether there are more.
            filters["limit"] = limit + 1
        question = session.question(filters)
        written, size = _write(session, question, limit, shape, names)
        if not written:
            session.explain_empty(question)
    if not written and limit != 0:
        warn("note: no log matches")
    if shape.file is not None:
        say(f"{shape.file} holds {counted(written, 'log')}, {human_size(size)}")


def _write(
    session: "Session",
    question: "Question",
    limit: int | None,
    shape: Shape,
    names: Sequence[str],
) -> tuple[int, int]:
    """Write the logs; return their number, and the bytes."""
    from workbench.exports.formats import ExportFormat, Output, open_log_writer

    pieces = _all(session, question) if limit is None else _newest(session, question, limit)
    written = 0
    with output_of(shape) as stream:
        output = Output(stream)
        try:
            writer: LogWriter = (
                _TableWriter(output, names)
                if shape.format is None
                else open_log_writer(ExportFormat(shape.format), output)
            )
            for piece in pieces:
                writer.write(piece)
                written += piece.num_rows
            writer.close()
        except BaseException:
            output.stop()
            raise
    return written, output.size


def _newest(session: "Session", question: "Question", limit: int) -> "Iterator[pa.Table]":
    from workbench.query.progress import warn_of

    rows, _ = session.rows(question)
    warn_of(rows.lacks)
    table = rows.table
    if table.num_rows > limit:
        first = table.num_rows - limit if question.order == "oldest" else 0
        table = table.slice(first, limit)
        warn(
            f"note: more logs match than the newest {limit:,}, which these are; --limit NUMBER "
            "gives more, --limit all every one"
        )
    yield table


def _all(session: "Session", question: "Question") -> "Iterator[pa.Table]":
    from workbench.progress_bar import ProgressBars
    from workbench.query.progress import warn_of
    from workbench.query.scan import LogScan

    scan = LogScan(session.folder, session.database, question)
    warn_of(scan.lacks)
    with ProgressBars() as bars:
        for table in scan.tables():
            yield table
            bars("read", scan.after, scan.last_seq)


class _TableWriter:
    """Writes logs as the lines of a table."""

    def __init__(self, output: "Output", names: Sequence[str]) -> None:
        self._output = output
        self._names = names
        # Later pieces of many may have longer names.
        least = {"type": len("warning"), "source": len("source")}
        columns = [
            Column(
                "time (UTC)" if name == "timestamp" else name,
                at_right=name == "seq",
                is_type=name == "type",
                least=least.get(name, 0),
            )
            for name in names
        ]
        self._table = Table(columns, Screen.of_output())

    def write(self, table: "pa.Table") -> None:
        if table.num_rows:
            self._output.write(encoded(self._table.lines(self._rows(table))))

    def close(self) -> None:
        pass

    def _rows(self, table: "pa.Table") -> list[list[str]]:
        import pyarrow as pa

        stored = {
            name: table[name].cast(pa.int64()).to_pylist()
            if name in _MOMENTS
            else table[name].to_pylist()
            for name in table.column_names
        }
        # Of a log of the default table, attributes stand behind the message.
        is_default = self._names == _SHOWN
        rows = []
        for place in range(table.num_rows):
            members = members_of(stored["attributes"][place])
            row = []
            for name in self._names:
                if name in _MOMENTS:
                    row.append(time_text(stored[name][place]))
                elif name == "message" and is_default:
                    row.append(with_attributes(stored[name][place], members))
                elif name in _STORED:
                    row.append(str(stored[name][place]))
                else:
                    value = member_at(members, name.removeprefix(_PREFIX))
                    row.append("" if value is None else value_text(value))
            rows.append(row)
        return rows
