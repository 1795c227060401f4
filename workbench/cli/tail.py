"""`waterline tail`: print logs as they are committed."""

import sys

import click

from waterline.interrupts import INTERRUPTED
from waterline.terminal import discard, warn
from workbench.cli.options import token_option


@click.command()
@click.option(
    "--url",
    default="ws://127.0.0.1:3001/live",
    show_default=True,
    help="the server's live address",
)
@token_option("read")
@click.option("--type", "types", multiple=True, help="only logs of this type; may be repeated")
@click.option("--source", "sources", multiple=True, help="only of this token; may be repeated")
@click.option("--contains", multiple=True, help="only with this text in the message, case and all")
@click.option(
    "--after", type=click.IntRange(0, 2**63 - 1), help="begin behind this seq; 0 is all that is hot"
)
def tail(
    url: str,
    token: str,
    types: tuple[str, ...],
    sources: tuple[str, ...],
    contains: tuple[str, ...],
    after: int | None,
) -> None:
    """Print logs as they are committed, a JSON object a line, until Ctrl-C.

    A lost connection is made anew, and goes on where it broke off: each log is printed once. It
    ends when nobody reads its output any more.
    """
    from workbench.clients.tail import Tail, TailFilter

    wanted = TailFilter(types=types, sources=sources, contains=contains, after=after)
    tail = Tail(
        url, token, wanted, lambda said: warn(f"waterline: {said}"), output=sys.stdout.fileno()
    )
    try:
        for lines in tail.follow():
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:  # the usual end, which prints nothing
        discard(sys.stdout)
        raise SystemExit(INTERRUPTED) from None
