"""`waterline archive rewrite`: bring earlier batches forward to the current format."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from waterline.clock import now_ms
from waterline.encoding import FORMATS, highest_level
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from waterline.units import human_size
from workbench.cli.archive.shared import amount, by_day
from workbench.cli.asking import time_options
from workbench.cli.options import gathered, load, moment, needs, settings_options

if TYPE_CHECKING:
    from waterline.archive.jobs.rewrite import Rewritten
    from waterline.storage.catalog import ArchivedBatch
    from workbench.query.question import Filters


def _times(since: str | None, until: str | None) -> "Filters":
    return {"since": moment(since), "until": moment(until)}


@click.command()
@gathered(time_options, "times", _times)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([*FORMATS]),
    help="of the batches: default parquet",
)
@click.option(
    "--level",
    type=click.IntRange(1, highest_level()),
    help="how hard to compress",
)
@click.option("--dry-run", is_flag=True, help="say what would be rewritten, and change nothing")
@settings_options("data")
@needs("all")
def rewrite(
    times: "Filters",
    format_name: str | None,
    level: int | None,
    dry_run: bool,
    data: str | None,
) -> None:
    """Write batches of earlier versions or another format anew; their logs stay the same.

    Each is compared with its former file before that goes. It may be stopped at any moment, and the
    next run goes on. Copies in object storage are replaced too.
    """
    from waterline.archive.jobs.priority import give_way
    from waterline.archive.jobs.rewrite import RewriteJob, plan_rewrite
    from waterline.archive.jobs.run_options import encoding_of
    from waterline.archive.selection import Selection
    from workbench.progress_bar import ProgressBars
    from workbench.query.question import ask

    give_way()
    settings = load(
        {
            "data": data,
            "archive_format": format_name,
            "archive_level": None if level is None else str(level),
        },
        {"archive_format": "--format", "archive_level": "--level"},
    ).settings
    asked = ask(now=now_ms(), **times)
    wanted = Selection(since=asked.since, until=asked.until)
    folder, encoding = DataFolder(settings.data), encoding_of(settings)
    if dry_run:
        _tell_plan(plan_rewrite(folder, encoding.format, wanted))
        return
    with ProgressBars() as bars:
        job = RewriteJob(folder, encoding, wanted, progress=bars)
        try:
            job.run()
        finally:
            bars.close()
            _tell(job.rewritten)
    if job.rewritten.faults:
        raise SystemExit(1)


def _tell_plan(due: "Sequence[ArchivedBatch]") -> None:
    if not due:
        say("no batch would be rewritten")
        return
    say(f"{amount(sum(each.rows for each in due), len(due))} would be rewritten")
    for line in by_day(due):
        say(line)


def _tell(rewritten: "Rewritten") -> None:
    """Print what a rewrite has done, even if it failed later."""
    for fault in rewritten.faults:
        warn(f"waterline: {fault}")
    if rewritten.batches:
        say(
            f"rewrote {amount(rewritten.logs, rewritten.batches)}: "
            f"{human_size(rewritten.before)} before, {human_size(rewritten.after)} now"
        )
    else:
        say("no batch was rewritten")
