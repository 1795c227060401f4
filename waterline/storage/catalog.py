"""Catalog of archived batches: rows of `archive_batches`, read and written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

import apsw
import msgspec

from waterline.errors import ArchiveError, DataFolderError
from waterline.storage.sqlite import transaction
from waterline.storage.watermark import replace_watermark

Clock = Literal["timestamp", "received_at"]
"""Time column of logs: `timestamp` of the producer, or `received_at` of the server."""

_decode_counts: Final = msgspec.json.Decoder(dict[str, int]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedBatch:
    """Row of `archive_batches`. Times are milliseconds UTC, sizes are bytes."""

    batch: int
    """Number in the catalog; 0 until it is recorded."""
    day: str
    """Day of `received_at`, UTC, such as 2026-11-23; no batch spans two."""
    file: str
    """Path below the archives: `2026-11-23/batch-0001.parquet`."""
    format: str
    rows: int
    first_seq: int
    last_seq: int
    first_timestamp: int
    last_timestamp: int
    first_received_at: int
    last_received_at: int
    types: dict[str, int]
    """Rows by type."""
    sources: dict[str, int]
    """Rows by source."""
    raw_bytes: int
    """Bytes of the logs as compact JSON."""
    stored_bytes: int
    sha256: str
    archived_at: int
    pruned_at: int | None = None
    """Time of pruning, when the logs were removed; the row stays."""
    adopted_from: str | None = None
    """SHA-256 of the file of version 2.0 that the logs came from."""
    uploaded_to: str | None = None
    """Address of the copy in object storage: `s3://bucket/prefix`."""
    uploaded_at: int | None = None
    local_removed_at: int | None = None
    """Time of removal of the local file; from then on only object storage has it."""
    rewritten_at: int | None = None
    """Time of the last rewrite into another format; each is later than the one before."""
    rewritten_from: str | None = None
    """SHA-256 of the file before the first rewrite."""
    filter_offset: int | None = None
    """Where in the file its filter begins; None if it has none."""
    filter_bytes: int | None = None
    filter_sha256: str | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the logs are not pruned."""
        return self.pruned_at is None

    @property
    def origin(self) -> str:
        """SHA-256 of the first file with these logs: the same after each rewrite."""
        return self.rewritten_from or self.sha256

    def is_rewrite_of(self, other: "ArchivedBatch") -> bool:
        """Return whether this is what a rewrite made of another row."""
        return self.origin == other.origin and (self.rewritten_at or 0) > (other.rewritten_at or 0)

    def reach(self, clock: Clock) -> tuple[int, int]:
        """Return the first and the last time of the logs by a clock."""
        if clock == "timestamp":
            return self.first_timestamp, self.last_timestamp
        return self.first_received_at, self.last_received_at

    @property
    def ratio(self) -> float:
        """Raw bytes over stored bytes."""
        return self.raw_bytes / self.stored_bytes

    @property
    def saved(self) -> float:
        """Fraction of the raw bytes that is saved: 0.9 is 90%."""
        return 1 - self.stored_bytes / self.raw_bytes


COLUMNS: Final = tuple(each.name for each in fields(ArchivedBatch))
_NAMES: Final = ", ".join(COLUMNS)
_INSERT: Final = (
    f"INSERT INTO archive_batches ({_NAMES}) VALUES ({', '.join(':' + each for each in COLUMNS)})"
)
_UPDATE: Final = f"""
    UPDATE archive_batches SET {", ".join(f"{each} = :{each}" for each in COLUMNS[1:])}
    WHERE batch = :batch
"""


def batch_of(row: Sequence[Any]) -> ArchivedBatch:
    """Return a batch from a row with the columns in the order of COLUMNS.

    Raises:
        DataFolderError: the row is damaged.
    """
    values = dict(zip(COLUMNS, row, strict=True))
    try:
        types, sources = _decode_counts(values["types"]), _decode_counts(values["sources"])
    except msgspec.DecodeError as error:
        raise DataFolderError(f"logs.db holds a batch that is damaged: {error}") from error
    return ArchivedBatch(**{**values, "types": types, "sources": sources})


