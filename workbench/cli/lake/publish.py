"""`waterline lake publish`: bring the lake's Iceberg table up to what its manifests tell."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import msgspec

from waterline.errors import UsageError
from waterline.terminal import say, warn
from waterline.units import counted
from workbench.cli.archive.shared import batches_in_words
from workbench.cli.lake.shared import open_lake
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.iceberg.publish import Publication


@click.command()
@click.option("--rebuild", is_flag=True, help="make the table anew from the manifests alone")
@click.option("--json", "is_json", is_flag=True, help="one object")
@settings_options("archive_dest", "lake_catalog")
@needs("iceberg")
def publish(
    rebuild: bool, is_json: bool, archive_dest: str | None, lake_catalog: str | None
) -> None:
    """Bring the lake's Iceberg table up to its manifests; exit code 1 where it lacks logs.

    Batches are added as they lie, and none is rewritten.
    """
    from workbench.iceberg.publish import publish as publish_lake
    from workbench.progress_bar import ProgressBars

    lake, catalog = open_lake(archive_dest), _catalog(lake_catalog)
    with ProgressBars() as bars:
        done = publish_lake(lake, catalog, is_rebuilt=rebuild, progress=bars)
    for fault in done.faults:
        warn(f"waterline: {fault}")
    for line in [msgspec.json.encode(asdict(done)).decode()] if is_json else _lines(done):
        say(line)
    if done.faults:
        raise SystemExit(1)


def _catalog(given: str | None) -> "Path":
    """Return the file of the catalog.

    Raises:
        UsageError: none is named.
        SettingsError: a setting has no meaning.
    """
    catalog = load({"lake_catalog": given}).settings.lake_catalog
    if catalog is None:
        raise UsageError("name the catalog: set lake_catalog, or give --lake-catalog FILE")
    return catalog


def _lines(done: "Publication") -> list[str]:
    has = ", ".join(
        (counted(done.nodes, "node"), batches_in_words(done.batches), counted(done.logs, "log"))
    )
    changed = f"{batches_in_words(done.added)} added, {done.removed:,} taken out"
    return [f"{done.table}: {has}; {changed}", f"metadata: {done.metadata}"]
