"""`waterline archive list`: a line a batch, columns aligned, and the sum."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from waterline.storage.folder import DataFolder
from waterline.terminal import say
from waterline.units import human_size
from workbench.cli.archive.shared import amount
from workbench.cli.options import load, needs, settings_options
from workbench.cli.table import Column, Screen, Table
from workbench.display import date_time

if TYPE_CHECKING:
    from waterline.storage.catalog import ArchivedBatch

_COLUMNS: Final = (
    Column("FILE"),
    Column("LOGS", at_right=True),
    Column("FROM"),
    Column("TO"),
    Column("STORED", at_right=True),
    Column("SAVED", at_right=True),
    Column("WHERE"),
)


@click.command("list")
@settings_options("data")
@needs("server")
def list_batches(data: str | None) -> None:
    """List the batches: where, which logs, how large, how much that saves."""
    from waterline.archive.ahead import read_whole_catalog

    _, batches = read_whole_catalog(DataFolder(load({"data": data}).settings.data))
    for line in listing(batches):
        say(line)


def listing(batches: "Sequence[ArchivedBatch]") -> list[str]:
    """Return the lines of the list; times are `timestamp`, UTC."""
    if not batches:
        return ["nothing is archived yet"]
    return [*Table(_COLUMNS, Screen.of_output()).lines([*map(_cells, batches)]), *_sum(batches)]


def _cells(batch: "ArchivedBatch") -> tuple[str, ...]:
    return (
        batch.file,
        f"{batch.rows:,}",
        date_time(batch.first_timestamp),
        date_time(batch.last_timestamp),
        human_size(batch.stored_bytes),
        f"{batch.saved:.1%}",
        _place(batch),
    )


def _sum(batches: "Sequence[ArchivedBatch]") -> list[str]:
    kept = [each for each in batches if each.is_kept]
    if not kept:
        return []
    raw, stored = sum(each.raw_bytes for each in kept), sum(each.stored_bytes for each in kept)
    held = amount(sum(each.rows for each in kept), len(kept))
    sizes = f"{human_size(raw)} as JSON, {human_size(stored)} stored"
    return [f"{held}: {sizes}, {1 - stored / raw:.1%} saved"]


def _place(batch: "ArchivedBatch") -> str:
    if batch.pruned_at is not None:
        return f"pruned {date_time(batch.pruned_at)[:10]}"
    if batch.uploaded_to is None:
        return "here"
    return batch.uploaded_to if batch.local_removed_at is not None else f"here, {batch.uploaded_to}"
