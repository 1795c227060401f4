"""Logs that are stored and in no measurement, though the server has had the time to count them."""

from typing import Final

from workbench.query.database import Database
from workbench.query.snapshot import read_moment

# The server counts each second; what came a moment ago is in no count yet, and no fault.
SETTLED: Final = 10_000
"""Milliseconds after which a log should be counted."""


def uncounted_since(database: Database, counted_through: int, now: int) -> int | None:
    """Return when the first log that should be counted and is not was received.

    Args:
        database: logs.db.
        counted_through: the seq up to which logs are counted.
        now: milliseconds UTC.

    Returns:
        Milliseconds UTC, 0 where the log is archived by now; None where all is counted, or came
        just now.
    """
    with database.view() as view:
        if read_moment(view).last_seq <= counted_through:
            return None
        found = view.rows(
            "SELECT received_at FROM logs WHERE seq > ? ORDER BY seq LIMIT 1", (counted_through,)
        )
    if not found:
        return 0
    ((received_at,),) = found
    return int(received_at) if received_at <= now - SETTLED else None
