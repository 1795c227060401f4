"""The seam between hot and archived logs: what logs.db says of itself besides the logs."""

import secrets
from dataclasses import dataclass
from typing import cast

import apsw


@dataclass(frozen=True, slots=True)
class Seam:
    """The one row of `seam`."""

    folder_id: str
    incarnation: str
    generation: int
    archived_through: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where the log ends: the highest seq ever given and the latest `received_at`.

    Both are 0 at first, and neither ever goes back, also when all logs are archived.
    """

    last_seq: int
    last_received_at: int


def replace_seam(connection: apsw.Connection, folder_id: str, archived_through: int) -> None:
    """Write the seam of a folder whose catalog is rebuilt; inside a transaction.

    The incarnation is new, for the past may be another than before.
    """
    connection.execute(
        "UPDATE seam SET folder_id = ?, incarnation = ?, generation = 1, archived_through = ?",
        (folder_id, secrets.token_hex(16), archived_through),
    )


def renew_incarnation(connection: apsw.Connection) -> None:
    """Say that the past was changed, so that pins and caches of before do not hold."""
    connection.execute("UPDATE seam SET incarnation = ?", (secrets.token_hex(16),))


def read_seam(connection: apsw.Connection) -> Seam:
    """Return the seam; its schema has made it."""
    row = connection.execute(
        "SELECT folder_id, incarnation, generation, archived_through FROM seam"
    ).fetchall()[0]
    return Seam(*cast("tuple[str, str, int, int]", row))


def read_position(connection: apsw.Connection) -> Position:
    """Return where the log ends, archived logs included."""
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
