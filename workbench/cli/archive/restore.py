"""`waterline archive restore`: build a data folder of its own from archived logs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from waterline.clock import now_ms
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from waterline.units import counted, human_size
from workbench.cli.archive.shared import amount, range_options
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from workbench.query.question import Filters


@click.command()
@range_options
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="the data folder to build",
)
@settings_options("data")
@needs("all")
def restore(
    filters: "Filters",
    into: Path,
    data: str | None,
) -> None:
    """Build a data folder of its own from archived logs; their seqs are kept.

    Run again, it completes what is there.
    """
    from waterline.archive.jobs.restore import restore
    from workbench.progress_bar import ProgressBars
    from workbench.query.question import ask

    wanted = ask(now=now_ms(), **filters)
    with ProgressBars() as bars:
        restored = restore(
            DataFolder(load({"data": data}).settings.data),
            into,
            since=wanted.since,
            until=wanted.until,
            types=wanted.filters.types,
            sources=wanted.filters.sources,
            progress=bars,
        )
    if restored.pruned:
        missing = counted(restored.pruned, "log")
        warn(f"note: up to {missing} of this range were pruned")
    if not restored.batches:
        say("no archived log is in this range, so no folder was made")
        return
    say(
        f"{into} holds {amount(restored.logs, len(restored.batches))}, "
        f"{human_size(restored.size)}; open it with workbench.connect({str(into)!r})"
    )
