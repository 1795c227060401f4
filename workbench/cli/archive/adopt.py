"""`waterline archive adopt`: take in archives that logs.db does not know, or rebuild it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from waterline.errors import UsageError
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from waterline.units import counted
from workbench.cli.archive.shared import amount, batches_in_words
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from waterline.settings.model import Settings


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--source", default="adopted", show_default=True, help="what adopted logs have as their source"
)
@click.option("--from", "origin", metavar="URL", help="where the archives are: s3://bucket/prefix")
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
    """Adopt archives of version 2.0, or, without FILE, those of the folder itself.

    A folder that lost its logs.db gets it back from its archives. One that has an earlier logs.db,
    such as a restored backup, takes in the batches that are archived since. The server of the
    folder must be stopped. FILE may be a folder, for all *.json.gz below it.
    """
    from waterline.archive.jobs.catch_up import holds_logs

    settings = load({"data": data}).settings
    if paths:
        if origin is not None or skip_damaged:
            raise UsageError("--from and --skip-damaged are not for files; leave FILE out")
        _adopt_files(settings, paths, source)
    elif holds_logs(DataFolder(settings.data)):
        if skip_damaged:
            raise UsageError(
                f"{settings.data} has its logs.db, and takes in only what is sound; "
                "leave --skip-damaged out"
            )
        _catch_up(settings, origin)
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


def _catch_up(settings: "Settings", origin: str | None) -> None:
    from waterline.archive.jobs.catch_up import catch_up
    from workbench.progress_bar import ProgressBars

    with ProgressBars() as bars:
        done = catch_up(
            DataFolder(settings.data),
            origin=origin,
            dedupe_window=settings.dedupe_window,
            progress=bars,
        )
    if done.changed:
        say(f"{batches_in_words(done.changed)} of {settings.data} pruned or rewritten, as since")
    say(
        f"{settings.data} has taken in {amount(done.logs, done.batches)}, "
        f"{counted(done.brought_back, 'log')} of which it had lost"
    )


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
