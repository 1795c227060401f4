"""`waterline archive run`: move old logs into batches now."""

from typing import TYPE_CHECKING

import click

from waterline.encoding import FORMATS, MOST_ROWS, highest_level
from waterline.storage.folder import DataFolder
from waterline.terminal import say
from waterline.units import counted, human_size
from workbench.cli.archive.shared import amount, batches_in_words
from workbench.cli.options import duration, load, needs, settings_options

if TYPE_CHECKING:
    from waterline.archive.jobs.run import Outcome


@click.command()
@click.option(
    "--older-than", metavar="AGE", help="archive what was received that long ago, such as 30d"
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([*FORMATS]),
    help="of the batches: default parquet",
)
@click.option("--batch-rows", type=click.IntRange(1, MOST_ROWS), help="logs in a batch at most")
@click.option(
    "--level",
    type=click.IntRange(1, highest_level()),
    help="how hard to compress",
)
@click.option("--dest", metavar="URL", help="also upload to object storage: s3://bucket/prefix")
@click.option(
    "--keep-local/--remove-local", default=None, help="whether uploaded batches stay here too"
)
@click.option("--despite-clock", is_flag=True, help="although the clock is behind the newest log")
@settings_options("data")
@needs("server")
def run(
    older_than: str | None,
    format_name: str | None,
    batch_rows: int | None,
    level: int | None,
    dest: str | None,
    keep_local: bool | None,
    despite_clock: bool,
    data: str | None,
) -> None:
    """Archive old logs now; what is not said is as the settings say.

    It may be stopped at any moment, and the next run goes on.
    """
    from waterline.archive.jobs.early_clock import refuse_early_clock
    from waterline.archive.jobs.priority import give_way
    from waterline.archive.jobs.run import ArchiveJob
    from waterline.archive.jobs.run_options import options_of
    from waterline.clock import now_ms
    from workbench.progress_bar import ProgressBars

    give_way()
    if older_than is not None:
        duration("--older-than", older_than)
    settings = load(
        {
            "data": data,
            "archive_after": older_than,
            "archive_format": format_name,
            "archive_batch_rows": None if batch_rows is None else str(batch_rows),
            "archive_level": None if level is None else str(level),
            "archive_dest": dest,
            "archive_keep_local": None if keep_local is None else ("yes" if keep_local else "no"),
        },
        {
            "archive_after": "--older-than",
            "archive_format": "--format",
            "archive_batch_rows": "--batch-rows",
            "archive_level": "--level",
            "archive_dest": "--dest",
            "archive_keep_local": "--keep-local",
        },
    ).settings
    folder, options = DataFolder(settings.data), options_of(settings)
    if not despite_clock:
        refuse_early_clock(folder, now_ms())
    with ProgressBars() as bars:
        job = ArchiveJob(folder, options, progress=bars)
        try:
            job.run()
        finally:
            bars.close()
            done = _told(job.outcome)
            for line in done:
                say(line)
    if not done:
        say("nothing was old enough to be archived")


def _told(outcome: "Outcome") -> list[str]:
    """Return lines about what a run has done, even if it failed later."""
    lines = []
    if outcome.batches:
        raw = sum(each.raw_bytes for each in outcome.batches)
        stored = sum(each.stored_bytes for each in outcome.batches)
        lines.append(
            f"archived {amount(outcome.logs, len(outcome.batches))}: "
            f"{human_size(raw)} as JSON, {human_size(stored)} stored, "
            f"{1 - stored / raw:.1%} saved; {outcome.seconds:.2f} s, "
            f"{raw / 1e6 / outcome.seconds:.0f} MB/s"
        )
    removed, uploaded = outcome.removed, outcome.uploaded
    if removed.rows:
        lines.append(
            f"removed {counted(removed.rows, 'row')} in {removed.rows_seconds:.2f} s, gave "
            f"{human_size(removed.size)} back in {removed.size_seconds:.2f} s"
        )
    if uploaded.batches:
        lines.append(f"uploaded {batches_in_words(uploaded.batches)}, {human_size(uploaded.size)}")
    return lines
