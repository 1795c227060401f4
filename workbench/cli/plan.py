"""`waterline plan`: how long the disk lasts, what archives cost, what is refused first."""

from dataclasses import replace

import click
import msgspec

from waterline.encoding import FORMATS
from waterline.errors import UsageError
from waterline.terminal import say
from waterline.units import parse_size
from workbench.cli.options import duration, load, needs, settings_options
from workbench.cli.table import Column, Screen, Table

_NAMED = {
    "archive_after": "--archive-after",
    "archive_keep": "--keep",
    "archive_format": "--codec",
    "archive_level": "--codec",
}


@click.command()
@click.option(
    "--period",
    default="7d",
    show_default=True,
    metavar="AGE",
    help="how far back measurements are taken from",
)
@click.option("--rate", type=click.FloatRange(0), help="what if so many logs came a second")
@click.option("--producers", type=click.IntRange(0), help="what if so many were connected")
@click.option("--archive-after", metavar="AGE", help="what if logs were archived then, or never")
@click.option(
    "--codec",
    metavar="FORMAT[:LEVEL]",
    help="what if batches were parquet:9, or json.gz",
)
@click.option("--disk", metavar="SIZE", help="what if the folder had a disk of this size")
@click.option("--keep", metavar="BOUNDS", help="what if archive_keep were 1y, 50GiB, or forever")
@click.option("--json", "as_json", is_flag=True, help="a JSON object")
@settings_options("data")
@needs("server")
def plan(
    period: str,
    rate: float | None,
    producers: int | None,
    archive_after: str | None,
    codec: str | None,
    disk: str | None,
    keep: str | None,
    as_json: bool,
    data: str | None,
) -> None:
    """Tell from measurements how long the disk lasts, what archives cost, what is refused first.

    Its server may run or not. The options ask what would be if.
    """
    from workbench.plan.lines import as_object, rows
    from workbench.plan.lines import period as measured_period
    from workbench.plan.plan import WhatIf, make_plan

    length = duration("--period", period)
    encoding, _, level = (codec or "").partition(":")
    if codec is not None and encoding not in FORMATS:
        raise UsageError(f"--codec: {codec!r} is none; give {' or '.join(FORMATS)}, or parquet:9")
    settings = load(
        {
            "data": data,
            "archive_after": archive_after,
            "archive_keep": keep,
            "archive_format": encoding or None,
            "archive_level": level or ("auto" if codec else None),
        },
        _NAMED,
    ).settings
    made = make_plan(
        settings,
        length,
        WhatIf(
            rate=rate,
            producers=producers,
            disk=None if disk is None else _size(disk),
            is_default_encoding=codec is None,
        ),
    )
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(as_object(made)), indent=2).decode())
        return
    columns = [Column("what"), Column("how much"), Column("how it is known")]
    # A terminal wraps what is too long: cut off it would not say how a limit shows.
    screen = replace(Screen.of_output(), width=None)
    for line in Table(columns, screen).lines([*rows(made)]):
        say(line)
    say(measured_period(made))


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"--disk: {error}") from error
