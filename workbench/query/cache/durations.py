"""Durations of questions, and what the cache had of their answers, in cache.db."""

from collections.abc import Iterable
from typing import Any, Final, Literal

import apsw
import pandas as pd

Outcome = Literal["hit", "merged", "miss"]
"""What the cache had: all of the answer, all but newer logs, or nothing valid."""

OUTCOMES: Final[tuple[Outcome, ...]] = ("hit", "merged", "miss")
_KEPT: Final = 10_000


def record(
    connection: apsw.Connection, now: int, seconds: float, rows: int, outcome: Outcome
) -> None:
    """Record an answered question; the last 10,000 are kept.

    Args:
        connection: to cache.db.
        now: milliseconds UTC.
        seconds: how long the answer took.
        rows: number of its logs.
        outcome: what the cache had of it.
    """
    connection.execute(
        "INSERT INTO query_duration (timestamp, milliseconds, rows, outcome) VALUES (?, ?, ?, ?)",
        (now, seconds * 1000, rows, outcome),
    )
    connection.execute(
        "DELETE FROM query_duration WHERE id <= ?", (connection.last_insert_rowid() - _KEPT,)
    )


def recorded(connection: apsw.Connection) -> list[tuple[Any, ...]]:
    """Return (timestamp, milliseconds, rows, outcome) of each question, the oldest first."""
    return connection.execute(
        "SELECT timestamp, milliseconds, rows, outcome FROM query_duration ORDER BY id"
    ).fetchall()


def frame(records: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Return the records as a frame, a row a question."""
    return pd.DataFrame(records, columns=["timestamp", "milliseconds", "rows", "outcome"])


def summary(records: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Return statistics, a row an outcome; see `Cache.statistics`."""
    by_outcome = frame(records).groupby("outcome")
    summed = pd.DataFrame(
        {
            "questions": by_outcome.size(),
            "rows": by_outcome["rows"].sum(),
            "median_ms": by_outcome["milliseconds"].median(),
            "max_ms": by_outcome["milliseconds"].max(),
        }
    ).reindex([*OUTCOMES])
    counts = {"questions": 0, "rows": 0}
    summed = summed.fillna(counts).astype(dict.fromkeys(counts, "int64"))
    summed = summed.astype({"median_ms": "float64", "max_ms": "float64"})
    return summed.rename_axis("outcome").reset_index().astype({"outcome": "str"})
