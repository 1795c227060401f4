"""Archive work that is due, told by one query of logs.db."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waterline.storage.sqlite import reading

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
