"""GET /metrics and GET /health, as JSON."""

import resource
import shutil
import sys
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

import apsw
import msgspec

from server.archiving import Archiving
from server.auth import Scope, TokenFile
from server.clock import now_ms
from server.connections import Connections
from server.monitor.performance import PerformanceMonitor
from server.monitor.rollups import Rollups
from server.store.folder import DataFolder, file_size
from server.web import Endpoint

HISTORY_MS: Final = 3_600_000
# Less free disk than this is worth a look before it is too late.
LOW_DISK: Final = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Overview:
    """Gathers what the two pages tell."""

    folder: DataFolder
    connections: Connections
    monitor: PerformanceMonitor
    rollups: Rollups
    archiving: Archiving
    started: float = field(default_factory=time.monotonic)

    def metrics(self) -> dict[str, object]:
        """Return every metric since the start, and the last hour's averages from metrics.db."""
        now = now_ms()
        return {
            "timestamp": now,
            "metrics": self.monitor.report(),
            "logs_stored": self.monitor.counts("logs_stored"),
            "historical": self.rollups.history(now - HISTORY_MS, now),
        }

    def reasons(self) -> list[str]:
        """Return what is wrong, one sentence each; nothing when all is well."""
        reasons = []
        refusal = self.connections.writer.refusal
        if refusal is not None:
            reasons.append(f"logs are not stored: {refusal}")
        if self.rollups.failed:
            reasons.append("measurements cannot be written to metrics.db")
        return reasons

    def warnings(self) -> list[str]:
        """Return what is worth a look, one sentence each, although logs are taken and stored."""
        warnings = []
        free = shutil.disk_usage(self.folder.path).free
        if free < LOW_DISK:
            warnings.append(f"{free} bytes are free on the disk")
        if self.archiving.failure is not None:
            warnings.append(f"archiving failed and is tried again: {self.archiving.failure}")
        return warnings

    def health(self) -> dict[str, object]:
        """Return the state of the server: sizes in bytes, uptime in seconds."""
        reasons = self.reasons()
        wal = self.folder.logs.with_name(self.folder.logs.name + "-wal")
        return {
            "status": "degraded" if reasons else "healthy",
            "reasons": reasons,
            "warnings": self.warnings(),
            "uptime": round(time.monotonic() - self.started, 3),
            "memory": {"max_rss": _max_resident()},
            "version": version("waterline"),
            "python": sys.version.split()[0],
            "sqlite": apsw.sqlite_lib_version(),
            "last_seq": self.connections.writer.last_seq,
            "queue_bytes": self.connections.gate.waiting,
            "connections": len(self.connections.open),
            "live_readers": self.connections.hub.readers,
            "database_bytes": file_size(self.folder.logs),
            "wal_bytes": file_size(wal),
            "disk_free_bytes": shutil.disk_usage(self.folder.path).free,
            "archive": {
                "running": self.archiving.is_running,
                "last_run_ended": self.archiving.ended_at,
            },
        }


def _max_resident() -> int:
    """Return the most memory this process ever held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class MonitoringPage(Endpoint):
    """A page of the overview; beyond loopback it wants a token that may read."""

    def initialize(self, overview: Overview, tokens: TokenFile | None) -> None:
        """Take the overview, and the tokens where one is needed."""
        self.overview = overview
        self.tokens = tokens

    def prepare(self) -> None:
        """Let in who may read; on loopback, whoever means this server."""
        if self.tokens is not None:
            self.authorise(self.tokens, Scope.READ)
        else:
            self.accepts_host()

    def answer(self, status: int, content: dict[str, object]) -> None:
        """Answer with JSON that nobody should keep."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(msgspec.json.format(msgspec.json.encode(content), indent=2))


class Metrics(MonitoringPage):
    """GET /metrics."""

    def get(self) -> None:
        """Answer with the report."""
        self.answer(200, self.overview.metrics())


class Health(MonitoringPage):
    """GET /health: 200 when all is well, 503 when the server is degraded."""

    def get(self) -> None:
        """Answer with the state."""
        health = self.overview.health()
        self.answer(503 if health["reasons"] else 200, health)
