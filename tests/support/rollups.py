"""What metrics.db counts, and what the logs say it should."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import cast

import apsw

Counts = Mapping[tuple[int, str], tuple[int, float]]
"""By second in milliseconds UTC and label: how many, and their sum."""


def counted(data: Path, metric: str, dimension: str, table: str = "seconds") -> Counts:
    """Return what the rollups of a data folder hold of a metric."""
    rows = _rows(
        data / "metrics.db",
        f"SELECT begin, label, count, sum FROM {table} JOIN series ON series.id = series "
        "WHERE metric = ? AND dimension = ? ORDER BY begin, label",
        metric,
        dimension,
    )
    found = cast("list[tuple[int, str, int, float]]", rows)
    return {(begin, label): (count, amount) for begin, label, count, amount in found}


def counted_by_view(data: Path, metric: str, dimension: str) -> Mapping[str, int]:
    """Return how often a metric was recorded by label, as `performance_metrics` tells it."""
    rows = _rows(
        data / "metrics.db",
        "SELECT metadata ->> ?2 AS label, sum(metadata ->> 'count') FROM performance_metrics "
        "WHERE metric_name = ?1 AND label IS NOT NULL GROUP BY label",
        metric,
        dimension,
    )
    return dict(cast("list[tuple[str, int]]", rows))


def stored(data: Path, column: str, having: str = "true") -> Counts:
    """Return how many logs lie in logs.db by the second of their receipt and a column."""
    rows = _rows(
        data / "logs.db",
        f"SELECT received_at / 1000 * 1000 AS second, {column} AS label, count(*) FROM logs "
        f"WHERE {having} GROUP BY second, label ORDER BY second, label",
    )
    found = cast("list[tuple[int, str, int]]", rows)
    return {(second, label): (count, float(count)) for second, label, count in found}


def by_label(counts: Counts) -> Mapping[str, int]:
    """Return how many there are by label."""
    totals: dict[str, int] = {}
    for (_, label), (count, _) in counts.items():
        totals[label] = totals.get(label, 0) + count
    return totals


def assert_counted_as_stored(data: Path) -> None:
    """See that the rollups hold what the rows say, by second, type and source."""
    for dimension in ("type", "source"):
        rows = stored(data, dimension)
        assert counted(data, "logs_stored", dimension) == rows
        assert counted_by_view(data, "logs_stored", dimension) == by_label(rows)
        received = counted(data, "bytes_received", dimension)
        assert {key: count for key, (count, _) in received.items()} == {
            key: count for key, (count, _) in rows.items()
        }
    measured = stored(data, "type", "attributes ->> 'duration_ms' IS NOT NULL")
    durations = counted(data, "duration_ms", "type")
    assert {key: count for key, (count, _) in durations.items()} == {
        key: count for key, (count, _) in measured.items()
    }
    assert counted_by_view(data, "duration_ms", "type") == by_label(measured)


def _rows(path: Path, statement: str, *bindings: str) -> list[tuple[object, ...]]:
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute(statement, bindings).fetchall()
