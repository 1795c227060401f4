"""What proves a pin: digits of the log that it ends at, which no other past has at that seq."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from waterline.storage.catalog import ArchivedBatch

ENDS_WITH: Final = ("id", "type", "timestamp", "received_at", "source", "message", "attributes")
"""The columns of a log that its digits are of, in the order of storage."""

UNPROVEN: Final = ""
"""Stands where there are no digits: the folder is empty, or the pin was made without."""

Read = Callable[[ArchivedBatch, Sequence[str]], pa.Table]
"""Reads some columns of a batch, as `BatchReader.read` does."""

_DIGITS: Final = 8
# What was found in files: so much is remembered, that no question reads the same file again.
_REMEMBERED: Final = 1_000

_found: dict[tuple[str, int], str] = {}


def digits_of_log(values: Sequence[object]) -> str:
    """Return the digits of a log.

    Args:
        values: of `ENDS_WITH`; times are milliseconds UTC.
    """
    digest = hashlib.sha256()
    for value in values:
        text = str(value).encode()
        digest.update(b"%d " % len(text))
        digest.update(text)
    return digest.hexdigest()[:_DIGITS]


def digits_of_batch(sha256: str) -> str:
    """Return the digits of the log that a batch ends at: those of its file, which are at hand."""
    return sha256[:_DIGITS]


def digits_within(batch: ArchivedBatch, seq: int, read: Read) -> str:
    """Return the digits of a log within a batch; `UNPROVEN` where there is no log with its seq.

    Raises:
        ArchiveError: the file is missing or damaged.
    """
    # A file with this SHA-256 never holds anything else.
    key = batch.sha256, seq
    found = _found.get(key)
    if found is None:
        found = _read_digits(read(batch, ("seq", *ENDS_WITH)), seq)
        if len(_found) >= _REMEMBERED:
            _found.clear()
        _found[key] = found
    return found


def _read_digits(table: pa.Table, seq: int) -> str:
    logs = table.filter(pc.equal(table["seq"], seq)).select(ENDS_WITH)
    for name in ("timestamp", "received_at"):
        logs = logs.set_column(ENDS_WITH.index(name), name, logs[name].cast(pa.int64()))
    rows = [*zip(*(column.to_pylist() for column in logs.columns), strict=True)]
    return digits_of_log(rows[0]) if rows else UNPROVEN
