"""A batch as it is made: what its file says of itself, and what the catalog will say of it."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.label import VERSION, Label
from waterline.archive.raw_size import raw_size
from waterline.encoding import Format
from waterline.storage.catalog import ArchivedBatch


def label_of(
    logs: pa.Table,
    format: Format,  # noqa: A002 - the field's term
    number: int,
    folder_id: str,
    archived_at: int,
) -> Label:
    """Return what a file says of itself.

    Args:
        logs: those it holds.
        format: how they are encoded.
        number: that in the file's name.
        folder_id: whose logs they are.
        archived_at: milliseconds UTC.
    """
    moment = datetime.fromtimestamp(archived_at / 1000, UTC)
    return Label(
        archive_date=f"{moment:%Y-%m-%dT%H:%M:%S}.{archived_at % 1000:03d}Z",
        batch=number,
        total_logs=logs.num_rows,
        compression=format.compression,
        version=VERSION,
        folder_id=folder_id,
    )


def describe(
    logs: pa.Table,
    content: memoryview | bytes,
    *,
    day: str,
    file: str,
    format: Format,  # noqa: A002 - the field's term
    archived_at: int,
    adopted_from: str | None = None,
) -> ArchivedBatch:
    """Return what the catalog is to say of a file that holds these logs, at least one.

    Its `batch` is 0: the catalog gives the number.
    """
    return ArchivedBatch(
        batch=0,
        day=day,
        file=file,
        format=format.value,
        rows=logs.num_rows,
        first_seq=logs["seq"][0].as_py(),
        last_seq=logs["seq"][-1].as_py(),
        first_timestamp=_least(logs, "timestamp"),
        last_timestamp=_most(logs, "timestamp"),
        first_received_at=_least(logs, "received_at"),
        last_received_at=_most(logs, "received_at"),
        types=_counts(logs, "type"),
        sources=_counts(logs, "source"),
        raw_bytes=raw_size(logs),
        stored_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        archived_at=archived_at,
        adopted_from=adopted_from,
    )


def describe_again(
    batch: ArchivedBatch, logs: pa.Table, content: memoryview | bytes
) -> ArchivedBatch:
    """Return a known batch with the numbers of a file that holds these logs, at least one.

    Args:
        batch: keeps its number, day, name, format, date and origin.
        logs: what the file holds.
        content: the file.
    """
    found = describe(
        logs,
        content,
        day=batch.day,
        file=batch.file,
        format=Format(batch.format),
        archived_at=batch.archived_at,
        adopted_from=batch.adopted_from,
    )
    return replace(found, batch=batch.batch)


def _least(logs: pa.Table, name: str) -> int:
    return cast("int", pc.min(logs[name].cast(pa.int64())).as_py())


def _most(logs: pa.Table, name: str) -> int:
    return cast("int", pc.max(logs[name].cast(pa.int64())).as_py())


def _counts(logs: pa.Table, name: str) -> dict[str, int]:
    """Return rows by value, the most frequent first, those of the same number by name."""
    counted = pc.value_counts(logs[name])
    pairs = zip(
        counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True
    )
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
