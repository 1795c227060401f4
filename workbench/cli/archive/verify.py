"""`waterline archive verify`: read every batch, and see that it is what was archived."""

import click

from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from waterline.units import counted, human_size
from workbench.cli.archive.shared import batches_in_words
from workbench.cli.options import load, needs, settings_options


@click.command()
@click.option("--all-copies", is_flag=True, help="read copies in object storage too")
@settings_options("data")
@needs("server")
def verify(all_copies: bool, data: str | None) -> None:
    """Read every batch, and see that it is what was archived; exit code 1 where one is not."""
    from waterline.archive.jobs.verify import verify
    from workbench.progress_bar import ProgressBars

    folder = DataFolder(load({"data": data}).settings.data)
    with ProgressBars() as bars:
        verdict = verify(folder, all_copies=all_copies, progress=bars)
    for warning in verdict.warnings:
        warn(f"note: {warning}")
    for fault in verdict.faults:
        warn(f"waterline: {fault}")
    say(
        f"sound: {batches_in_words(verdict.batches)}, {counted(verdict.logs, 'log')}, "
        f"{human_size(verdict.size)}"
    )
    if verdict.faults:
        raise SystemExit(1)
