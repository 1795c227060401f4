"""The catalog: which batches are archived, where each lies, and what became of it since."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

import apsw
import msgspec

from waterline.errors import ArchiveError, DataFolderError
from waterline.storage.sqlite import transaction
from waterline.storage.watermark import replace_watermark

Clock = Literal["timestamp", "received_at"]
"""A time that logs have: when they happened, as the producer says, or when they came in."""

_decode_counts: Final = msgspec.json.Decoder(dict[str, int]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedBatch:
    """A row of `archive_batches`. Times are milliseconds UTC, sizes are bytes."""

    batch: int
    """Its number in the catalog; 0 until it is recorded."""
    day: str
    """Of `received_at`, UTC, as 2026-11-23; no batch spans two."""
    file: str
    """Below the archives: `2026-11-23/batch-0001.parquet`."""
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
    """The logs as compact JSON."""
    stored_bytes: int
    sha256: str
    archived_at: int
    pruned_at: int | None = None
    """From then on its logs are gone on purpose; the row stays."""
    adopted_from: str | None = None
    """SHA-256 of the file that its logs were adopted from."""
    uploaded_to: str | None = None
    """Where a copy lies in object storage: `s3://bucket/prefix`."""
    uploaded_at: int | None = None
    local_removed_at: int | None = None
    """From then on only the copy in object storage is there."""

    @property
    def is_kept(self) -> bool:
        """Whether its logs are still to be had."""
        return self.pruned_at is None

    def reach(self, clock: Clock) -> tuple[int, int]:
        """Return the first and the last time of its logs, by either clock."""
        if clock == "timestamp":
            return self.first_timestamp, self.last_timestamp
        return self.first_received_at, self.last_received_at

    @property
    def ratio(self) -> float:
        """Raw bytes over stored bytes."""
        return self.raw_bytes / self.stored_bytes

    @property
    def saved(self) -> float:
        """The part of the space that is saved: 0.9 is 90%."""
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
    """Return a row of the table, its columns in the order of COLUMNS, as a batch.

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
    """Return all batches, those that were pruned too, in the order of their seqs.

    Raises:
        DataFolderError: a row is damaged.
    """
    rows = connection.execute(f"SELECT {_NAMES} FROM archive_batches ORDER BY first_seq")
    return [batch_of(row) for row in rows.fetchall()]


def archive_batch(connection: apsw.Connection, batch: ArchivedBatch, after: int) -> ArchivedBatch:
    """Record a batch of hot logs and move the watermark behind it, in one short transaction.

    Args:
        connection: the one that writes.
        batch: what was written and checked.
        after: where the watermark was when its rows were read.

    Returns:
        The batch with its number.

    Raises:
        ArchiveError: the watermark is elsewhere by now; nothing was changed.
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
    """Record batches that never were hot logs here; the watermark stays where it is.

    Raises:
        apsw.Error: nothing was changed.
    """
    with transaction(connection):
        for batch in batches:
            connection.execute(_INSERT, _bindings(batch))
        count_generation(connection)


def found_catalog(
    connection: apsw.Connection, folder_id: str, batches: Sequence[ArchivedBatch]
) -> None:
    """Give a logs.db that holds nothing the watermark and the batches of the one that was lost.

    Batches without a number get one behind the others.

    Raises:
        apsw.Error: nothing was changed.
    """
    with transaction(connection):
        replace_watermark(
            connection, folder_id, max((each.last_seq for each in batches), default=0)
        )
        for batch in sorted(batches, key=lambda each: not each.batch):
            connection.execute(_INSERT, _bindings(batch))


def change_batches(connection: apsw.Connection, batches: Iterable[ArchivedBatch]) -> None:
    """Record what became of batches: uploaded, removed here, pruned.

    Raises:
        apsw.Error: nothing was changed.
    """
    with transaction(connection):
        for batch in batches:
            connection.execute(_UPDATE, _bindings(batch))
        count_generation(connection)


def count_generation(connection: apsw.Connection) -> None:
    """Say that the archives have changed; inside a transaction."""
    connection.execute("UPDATE seam SET generation = generation + 1")


def _bindings(batch: ArchivedBatch) -> dict[str, Any]:
    values = {name: getattr(batch, name) for name in COLUMNS}
    values["batch"] = batch.batch or None
    for name in ("types", "sources"):
        values[name] = msgspec.json.encode(values[name]).decode()
    return values
