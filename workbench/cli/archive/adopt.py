"""`waterline archive adopt`: take in archives of version 2.0, or rebuild a lost logs.db."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from waterline.errors import UsageError
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from workbench.cli.archive.shared import amount
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from waterline.settings.model import Settings


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--source", default="adopted", show_default=True, help="what adopted logs have as their source"
)
@click.option(
    "--from", "origin", metavar="URL", help="rebuild from object storage: s3://bucket/prefix"
)
@click.option("--skip-damaged", is_flag=True, help="rebuild although files are damaged or missing")
@settings_options("data")
@needs("server")
def adopt(
    paths: tuple[Path, ...],
    source: str,
    origin: str | None,
    skip_damaged: bool,
    data: str | None,
) -> None:
    """Adopt archives of version 2.0, or, without FILE, rebuild a folder that lost its logs.db.

    The server of the folder must be stopped. FILE may be a folder, for all *.json.gz below it.
    """
    settings = load({"data": data}).settings
    if paths:
        if origin is not None or skip_damaged:
            raise UsageError("--from and --skip-damaged are for rebuilding; leave FILE out")
        _adopt_files(settings, paths, source)
    else:
        _rebuild(settings, origin, skip_damaged=skip_damaged)


def _adopt_files(settings: "Settings", paths: tuple[Path, ...], source: str) -> None:
    from waterline.archive.jobs.import_v2 import adopt_files
    from waterline.archive.jobs.run_options import encoding_of
    from workbench.progress_bar import ProgressBars

    with ProgressBars() as bars:
        adopted = adopt_files(
            DataFolder(settings.data),
            paths,
            source=source,
            encoding=encoding_of(settings),
            progress=bars,
        )
    for skipped in adopted.skipped:
        warn(f"note: {skipped}")
    say(f"adopted {amount(adopted.logs, adopted.batches)}")


def _rebuild(settings: "Settings", origin: str | None, *, skip_damaged: bool) -> None:
    from waterline.archive.jobs.rebuild import rebuild_catalog
    from workbench.progress_bar import ProgressBars

    with ProgressBars() as bars:
        rebuilt = rebuild_catalog(
            DataFolder(settings.data), origin=origin, skip_damaged=skip_damaged, progress=bars
        )
    for sentence in [*rebuilt.faults, *rebuilt.corrected, *rebuilt.skipped]:
        warn(f"waterline: {sentence}")
    say(f"{settings.data} knows {amount(rebuilt.logs, rebuilt.batches)} again")
