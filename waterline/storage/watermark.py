"""Watermark between hot and archived logs, end of the log, and archive work that is due."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import apsw

from waterline.storage.sqlite import reading


@dataclass(frozen=True, slots=True)
class Watermark:
    """Row of the table `seam`: identity of the folder, and highest archived seq."""

    folder_id: str
    incarnation: str
    generation: int
    archived_through: int


@dataclass(frozen=True, slots=True)
class Position:
    """End of the log: highest seq and latest `received_at`.

    Both begin at 0 and never decrease, also when all logs are archived.
    """

    last_seq: int
    last_received_at: int


def replace_watermark(connection: apsw.Connection, folder_id: str, archived_through: int) -> None:
    """Write the watermark of a rebuilt folder, with a new incarnation; call it in a transaction.

    Args:
        connection: a connection that writes logs.db.
        folder_id: id of the data folder.
        archived_through: highest archived seq.
    """
    connection.execute(
        "UPDATE seam SET folder_id = ?, incarnation = ?, generation = 1, archived_through = ?",
        (folder_id, secrets.token_hex(16), archived_through),
    )


def renew_incarnation(connection: apsw.Connection) -> None:
    """Set a new incarnation, which invalidates earlier pins and caches."""
    connection.execute("UPDATE seam SET incarnation = ?", (secrets.token_hex(16),))


def read_watermark(connection: apsw.Connection) -> Watermark:
    """Return the watermark."""
    row = connection.execute(
        "SELECT folder_id, incarnation, generation, archived_through FROM seam"
    ).fetchall()[0]
    return Watermark(*cast("tuple[str, str, int, int]", row))


def read_position(connection: apsw.Connection) -> Position:
    """Return the end of the log, archived logs included."""
    row = connection.execute(
        """
        SELECT
            max(
                (SELECT archived_through FROM seam),
                ifnull((SELECT max(last_seq) FROM archive_batches), 0),
                ifnull((SELECT max(seq) FROM logs), 0)
            ),
            max(
                ifnull((SELECT max(last_received_at) FROM archive_batches), 0),
                ifnull((SELECT received_at FROM logs ORDER BY seq DESC LIMIT 1), 0)
            )
        """
    ).fetchall()[0]
    return Position(*cast("tuple[int, int]", row))


_DUE: Final = """
    SELECT
        EXISTS (SELECT 1 FROM logs WHERE seq <= (SELECT archived_through FROM seam))
        OR ifnull((
            SELECT received_at FROM logs
            WHERE seq > (SELECT archived_through FROM seam) ORDER BY seq LIMIT 1
        ) <= :received_by, 0)
        OR EXISTS (SELECT 1 FROM archived_ids)
            AND (SELECT max(archived_at) FROM archive_batches) < :recognised_since
        OR EXISTS (
            SELECT 1 FROM archive_batches WHERE pruned_at IS NOT NULL AND uploaded_to IS NOT NULL
        )
        OR :destination IS NOT NULL AND EXISTS (
            SELECT 1 FROM archive_batches WHERE pruned_at IS NULL
            AND (uploaded_to IS NOT :destination OR local_removed_at IS NULL AND NOT :keep_local)
        )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """Bounds from the settings for due archive work. Times are milliseconds UTC."""

    received_by: int
    """Hot logs received up to this time are due."""
    recognised_since: int
    """Ids archived before this time are due to be forgotten."""
    destination: str | None
    """Address of object storage for all batches; None is none."""
    keep_local: bool


def is_due(path: Path, duties: Duties) -> bool:
    """Return whether an archive run has work; takes well under a millisecond.

    Args:
        path: logs.db, open in the server.
        duties: bounds from the settings.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    bindings: dict[str, int | str | bool | None] = {
        "received_by": duties.received_by,
        "recognised_since": duties.recognised_since,
        "destination": duties.destination,
        "keep_local": duties.keep_local,
    }
    with reading(path) as connection:
        return bool(connection.execute(_DUE, bindings).get)
