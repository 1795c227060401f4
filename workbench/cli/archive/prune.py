"""`waterline archive prune`: remove old batches for good."""

import sys

import click

from waterline.clock import now_ms, utc_text
from waterline.errors import UsageError
from waterline.settings.keep import show_keep
from waterline.storage.folder import DataFolder
from waterline.terminal import say
from workbench.cli.archive.shared import amount, by_day
from workbench.cli.options import duration, load, needs, settings_options


@click.command()
@click.option(
    "--older-than",
    metavar="AGE",
    help="what was received that long ago, as 1y; default is what archive_keep lets go",
)
@click.option("--dry-run", is_flag=True, help="say what would go, and remove nothing")
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--despite-clock", is_flag=True, help="although the clock is behind the newest log")
@settings_options("archive_keep", "data")
@needs("server")
def prune(
    older_than: str | None,
    dry_run: bool,
    yes: bool,
    despite_clock: bool,
    archive_keep: str | None,
    data: str | None,
) -> None:
    """Remove old batches for good, here and in object storage; a record of each stays."""
    from waterline.archive.jobs.early_clock import refuse_early_clock
    from waterline.archive.jobs.prune import plan_prune, plan_retention, prune
    from waterline.archive.retention import days_of_receipt
    from workbench.progress_bar import ProgressBars

    settings = load({"data": data, "archive_keep": archive_keep}).settings
    folder, keep, now = DataFolder(settings.data), settings.archive_keep, now_ms()
    if older_than is None and keep is None:
        raise UsageError(
            "archive_keep is forever, so nothing is due; say how old with --older-than"
        )
    if older_than is not None and archive_keep is not None:
        raise UsageError("--older-than and --archive-keep are two plans; give one of them")
    age = None if older_than is None else duration("--older-than", older_than)
    if not despite_clock:
        refuse_early_clock(folder, now)
    if age is not None:
        planned = plan_prune(folder, now - age)
    else:
        assert keep is not None
        planned = plan_retention(folder, keep, now, settings.dedupe_window)
    if planned:
        say(
            f"{amount(sum(each.rows for each in planned), len(planned))}, received "
            f"{days_of_receipt(planned)}, {'would' if dry_run else 'will'} be gone for good; "
            f"it is {utc_text(now)} by this machine's clock"
        )
    else:
        say("no batch is that old" if older_than else f"archive_keep ({show_keep(keep)}) keeps all")
    if dry_run:
        for line in by_day(planned):
            say(line)
        return
    if planned and not yes:
        _confirm("Remove them?")
    with ProgressBars() as bars:
        pruned = prune(folder, planned, progress=bars)
    if planned:
        say(f"pruned {amount(pruned.logs, pruned.batches)}")


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
