"""What several commands of `waterline archive` share: options of a range, amounts in words."""

from typing import TYPE_CHECKING

import click

from waterline.clock import now_ms
from waterline.units import counted
from workbench.cli.options import Command, moment

if TYPE_CHECKING:
    from workbench.query.question import Question


def range_options(command: Command) -> Command:
    """Give a command the options that choose archived logs."""
    for name, text in (
        ("--source", "only of this source; may be repeated"),
        ("--type", "only of this type; may be repeated"),
    ):
        command = click.option(name, f"{name[2:]}s", multiple=True, metavar="NAME", help=text)(
            command
        )
    for name, text in (
        ("--until", "before this moment"),
        ("--since", "from this moment on: 2026-01-31T12:00 (UTC) or an age, as 90d"),
    ):
        command = click.option(name, metavar="TIME", help=text)(command)
    return command


def question_of(
    since: str | None, until: str | None, types: tuple[str, ...], sources: tuple[str, ...]
) -> "Question":
    """Return the question that the options of a range ask.

    Args:
        since: begin, as an age or a time; None is the beginning.
        until: end, as an age or a time; None is no end.
        types: the wanted types; none is all.
        sources: the wanted sources; none is all.
    """
    from workbench.query.question import ask

    return ask(
        now=now_ms(),
        since=moment(since),
        until=moment(until),
        type=types or None,
        source=sources or None,
    )


def amount(logs: int, batches: int) -> str:
    """Return an amount of logs, such as `3 logs in 1 batch`."""
    return f"{counted(logs, 'log')} in {batches_in_words(batches)}"


def batches_in_words(number: int) -> str:
    """Return a number of batches, such as `2 batches`."""
    return counted(number, "batch", "batches")
