"""Overview of the state of the server, for /health and the gauges of /metrics."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

import apsw

from server.accepting import Accepting
from server.alerts_process import AlertsProcess
from server.archive_scheduler import ArchiveScheduler
from server.connections import Connections
from server.gauges import Gauges, Levels, peak_bytes
from waterline.metrics import registry as metrics
from waterline.metrics.rollup_thread import RollupThread
from waterline.storage.checkpoints import LARGE_WAL, held_sentence
from waterline.storage.folder import LOW_DISK
from waterline.storage.presence import lost_sentence

# Seconds without a turn of the event loop, after which the server counts as stalled.
STALL_SECONDS: Final = 10.0

Warner = Callable[[], Sequence[str]]
"""Returns faults or warnings, one sentence each; called in the monitoring thread."""


class Pulse:
    """Heartbeat of the event loop of ingest and live, for other threads.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """Note a turn of the loop."""
        self._last = self._clock()

    @property
    def stalled(self) -> float | None:
        """Seconds since the last turn, if the loop is stalled, else None."""
        seconds = self._clock() - self._last
        return seconds if seconds > STALL_SECONDS else None


def versions() -> dict[str, str]:
    """Return the versions of Waterline, Python and SQLite."""
    return {
        "waterline": version("waterline"),
        "python": sys.version.split()[0],
        "sqlite": apsw.sqlite_lib_version(),
    }


@dataclass(frozen=True, slots=True)
class State:
    """State of the server at a moment."""

    levels: Levels
    last_seq: int
    started: float
    """Seconds since 1970 UTC."""
    versions: dict[str, str]
    is_healthy: bool
    alerts: Mapping[str, int] = field(default_factory=dict)
    """1 for each alert that fires, 0 for the others."""


@dataclass(frozen=True, slots=True)
class Overview:
    """State of the server, read from the monitoring thread.

    Args:
        gauges: the gauges.
        connections: the connections, with the writer.
        rollups: the rollup thread.
        archiving: the archive scheduler.
        pulse: heartbeat of the event loop of ingest and live.
        warners: sources of further warnings.
        accepting: state of acceptance of each port.
        faulty: sources of further faults.
        syslog: returns the state of each listener of syslog.
        alerts: the alerts; None without any.
        backups: returns the state of backups.
        queue_size: bytes of logs that may wait before producers are held back.
    """

    gauges: Gauges
    connections: Connections
    rollups: RollupThread
    archiving: ArchiveScheduler
    pulse: Pulse
    warners: Sequence[Warner] = ()
    accepting: Sequence[Accepting] = ()
    faulty: Sequence[Warner] = ()
    syslog: Callable[[], Mapping[str, object]] = dict
    alerts: AlertsProcess | None = None
    backups: Callable[[], Mapping[str, object]] = dict
    queue_size: int = 0
    started: float = field(default_factory=time.time)
    _begun: float = field(default_factory=time.monotonic)
    _versions: dict[str, str] = field(default_factory=versions)

    def reasons(self) -> list[str]:
        """Return all faults, one sentence each."""
        reasons = []
        trouble = self.connections.writer.trouble
        if trouble is not None:
            reasons.append(f"logs are not stored: {trouble}")
        reasons += [each.pause for each in self.accepting if each.pause is not None]
        tokens = self.connections.watch.failure
        if tokens is not None:
            reasons.append(f"new connections are refused: {tokens}")
        stalled = self.pulse.stalled
        if stalled is not None:
            reasons.append(
                f"the server has taken nothing for {stalled:.0f} seconds: its event loop is stalled"
            )
        if self.rollups.lost is not None:
            reasons.append(f"measurements are not kept: {lost_sentence(self.rollups.lost)}")
        elif self.rollups.failed:
            reasons.append("measurements cannot be written to metrics.db")
        if self.archiving.is_lasting:
            reasons.append(f"old logs are not archived: {self.archiving.failure}")
        for faulty in self.faulty:
            reasons += faulty()
        return reasons

    def warnings(self, levels: Levels) -> list[str]:
        """Return all warnings, one sentence each."""
        warnings = []
        free = levels.get(metrics.DISK_FREE_BYTES)
        if free is not None and free < LOW_DISK:
            warnings.append(f"{free} bytes are free on the disk")
        if self.archiving.failure is not None and not self.archiving.is_lasting:
            warnings.append(f"archiving failed and is tried again: {self.archiving.failure}")
        if self.rollups.wal_size > LARGE_WAL:
            warnings.append(held_sentence("metrics.db", self.rollups.wal_size))
        for warner in self.warners:
            warnings += warner()
        return warnings

    def state(self) -> State:
        """Return the state for the gauges of /metrics."""
        return State(
            self.gauges.recent(),
            self.connections.writer.last_seq,
            self.started,
            {
                ("version" if name == "waterline" else name): text
                for name, text in self._versions.items()
            },
            not self.reasons(),
            {} if self.alerts is None else self.alerts.levels(),
        )

    def health(self) -> dict[str, object]:
        """Return the content of /health: sizes in bytes, lengths of time in seconds."""
        reasons, levels = self.reasons(), self.gauges.levels()
        resident = levels.get(metrics.MEMORY_BYTES)
        run = self.archiving.last_run
        last_seq, counted = self.connections.writer.last_seq, self.rollups.counted_through
        return {
            "status": "degraded" if reasons else "healthy",
            "reasons": reasons,
            "warnings": self.warnings(levels),
            "pid": os.getpid(),
            "uptime": round(time.monotonic() - self._begun, 3),
            # The kernel counts them separately, and its peak may lag behind.
            "memory": {"resident": resident, "peak": max(peak_bytes(), resident or 0)},
            "versions": self._versions,
            "last_seq": last_seq,
            "queue_bytes": levels[metrics.QUEUE_BYTES],
            "queue_limit_bytes": self.queue_size,
            "connections": levels[metrics.CONNECTIONS],
            "live_readers": levels[metrics.LIVE_SUBSCRIBERS],
            "live_lag_bytes": levels[metrics.LIVE_LAG],
            "database_bytes": levels.get(metrics.DATABASE_BYTES),
            "wal_bytes": levels.get(metrics.WAL_BYTES),
            "disk_free_bytes": levels.get(metrics.DISK_FREE_BYTES),
            "syslog": self.syslog(),
            "alerts": [] if self.alerts is None else self.alerts.health(),
            "archive": {
                "scheduled": self.archiving.is_scheduled,
                "running": self.archiving.is_running,
                "last_run_ended": self.archiving.ended_at,
                "last_run": run
                and {
                    "ended": run.ended_at,
                    "seconds": round(run.seconds, 3),
                    "logs": run.logs,
                    "failure": run.failure,
                },
            },
            "backup": self.backups(),
            "refused": [
                {
                    "source": each.cause.source,
                    "reason": each.cause.reason,
                    "endpoint": each.cause.endpoint or None,
                    "unit": "bodies" if each.cause.endpoint else "logs",
                    "count": each.total,
                    "last_hour": each.lately,
                    "last_at": each.last_at,
                    "example": each.example,
                }
                for each in self.connections.refusals.since_start()
            ],
            # Stored logs not yet counted in metrics.db, usually those of a second.
            "metrics": {"counted_through": counted, "uncounted": max(last_seq - counted, 0)},
        }
