"""`waterline lake verify`: read every batch of every node, and see that it is what was archived."""

import click

from waterline.errors import UsageError
from waterline.terminal import say, warn
from waterline.units import counted, human_size
from workbench.cli.archive.shared import batches_in_words
from workbench.cli.lake.shared import open_lake
from workbench.cli.options import needs, settings_options


@click.command()
@click.option("--quick", is_flag=True, help="look at the sizes alone, and read no batch")
@settings_options("archive_dest")
@needs("server")
def verify(quick: bool, archive_dest: str | None) -> None:
    """Read every batch of a lake, and see that none is lacking; exit code 1 where one is."""
    from waterline.archive.lake.verify import verify_lake
    from waterline.archive.lake.view import view_lake
    from workbench.progress_bar import ProgressBars

    lake = view_lake(open_lake(archive_dest))
    if not lake.nodes and not lake.faults:
        raise UsageError(f"{lake.address} has no nodes yet, so there is nothing to verify")
    with ProgressBars() as bars:
        verdict = verify_lake(lake, is_quick=quick, progress=bars)
    for fault in verdict.faults:
        warn(f"waterline: {fault}")
    say(
        f"sound: {counted(verdict.nodes, 'node')}, {batches_in_words(verdict.batches)}, "
        f"{counted(verdict.logs, 'log')}, {human_size(verdict.size)}"
    )
    if verdict.faults:
        raise SystemExit(1)
