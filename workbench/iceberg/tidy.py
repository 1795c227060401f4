"""Removal of what the table has outlived: snapshots, and files of its own that nothing names."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from pyiceberg.table import Table

from waterline.archive.object_store.client import Bucket
from workbench.iceberg.table import reading_own_files

KEPT_MS: Final = 86_400_000
"""How long a snapshot stays once there is a newer one; questions that began with it have ended."""


def tidy(lake: Bucket, folder: str, table: Table, now: int) -> None:
    """Expire snapshots that were replaced a day ago, and remove files that none needs.

    Args:
        lake: the lake.
        folder: its folder with the table's own files, into which nothing else writes meanwhile.
        table: the table.
        now: milliseconds UTC.

    Raises:
        ArchiveError: its own files are missing or damaged.
        RemoteError: object storage refuses.
    """
    if replaced := [*_replaced_snapshots(table, now - KEPT_MS)]:
        table.maintenance.expire_snapshots().by_ids(replaced).commit()
        table.refresh()
    with reading_own_files():
        needed = {*_needed(table, now - KEPT_MS)}
    for key in lake.names(folder):
        if lake.url(key) not in needed:
            lake.delete(key)


def _replaced_snapshots(table: Table, before: int) -> Iterator[int]:
    ordered = sorted(table.metadata.snapshots, key=lambda each: each.sequence_number or 0)
    for snapshot, newer in pairwise(ordered):
        if newer.timestamp_ms < before:
            yield snapshot.snapshot_id


def _needed(table: Table, before: int) -> Iterator[str]:
    metadata = table.metadata
    yield table.metadata_location
    replaced_at = [each.timestamp_ms for each in metadata.metadata_log[1:]]
    replaced_at.append(metadata.last_updated_ms)
    for former, moment in zip(metadata.metadata_log, replaced_at, strict=False):
        if moment >= before:
            yield former.metadata_file
    for snapshot in metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(table.io):
            yield manifest.manifest_path
