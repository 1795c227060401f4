"""Comparison of a batch file with its row in the catalog or a manifest."""

from dataclasses import replace
from typing import Final

import pyarrow as pa

from waterline.archive.batch import day_text, describe_again
from waterline.archive.hot_rows import DAY
from waterline.storage.catalog import ArchivedBatch

# The attributes of a catalog row that follow from the logs in the file.
_TOLD: Final = (
    "rows",
    "first_seq",
    "last_seq",
    "first_timestamp",
    "last_timestamp",
    "first_received_at",
    "last_received_at",
    "types",
    "sources",
    "raw_bytes",
    "filter_offset",
    "filter_bytes",
    "filter_sha256",
)


def as_found(batch: ArchivedBatch, content: bytes, logs: pa.Table) -> ArchivedBatch:
    """Return a catalog row with its counts and bounds taken from the file.

    Args:
        batch: the row as recorded.
        content: the verified bytes of the file.
        logs: the logs in the file, at least one.
    """
    found = describe_again(batch, logs, content)
    return replace(batch, **{name: getattr(found, name) for name in _TOLD})


def differing(found: ArchivedBatch, said: ArchivedBatch) -> list[str]:
    """Return one sentence for each attribute that differs between file and record."""
    return [
        f"{name} is {getattr(found, name)}, not {getattr(said, name)}"
        for name in _TOLD
        if getattr(found, name) != getattr(said, name)
    ]


def strange_days(found: ArchivedBatch) -> str | None:
    """Return a sentence if logs were received on another day than the batch says, else None."""
    days = {day_text(each // DAY) for each in (found.first_received_at, found.last_received_at)}
    return None if days == {found.day} else f"day is {' to '.join(sorted(days))}, not {found.day}"
