"""What archives cost in a bucket: batches, requests and bytes a month. No I/O."""

import math
from dataclasses import dataclass
from typing import Final

from waterline.archive.hot_rows import MAX_BATCH_SIZE
from waterline.archive.object_store.client import PART

MONTH: Final = 30 * 86_400.0
"""Seconds."""
_DAY: Final = 86_400.0
_OF_PARTS: Final = 2
"""Requests of an upload in parts besides them: one begins it, one ends it."""


@dataclass(frozen=True, slots=True)
class Monthly:
    """Batches, requests and bytes of a month."""

    batches: float
    batch_rows: float
    """Logs in a batch."""
    puts: float
    others: float
    """Requests that are no PUTs: to look, to compare, to remove."""
    size: float
    """Bytes of the month's batches."""


def monthly(
    rate: float, every: float, most_rows: int, log_bytes: float, raw_bytes: float
) -> Monthly:
    """Return what the archive runs of a month write.

    Args:
        rate: logs a second.
        every: seconds of logs that a run takes.
        most_rows: logs in a batch at most.
        log_bytes: stored bytes of a log.
        raw_bytes: bytes of a log as JSON.
    """
    runs, days = MONTH / every, 1 + every / _DAY  # no batch spans two days
    rows_of_day = rate * every / days
    fitting = max(1.0, min(most_rows, MAX_BATCH_SIZE / max(raw_bytes, 1.0)))
    of_day = max(1, math.ceil(rows_of_day / fitting))
    batches = runs * days * of_day
    rows = rows_of_day / of_day
    size = rows * log_bytes
    puts = 1 if size <= PART else _OF_PARTS + math.ceil(size / PART)
    manifests = runs * days
    return Monthly(
        batches=batches,
        batch_rows=rows,
        puts=batches * puts + manifests,
        # Each batch is looked for before and after; a manifest is read at two keys, looked at, and
        # removed at the former one.
        others=2 * batches + 4 * manifests,
        size=batches * size,
    )
