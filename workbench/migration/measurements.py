"""Measurements of the source document's `performance_metrics`, put into metrics.db by second."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

import apsw

from waterline.metrics.recorder import MAX_LABELS, OTHER, Series
from waterline.metrics.registry import BY_NAME, TYPE
from waterline.metrics.rollup_store import RollupStore
from waterline.metrics.spans import HOUR, SECOND
from waterline.metrics.summary import Summary
from waterline.recognition.time_values import MAX_TIMESTAMP, SECONDS_BELOW
from workbench.migration.findings import Findings

TABLE: Final = "performance_metrics"
# Characters of the name of a metric, and of a log type.
_LONGEST: Final = 64
_MS: Final = 1_000
# The document records the type of the logs that a query was about beside its duration.
_LOG_TYPE: Final = "CASE WHEN json_valid(metadata) THEN json_extract(metadata, '$.logType') END"
# Far above any measurement, and far enough below infinity to be summed up.
_LARGEST: Final = 1e300


@dataclass(slots=True)
class Moved:
    """Outcome for one metric."""

    name: str
    read: int
    stored: int
    """Number of values that metrics.db holds."""


def fitting(
    connection: apsw.Connection, measured: tuple[str, ...], findings: Findings
) -> list[str]:
    """Return the names of metrics that can become series; note the rows of the others.

    Args:
        connection: a connection to the old metrics.db.
        measured: attributes of logs that the server measures.
        findings: takes what is left behind.
    """
    names = []
    number, first = connection.execute(
        f"SELECT count(*), min(id) FROM {TABLE} WHERE json_valid(metadata) AND EXISTS "
        "(SELECT 1 FROM json_each(metadata) WHERE key != 'logType')"
    ).fetchall()[0]
    if number:
        what = "with members of metadata besides logType, which are left behind"
        findings.note(TABLE, what, f"row {first}", times=cast("int", number))
    rows = connection.execute(
        f"SELECT metric_name, count(*), min(id) FROM {TABLE} GROUP BY metric_name"
    )
    for name, number, first in rows.fetchall():
        reason = None
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST:
            reason = "without a name of 1 to 64 characters, left behind"
        elif name in BY_NAME or name in measured:
            reason = f"of {name}, which the server measures itself, left behind"
        if reason is None:
            names.append(cast("str", name))
        else:
            findings.note(TABLE, reason, f"row {first}", times=cast("int", number))
    return names


def move_metric(
    connection: apsw.Connection, name: str, store: RollupStore | None, findings: Findings
) -> Moved:
    """Put the measurements of a metric into metrics.db, hour by hour, each in place of before.

    Args:
        connection: a connection to the old metrics.db.
        name: the metric.
        store: writes metrics.db; None in a dry run.
        findings: takes what is odd.
    """
    labels = _labels(connection, name)
    read = 0
    for hour in _hours(connection, name, findings):
        rows: dict[tuple[int, Series], Summary] = {}
        for value, moment, label in _measured(connection, name, hour):
            series = Series(name, TYPE, labels.get(label, OTHER))
            rows.setdefault((moment // SECOND * SECOND, series), Summary()).add(value)
            read += 1
        if store is not None:
            store.replace(name, hour, hour + HOUR, rows)
    return Moved(name, read, read if store is None else store.counted(name))


def _labels(connection: apsw.Connection, name: str) -> dict[object, str]:
    """Return the log types that a metric was recorded with, the most frequent ones."""
    rows = connection.execute(
        f"SELECT {_LOG_TYPE} FROM {TABLE} WHERE metric_name = ? "
        f"GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {MAX_LABELS}",
        (name,),
    )
    return {
        label: label for (label,) in rows if isinstance(label, str) and 0 < len(label) <= _LONGEST
    }


def _hours(connection: apsw.Connection, name: str, findings: Findings) -> list[int]:
    """Return the hours that have measurements, milliseconds UTC; note what is no measurement."""
    hours: set[int] = set()
    rows = connection.execute(
        f"SELECT id FROM {TABLE} "
        "WHERE metric_name = ? AND (typeof(value) NOT IN ('real', 'integer') "
        f"OR typeof(timestamp) NOT IN ('real', 'integer') OR abs(value) > {_LARGEST} "
        f"OR timestamp NOT BETWEEN 0 AND {MAX_TIMESTAMP})",
        (name,),
    )
    what = f"of {name} without a finite value and a time, left behind"
    for (number,) in rows:
        findings.note(TABLE, what, f"row {number}")
    # Seconds and milliseconds are told apart by size, as in logs.
    found = connection.execute(
        f"SELECT CAST(CASE WHEN abs(timestamp) < {SECONDS_BELOW} THEN timestamp / 3600 "
        f"ELSE timestamp / {HOUR} END AS INTEGER), abs(timestamp) < {SECONDS_BELOW}, count(*), "
        f"min(id) FROM {TABLE} "
        "WHERE metric_name = ? AND typeof(timestamp) IN ('real', 'integer') "
        f"AND timestamp BETWEEN 0 AND {MAX_TIMESTAMP} GROUP BY 1, 2",
        (name,),
    )
    for hour, in_seconds, number, first in found.fetchall():
        hours.add(cast("int", hour) * HOUR)
        if in_seconds:
            what = f"of {name} with times in seconds in place of milliseconds, read as seconds"
            findings.note(TABLE, what, f"row {first}", times=cast("int", number))
    return sorted(hours)


def _measured(
    connection: apsw.Connection, name: str, hour: int
) -> Iterator[tuple[float, int, object]]:
    """Yield value, time and log type of the measurements of an hour, in whatever unit it is."""
    rows = connection.execute(
        f"SELECT value, timestamp, {_LOG_TYPE} FROM {TABLE} "
        "WHERE metric_name = ?1 AND timestamp >= ?2 AND timestamp < ?3 "
        f"UNION ALL SELECT value, timestamp * {_MS}, {_LOG_TYPE} FROM {TABLE} "
        "WHERE metric_name = ?1 AND timestamp >= ?4 AND timestamp < ?5",
        (name, hour, hour + HOUR, hour / _MS, (hour + HOUR) / _MS),
    )
    for value, moment, label in rows:
        if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _LARGEST:
            yield float(value), int(cast("float", moment)), label