def read_batches(connection: apsw.Connection) -> list[ArchivedBatch]:
    """Return all batches by seq, pruned ones included.

    Raises:
        DataFolderError: a row is damaged.
    """
    rows = connection.execute(f"SELECT {_NAMES} FROM archive_batches ORDER BY first_seq")
    return [batch_of(row) for row in rows.fetchall()]


def archive_batch(connection: apsw.Connection, batch: ArchivedBatch, after: int) -> ArchivedBatch:
    """Record a batch of hot logs and raise the watermark to its end, in one transaction.

    Args:
        connection: a connection that writes logs.db.
        batch: the written and verified batch.
        after: the watermark when the rows were read.

    Returns:
        The batch with its number.

    Raises:
        ArchiveError: the watermark has moved meanwhile; nothing was changed.
        apsw.Error: nothing was changed.
    """
    with transaction(connection):
        connection.execute(
            "UPDATE seam SET archived_through = ? WHERE archived_through = ?",
            (batch.last_seq, after),
        )
        if connection.changes() != 1:
            raise ArchiveError(
                f"logs.db was archived beyond seq {after} by somebody else; run the job again"
            )
        connection.execute(_INSERT, _bindings(batch))
        count_generation(connection)
        return replace(batch, batch=connection.last_insert_rowid())


def add_batches(connection: apsw.Connection, batches: Iterable[ArchivedBatch]) -> None:
    """Record batches that never were hot logs here; the watermark stays.

    Raises:
        apsw.Error: nothing was changed.
    """
    with transaction(connection):
        for batch in batches:
            insert_batch(connection, batch)
        count_generation(connection)


def insert_batch(connection: apsw.Connection, batch: ArchivedBatch) -> None:
    """Record a batch; call it inside a transaction, which raises watermark and generation."""
    connection.execute(_INSERT, _bindings(batch))


def update_batch(connection: apsw.Connection, batch: ArchivedBatch) -> None:
    """Update the row of a batch; call it inside a transaction, which counts the generation."""
    connection.execute(_UPDATE, _bindings(batch))


def found_catalog(
    connection: apsw.Connection,
    folder_id: str,
    batches: Sequence[ArchivedBatch],
    archived_through: int | None = None,
    incarnation: str | None = None,
) -> None:
    """Initialise an empty logs.db from a recovered watermark and catalog.

    Batches without a number get the next ones.

    Args:
        connection: a connection that writes logs.db.
        folder_id: id of the data folder.
        batches: the recovered catalog.
        archived_through: the watermark; default the end of the last batch.
        incarnation: the incarnation; default a new one.

    Raises:
        apsw.Error: nothing was changed.
    """
    if archived_through is None:
        archived_through = max((each.last_seq for each in batches), default=0)
    with transaction(connection):
        replace_watermark(connection, folder_id, archived_through, incarnation)
        for batch in sorted(batches, key=lambda each: not each.batch):
            insert_batch(connection, batch)


def change_batches(connection: apsw.Connection, batches: Iterable[ArchivedBatch]) -> None:
    """Update the rows of batches, such as after an upload, a prune or a rewrite.

    Raises:
        apsw.Error: nothing was changed.
    """
    with transaction(connection):
        for batch in batches:
            update_batch(connection, batch)
        count_generation(connection)


def count_generation(connection: apsw.Connection) -> None:
    """Increment the generation of the archives; call it inside a transaction."""
    connection.execute("UPDATE seam SET generation = generation + 1")


def _bindings(batch: ArchivedBatch) -> dict[str, Any]:
    values = {name: getattr(batch, name) for name in COLUMNS}
    values["batch"] = batch.batch or None
    for name in ("types", "sources"):
        values[name] = msgspec.json.encode(values[name]).decode()
    return values
