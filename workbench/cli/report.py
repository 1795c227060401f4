"""`waterline report`: the report as text or one HTML page."""

import sys
from pathlib import Path

import click

from waterline.terminal import say
from waterline.units import format_duration, human_size
from workbench.cli.options import load, needs, settings_options


@click.command()
@click.option(
    "--since",
    default="24h",
    show_default=True,
    metavar="AGE|DATE",
    help="from when on: an age such as 7d, or a time such as 2026-01-31T12:00 (UTC)",
)
@click.option(
    "--html",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="write one HTML page with figures instead; - is standard output",
)
@settings_options("data", "quiet_after")
@needs("all")
def report(since: str, file: Path | None, **options: str | None) -> None:
    """Tell what came in, how fast, from whom, and what is stored; its server may run or not."""
    from waterline.metrics.quiet_sources import REMEMBERED
    from workbench.exports.export import new_file, write_errors
    from workbench.workbench import connect

    settings = load(options).settings
    # Without the setting, a source is never quiet within the time that is remembered.
    quiet_after = REMEMBERED if settings.quiet_after is None else settings.quiet_after
    with connect(settings.data) as workbench:
        made = workbench.report(since, format_duration(quiet_after))
    if file is None:
        with write_errors("the stream"):
            click.echo(made.to_text(), nl=False)
        return
    page = made.to_html().encode()
    if str(file) == "-":
        with write_errors("the stream"):
            sys.stdout.buffer.write(page)
            sys.stdout.buffer.flush()
        return
    with write_errors(str(file)), new_file(file) as stream:
        stream.write(page)
    say(f"{file} holds the report, {human_size(len(page))}")
