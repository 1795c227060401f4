"""`waterline archive export`: write logs, archived and hot, into a file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from waterline.clock import now_ms
from waterline.errors import UsageError
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from waterline.units import counted, human_size
from workbench.cli.archive.shared import range_options
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from workbench.query.question import Filters


@click.command()
@range_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="as what",
)
@click.option("--force", is_flag=True, help="write over a file that is there")
@click.option(
    "--raw", is_flag=True, help="CSV: leave cells as they are that a spreadsheet would run"
)
@click.argument("file", type=click.Path(path_type=Path))
@settings_options("data")
@needs("all")
def export(
    filters: "Filters",
    format_name: str,
    force: bool,
    raw: bool,
    file: Path,
    data: str | None,
) -> None:
    """Write logs, archived and hot, into FILE; - is standard output."""
    from workbench.exports.export import export_logs
    from workbench.exports.formats import ExportFormat
    from workbench.progress_bar import ProgressBars
    from workbench.query.question import ask

    chosen = ExportFormat(format_name)
    if raw and chosen is not ExportFormat.CSV:
        raise UsageError(f"--raw is for --format csv; {chosen} holds logs as they are")
    is_stream = str(file) == "-"
    if is_stream and sys.stdout.isatty() and chosen is not ExportFormat.JSONL:
        raise UsageError(f"{chosen} is not for a terminal; name a file, or send it into a pipe")
    with ProgressBars() as bars:
        exported = export_logs(
            DataFolder(load({"data": data}).settings.data),
            ask(now=now_ms(), **filters),
            chosen,
            sys.stdout.buffer if is_stream else file,
            force=force,
            raw=raw,
            progress=bars,
        )
    for note in filter(None, (exported.lacks, exported.why_none)):
        warn(f"note: {note}")
    if not is_stream:
        say(f"{file} holds {counted(exported.logs, 'log')}, {human_size(exported.size)}")
