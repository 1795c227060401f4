"""Registry of the server's own metrics: name, kind, unit and dimensions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Kind of a metric."""

    COUNT = "count"
    """Sums, such as logs and bytes; without percentiles."""
    VALUE = "value"
    """One number an event, such as the duration of a commit."""
    LEVEL = "level"
    """Gauge, such as bytes on disk; sampled once a second."""


class Unit(StrEnum):
    """Unit of a metric."""

    LOGS = "logs"
    BODIES = "bodies"
    BYTES = "bytes"
    MILLISECONDS = "ms"
    CONNECTIONS = "connections"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Metric:
    """Metric, recorded once in each of its dimensions, or without any."""

    name: str
    kind: Kind
    unit: Unit
    about: str
    """Description for operators, half a sentence."""
    dimensions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """All labels of its only dimension, if these are fixed."""


TYPE: Final = "type"
SOURCE: Final = "source"
REASON: Final = "reason"
CAUSE: Final = "cause"
"""Reason, endpoint and source together; `refusals.Cause` reads the label."""
OUTCOME: Final = "outcome"

LOGS_STORED: Final = "logs_stored"
BYTES_RECEIVED: Final = "bytes_received"
LOGS_REJECTED: Final = "logs_rejected"
BODIES_REFUSED: Final = "bodies_refused"
LOGS_DUPLICATE: Final = "logs_duplicate"
ACK_LATENCY: Final = "ack_latency"
COMMIT_DURATION: Final = "commit_duration"
COMMIT_LOGS: Final = "commit_logs"
COMMIT_BYTES: Final = "commit_bytes"
CONNECTIONS: Final = "connections"
SYSLOG_CONNECTIONS: Final = "syslog_connections"
LIVE_SUBSCRIBERS: Final = "live_subscribers"
LIVE_LAG: Final = "live_lag"
LIVE_SKIPPED: Final = "live_skipped"
QUEUE_BYTES: Final = "queue_bytes"
DATABASE_BYTES: Final = "database_bytes"
WAL_BYTES: Final = "wal_bytes"
DISK_FREE_BYTES: Final = "disk_free_bytes"
MEMORY_BYTES: Final = "memory_bytes"
ARCHIVE_RUNS: Final = "archive_runs"
ARCHIVE_DURATION: Final = "archive_duration"

# Reasons to skip logs for a reader of /live.
SLOW: Final = "slow"
ARCHIVED: Final = "archived"
# Outcomes of an archive run; `busy` found another job running.
DONE: Final = "done"
FAILED: Final = "failed"
BUSY: Final = "busy"

_COUNT, _VALUE, _LEVEL = Kind.COUNT, Kind.VALUE, Kind.LEVEL

OWN: Final = (
    Metric(LOGS_STORED, _COUNT, Unit.LOGS, "new logs that are durable", (TYPE, SOURCE)),
    Metric(BYTES_RECEIVED, _COUNT, Unit.BYTES, "bytes that new logs came as", (TYPE, SOURCE)),
    Metric(
        LOGS_REJECTED,
        _COUNT,
        Unit.LOGS,
        "logs that were refused or dropped",
        (REASON, SOURCE, CAUSE),
    ),
    Metric(
        BODIES_REFUSED,
        _COUNT,
        Unit.BODIES,
        "posted bodies that were refused whole",
        (REASON, SOURCE, CAUSE),
    ),
    Metric(LOGS_DUPLICATE, _COUNT, Unit.LOGS, "logs that were stored before", (SOURCE,)),
    Metric(ACK_LATENCY, _VALUE, Unit.MILLISECONDS, "from a log's arrival to its durable commit"),
    Metric(COMMIT_DURATION, _VALUE, Unit.MILLISECONDS, "how long a commit took"),
    Metric(COMMIT_LOGS, _VALUE, Unit.LOGS, "logs in a commit"),
    Metric(COMMIT_BYTES, _VALUE, Unit.BYTES, "bytes that the logs of a commit came as"),
    Metric(CONNECTIONS, _LEVEL, Unit.CONNECTIONS, "open WebSockets"),
    Metric(SYSLOG_CONNECTIONS, _LEVEL, Unit.CONNECTIONS, "open connections of syslog"),
    Metric(LIVE_SUBSCRIBERS, _LEVEL, Unit.CONNECTIONS, "readers of the present at /live"),
    Metric(LIVE_LAG, _LEVEL, Unit.BYTES, "what the slowest reader of /live has not taken yet"),
    Metric(
        LIVE_SKIPPED,
        _COUNT,
        Unit.LOGS,
        "logs that readers of /live were not sent",
        (REASON,),
        (SLOW, ARCHIVED),
    ),
    Metric(QUEUE_BYTES, _LEVEL, Unit.BYTES, "logs that wait for their commit, in memory"),
    Metric(DATABASE_BYTES, _LEVEL, Unit.BYTES, "the size of logs.db"),
    Metric(WAL_BYTES, _LEVEL, Unit.BYTES, "the size of the WAL of logs.db"),
    Metric(DISK_FREE_BYTES, _LEVEL, Unit.BYTES, "free on the disk of the data folder"),
    Metric(MEMORY_BYTES, _LEVEL, Unit.BYTES, "resident memory of the server"),
    Metric(
        ARCHIVE_RUNS,
        _COUNT,
        Unit.RUNS,
        "runs of the archive job",
        (OUTCOME,),
        (DONE, FAILED, BUSY),
    ),
    Metric(ARCHIVE_DURATION, _VALUE, Unit.MILLISECONDS, "how long a run of the archive job took"),
)
"""Metrics of the server. Attributes named in the settings are measured besides."""

BY_NAME: Final = {metric.name: metric for metric in OWN}
