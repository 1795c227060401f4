"""What the file of a batch holds, beside what the catalog or a manifest says of it."""

from dataclasses import replace
from typing import Final

import pyarrow as pa

from waterline.archive.batch import day_text, describe_again
from waterline.archive.hot_rows import DAY
from waterline.storage.catalog import ArchivedBatch

# What a file tells of itself, once it is known to be the one that was archived.
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
)


def as_found(batch: ArchivedBatch, content: bytes, logs: pa.Table) -> ArchivedBatch:
    """Return a batch with the numbers that its file tells.

    Args:
        batch: what is said of it.
        content: its file, known to be the one that was archived.
        logs: what that holds, at least one.
    """
    found = describe_again(batch, logs, content)
    return replace(batch, **{name: getattr(found, name) for name in _TOLD})


def differing(found: ArchivedBatch, said: ArchivedBatch) -> list[str]:
    """Return what is said otherwise than it was found."""
    return [
        f"{name} is {getattr(found, name)}, not {getattr(said, name)}"
        for name in _TOLD
        if getattr(found, name) != getattr(said, name)
    ]


def strange_days(found: ArchivedBatch) -> str | None:
    """Return on which days logs were received, where it is not the one day of their batch."""
    days = {day_text(each // DAY) for each in (found.first_received_at, found.last_received_at)}
    return None if days == {found.day} else f"day is {' to '.join(sorted(days))}, not {found.day}"
