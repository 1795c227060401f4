"""Gauges of the server, such as bytes on disk and open connections."""

import contextlib
import resource
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.connections import Connections
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.storage.folder import DataFolder, file_size

_STATM: Final = Path("/proc/self/statm")

Levels = dict[str, int]
"""Current value of each gauge, by metric."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """Reads the gauges of a server; thread-safe and non-blocking."""

    folder: DataFolder
    connections: Connections

    def levels(self) -> Levels:
        """Return the current values; those that the system refuses are left out."""
        connections = self.connections
        levels = {
            metrics.CONNECTIONS: len(connections.open),
            metrics.SYSLOG_CONNECTIONS: connections.syslog_open,
            metrics.LIVE_SUBSCRIBERS: connections.hub.readers,
            metrics.LIVE_LAG: connections.hub.lag,
            metrics.QUEUE_BYTES: connections.gate.waiting,
        }
        for name, look in self._looks():
            # Descriptors may be short or the folder gone, which other parts report.
            with contextlib.suppress(OSError):
                levels[name] = look()
        return levels

    def _looks(self) -> Iterable[tuple[str, Callable[[], int]]]:
        """Return readers of the gauges that the system may refuse."""
        logs = self.folder.logs
        return (
            (metrics.DATABASE_BYTES, lambda: file_size(logs)),
            (metrics.WAL_BYTES, lambda: file_size(logs.with_name(logs.name + "-wal"))),
            (metrics.MEMORY_BYTES, resident_bytes),
            (metrics.DISK_FREE_BYTES, lambda: shutil.disk_usage(self.folder.path).free),
        )

    def sample(self, recorder: MetricsRecorder) -> None:
        """Record the current values; call it each second."""
        for name, level in self.levels().items():
            recorder.record(name, level)


def resident_bytes() -> int:
    """Return the resident memory of this process; its peak if the system tells no more."""
    try:
        pages = _STATM.read_text(encoding="ascii").split()[1]
    except FileNotFoundError:  # only Linux has it
        return peak_bytes()
    return int(pages) * resource.getpagesize()


def peak_bytes() -> int:
    """Return the peak resident memory of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
