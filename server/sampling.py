"""Sampling: what there is at a moment, such as bytes on disk and open connections."""

import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server import metrics
from server.connections import Connections
from server.monitor.performance import PerformanceMonitor
from server.store.folder import DataFolder, file_size

_STATM: Final = Path("/proc/self/statm")

Levels = dict[str, int]
"""Each metric that is a level, and what it is now."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """Looks at a server, from any thread; asks nothing that could make an event loop wait."""

    folder: DataFolder
    connections: Connections

    def levels(self) -> Levels:
        """Return what there is now; what the system does not tell is left out."""
        folder, connections = self.folder, self.connections
        levels = {
            metrics.CONNECTIONS: len(connections.open),
            metrics.LIVE_SUBSCRIBERS: connections.hub.readers,
            metrics.LIVE_LAG: connections.hub.lag,
            metrics.QUEUE_BYTES: connections.gate.waiting,
            metrics.DATABASE_BYTES: file_size(folder.logs),
            metrics.WAL_BYTES: file_size(folder.logs.with_name(folder.logs.name + "-wal")),
            metrics.MEMORY_BYTES: resident_bytes(),
        }
        free = _disk_free(folder.path)
        if free is not None:
            levels[metrics.DISK_FREE_BYTES] = free
        return levels

    def sample(self, monitor: PerformanceMonitor) -> None:
        """Record what there is now; call it each second."""
        for name, level in self.levels().items():
            monitor.record(name, level)


def resident_bytes() -> int:
    """Return the memory that this process holds; its peak where the system tells no more."""
    try:
        pages = _STATM.read_text(encoding="ascii").split()[1]
    except FileNotFoundError:  # only Linux has it
        return peak_bytes()
    return int(pages) * resource.getpagesize()


def peak_bytes() -> int:
    """Return the most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _disk_free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:  # the folder is gone; whoever writes there says so
        return None
