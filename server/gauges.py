"""Gauges of the server, such as bytes on disk and open connections."""

import contextlib
import resource
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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
    _sampled: Levels = field(default_factory=dict)
    """What the system said at the last sample."""

    def levels(self) -> Levels:
        """Return the current values; those that the system refuses are left out."""
        return self._own() | self._asked()

    def recent(self) -> Levels:
        """Return the current values, with those of the system as of the last sample.

        Each question to the system gives away the GIL, which a busy event loop then keeps for
        milliseconds.
        """
        return self._own() | (self._sampled or self._asked())

    def _own(self) -> Levels:
        connections = self.connections
        return {
            metrics.CONNECTIONS: len(connections.open),
            metrics.SYSLOG_CONNECTIONS: connections.syslog_open,
            metrics.LIVE_SUBSCRIBERS: connections.hub.readers,
            metrics.LIVE_LAG: connections.hub.lag,
            metrics.QUEUE_BYTES: connections.gate.waiting,
        }

    def _asked(self) -> Levels:
        levels: Levels = {}
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
        asked = self._asked()
        for name, level in (self._own() | asked).items():
            recorder.record(name, level)
        # One that is refused now is left out, as a level of the past would look like one of now.
        self._sampled.clear()
        self._sampled.update(asked)


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
