"""Watermark between hot and archived logs, and the end of the log."""

import secrets
from dataclasses import dataclass
from typing import cast

import apsw


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


def replace_watermark(
    connection: apsw.Connection,
    folder_id: str,
    archived_through: int,
    incarnation: str | None = None,
) -> None:
    """Write the watermark of a rebuilt folder; call it in a transaction.

    Args:
        connection: a connection that writes logs.db.
        folder_id: id of the data folder.
        archived_through: highest archived seq.
        incarnation: the incarnation; default a new one.
    """
    connection.execute(
        "UPDATE seam SET folder_id = ?, incarnation = ?, generation = 1, archived_through = ?",
        (folder_id, incarnation or secrets.token_hex(16), archived_through),
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
