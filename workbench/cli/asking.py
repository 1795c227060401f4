"""What commands that ask share: options of filters and formats, notes, and where answers go."""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

import click

from waterline.errors import UsageError
from waterline.terminal import warn
from workbench.cli.options import Command, gathered, moment

if TYPE_CHECKING:
    from workbench.query.question import Filters

SHOWN_ROWS: Final = 200
"""Rows that are shown unless told otherwise, as many as the dashboard has."""
MOST_ROWS: Final = 100_000
"""Greatest number of rows held in memory to show the newest of them."""
_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer becomes: a table, or a format in which it is written."""

    format: Literal["jsonl", "csv", "parquet"] | None
    """Format of an export; None is a table."""
    file: Path | None
    """The file; None is standard output."""


class QueryCommand(click.Command):
    """A command that takes a query, which may begin as an option does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; a query that looks like an option is told how to give it."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(
                f"there is no option {error.option_name}; a query that begins with a minus is "
                "given as --query '-path:/health'",
                ctx,
            ) from error


def pin_option(command: Command) -> Command:
    """Give a command the option of a pin."""
    return click.option("--at", metavar="PIN", help="of the moment of this pin")(command)


def _query(query: str | None, option_query: str | None) -> str | None:
    if query is not None and option_query is not None:
        raise UsageError("the query is given twice; put --query into it")
    return query if option_query is None else option_query


query_options: Final = gathered(
    (
        click.argument("query", required=False),
        click.option(
            "--query",
            "option_query",
            metavar="QUERY",
            help="the query, which may begin with a minus here",
        ),
    ),
    "query",
    _query,
)
"""Gives a command `query`: an argument, or an option if it begins with a minus."""


origin_options: Final = (
    click.option(
        "--type",
        "types",
        multiple=True,
        metavar="NAME",
        help="only of this type; may be repeated",
    ),
    click.option(
        "--source",
        "sources",
        multiple=True,
        metavar="NAME",
        help="only of this source; may be repeated",
    ),
)
"""Options of types and sources: `types` and `sources`."""
time_options: Final = (
    click.option(
        "--since",
        metavar="TIME",
        help="from this moment on: 2026-01-31T12:00 (UTC) or an age, as 90d",
    ),
    click.option("--until", metavar="TIME", help="before this moment"),
)
"""Options of a range of time: `since` and `until`."""


def _filters(
    query: str | None,
    types: tuple[str, ...],
    sources: tuple[str, ...],
    since: str | None,
    until: str | None,
    contains: str | None,
    at: str | None,
) -> "Filters":
    return {
        "query": query,
        "type": types or None,
        "source": sources or None,
        "since": moment(since),
        "until": moment(until),
        "contains": contains,
        "at": at,
    }


filter_options: Final = gathered(
    (
        query_options,
        *origin_options,
        *time_options,
        click.option("--contains", metavar="TEXT", help="only with this text in the message"),
        pin_option,
    ),
    "filters",
    _filters,
)
"""Gives a command `filters`, those of `Workbench.logs`, a query as text among them."""


def _shape(as_json: bool, as_csv: bool, parquet: Path | None) -> Shape:
    if as_json + as_csv + (parquet is not None) > 1:
        raise UsageError("--json, --csv and --parquet are each a format; give one of them")
    if as_csv and sys.stdout.isatty():
        raise UsageError("csv is not for a terminal; send it into a pipe or a file")
    if parquet is None:
        return Shape("jsonl" if as_json else "csv" if as_csv else None, None)
    if parquet.exists():
        raise UsageError(f"{parquet} is there already; name another file, or remove it")
    return Shape("parquet", parquet)


def _limit(_: click.Context, __: click.Parameter, text: str) -> int | None:
    if text == _ALL:
        return None
    if text.isascii() and text.isdigit() and int(text[:9]) <= MOST_ROWS and len(text) < 9:
        return int(text)
    raise click.BadParameter(f"{text!r} is no whole number from 0 to {MOST_ROWS:,}, nor {_ALL!r}")


shape_options: Final = gathered(
    (
        click.option("--json", "as_json", is_flag=True, help="a JSON object a line"),
        click.option("--csv", "as_csv", is_flag=True, help="CSV with a header"),
        click.option(
            "--parquet",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="write a Parquet file instead",
        ),
    ),
    "shape",
    _shape,
)
"""Gives a command `shape`."""
limit_option: Final = click.option(
    "--limit",
    default=str(SHOWN_ROWS),
    show_default=True,
    metavar="NUMBER|all",
    callback=_limit,
    help="rows at most",
)
"""Gives a command `limit`, how many rows it gives; None is all."""


@contextlib.contextmanager
def output_of(shape: Shape) -> Iterator[BinaryIO]:
    """Yield the stream of an answer: standard output, or a file that is whole in the end.

    Raises:
        UsageError: it cannot be written.
        BrokenPipeError: nobody reads it any more.
    """
    from workbench.exports.export import new_file, write_errors

    if shape.file is not None:
        with write_errors(str(shape.file)), new_file(shape.file) as stream:
            yield stream
        return
    with write_errors("the stream"):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def noted() -> Iterator[None]:
    """Print warnings of the workbench as notes, each a sentence."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        warn(f"note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def encoded(lines: list[str]) -> bytes:
    """Return lines as standard output writes them; what it cannot write becomes a mark."""
    text = "".join(f"{line}\n" for line in lines)
    return text.encode(sys.stdout.encoding or "utf-8", errors="replace")
