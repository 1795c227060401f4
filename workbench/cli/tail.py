"""`waterline tail`: print logs as they are committed."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from waterline.interrupts import INTERRUPTED
from waterline.terminal import discard, warn
from workbench.cli.asking import QueryCommand, encoded, query_options
from workbench.cli.log_cells import members_of, time_text, with_attributes
from workbench.cli.options import token_option, url_option
from workbench.cli.table import Column, Screen, Table

if TYPE_CHECKING:
    from waterline.query_text.parse import TextQuery
    from workbench.clients.tail import TailFilter

# A longer text is not asked of the server.
_LONGEST_ASKED: Final = 1000


@click.command(cls=QueryCommand)
@query_options
@url_option("/live", "the server's live address")
@token_option("read")
@click.option("--type", "types", multiple=True, help="only logs of this type; may be repeated")
@click.option("--source", "sources", multiple=True, help="only of this token; may be repeated")
@click.option("--contains", multiple=True, help="only with this text in the message, case and all")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="a JSON object a line, or text for people, with times in UTC",
)
@click.option(
    "--after", type=click.IntRange(0, 2**63 - 1), help="begin behind this seq; 0 is all that is hot"
)
def tail(
    query: str | None,
    url: str,
    token: str,
    types: tuple[str, ...],
    sources: tuple[str, ...],
    contains: tuple[str, ...],
    format_name: str,
    after: int | None,
) -> None:
    """Print logs that match QUERY as they are committed, a line each, until Ctrl-C.

    QUERY is that of `waterline logs`, such as type:error status>=500 -path:/health "timed out".

    A lost connection is made anew, and goes on where it broke off: each log is printed once. It
    ends when nobody reads its output any more.
    """
    from waterline.query_text.parse import TextQuery, parse
    from workbench.clients.tail import Tail, TailFilter

    wanted = parse(query or "")
    given = TailFilter(types=types, sources=sources, contains=contains, after=after)
    shown = _shower(None if wanted == TextQuery() else wanted, is_text=format_name == "text")
    asked = _narrowed(given, wanted)
    tail = Tail(
        url, token, asked, lambda said: warn(f"waterline: {said}"), output=sys.stdout.fileno()
    )
    try:
        for lines in tail.follow():
            sys.stdout.buffer.write(shown(lines))
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:  # the usual end, which prints nothing
        discard(sys.stdout)
        raise SystemExit(INTERRUPTED) from None


class _Log(msgspec.Struct):
    """The parts of a line that are matched or shown."""

    type: str
    timestamp: int
    source: str
    message: str
    attributes: dict[str, Any]


class _ShownLog(msgspec.Struct):
    """The same, with attributes as they are written."""

    type: str
    timestamp: int
    source: str
    message: str
    attributes: msgspec.Raw


def _narrowed(given: "TailFilter", query: "TextQuery") -> "TailFilter":
    """Return filters by which the server leaves out logs that the query would.

    Of each kind the server knows alternatives alone, so the query is asked again of what comes.
    """
    return replace(
        given,
        types=given.types or _askable(query.types or ()),
        sources=given.sources or _askable(query.sources or ()),
        contains=given.contains or _askable(query.contains[:1]),
    )


def _askable(texts: Sequence[str]) -> Sequence[str]:
    """Return texts if the server takes them all, else none."""
    return texts if all(0 < len(each) <= _LONGEST_ASKED for each in texts) else ()


def _shower(query: "TextQuery | None", *, is_text: bool) -> Callable[[bytes], bytes]:
    """Return what makes output of lines of JSON.

    Args:
        query: the logs that are shown; None is all.
        is_text: whether they are shown as text.
    """
    from waterline.query_text.matching import matching

    decode = msgspec.json.Decoder(_Log).decode
    decode_shown = msgspec.json.Decoder(_ShownLog).decode
    # Lines are as long as they are: nobody can scroll to what is cut off here.
    screen = replace(Screen.of_output(), width=None)
    table = Table(
        [
            Column("time"),
            Column("type", is_type=True, least=7),
            Column("source"),
            Column("message"),
        ],
        screen,
    )

    def show(lines: bytes) -> bytes:
        chosen = lines.splitlines(keepends=True)
        if query is not None:
            chosen = [chosen[each] for each in matching([*map(decode, chosen)], query)]
        if not is_text:
            return b"".join(chosen)
        return encoded(table.lines([_cells(decode_shown(each)) for each in chosen], header=False))

    return bytes if query is None and not is_text else show


def _cells(log: _ShownLog) -> tuple[str, str, str, str]:
    shown = with_attributes(log.message, members_of(bytes(log.attributes)))
    return time_text(log.timestamp), log.type, log.source, shown
