"""`waterline archive prune`: remove old batches for good."""

import sys

import click

from waterline.clock import now_ms, utc_text
from waterline.errors import UsageError
from waterline.storage.folder import DataFolder
from waterline.terminal import say
from workbench.cli.archive.shared import amount
from workbench.cli.options import duration, load, needs, settings_options


@click.command()
@click.option(
    "--older-than", required=True, metavar="AGE", help="what was received that long ago, as 1y"
)
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--despite-clock", is_flag=True, help="although the clock is behind the newest log")
@settings_options("data")
@needs("server")
def prune(older_than: str, yes: bool, despite_clock: bool, data: str | None) -> None:
    """Remove old batches for good, here and in object storage; a record of each stays."""
    from waterline.archive.jobs.early_clock import refuse_early_clock
    from waterline.archive.jobs.prune import plan_prune, prune
    from workbench.progress_bar import ProgressBars

    folder = DataFolder(load({"data": data}).settings.data)
    now, age = now_ms(), duration("--older-than", older_than)
    if not despite_clock:
        refuse_early_clock(folder, now)
    planned = plan_prune(folder, now - age)
    if planned:
        say(
            f"{amount(sum(each.rows for each in planned), len(planned))}, received "
            f"{planned[0].day} to {planned[-1].day}, will be gone for good; "
            f"it is {utc_text(now)} by this machine's clock"
        )
        if not yes:
            _confirm("Remove them?")
    with ProgressBars() as bars:
        pruned = prune(folder, planned, progress=bars)
    say(f"pruned {amount(pruned.logs, pruned.batches)}" if planned else "no batch is that old")


def _confirm(question: str) -> None:
    """Ask, and return only after yes.

    Raises:
        UsageError: the answer is no, or there is none.
    """
    click.echo(f"{question} [y/N]: ", nl=False)
    answer = sys.stdin.readline()
    if not answer:
        click.echo(err=True)
        raise UsageError("not answered, so nothing was removed; --yes does not ask")
    if answer.strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was removed")
