"""What is examined: settings, data folder, and the server that holds it."""

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from waterline.alerts.rules import AlertRule
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder
from workbench.doctor.client_address import PATIENCE_SECONDS, Answer, asked, parse_url
from workbench.doctor.finding import Finding
from workbench.doctor.kernel import listening_ports
from workbench.snapshots.server_health import HealthReader, ServerHealth, Unknown


@dataclass(frozen=True)
class Subject:
    """What is examined."""

    settings: Settings
    sources: Mapping[str, str]
    """Where each setting came from."""
    alerts: tuple[AlertRule, ...] = ()
    url: str | None = None
    """Address at which producers and pages reach the server; None if it was not given."""
    is_full: bool = False
    """Whether everything that is stored is read."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def folder(self) -> DataFolder:
        """The data folder."""
        return DataFolder(self.settings.data)

    @property
    def token(self) -> str | None:
        """Token of the environment."""
        return self.environment.get("WATERLINE_TOKEN")

    @cached_property
    def server(self) -> int | None:
        """Process id of the server that holds the folder; None without one, 0 if unknown."""
        return holder_of_lock(self.folder.server_lock)

    @property
    def server_began(self) -> int | None:
        """When the server took the folder, milliseconds UTC; None without one."""
        if self.server is None:
            return None
        return self.folder.server_lock.stat().st_mtime_ns // 1_000_000

    @cached_property
    def archive_job(self) -> int | None:
        """Process id of the archive job at work; None without one, 0 if unknown."""
        return holder_of_lock(self.folder.archive_lock)

    @cached_property
    def server_ports(self) -> list[int]:
        """TCP ports that the server listens on; empty where that cannot be seen."""
        return listening_ports(self.server) if self.server else []

    @cached_property
    def health(self) -> ServerHealth | Unknown:
        """What the server says of itself, at the address of the settings or where it listens."""
        found = self._health_at(self.settings.monitoring_port)
        if isinstance(found, ServerHealth) or self.settings.monitoring_port in self.server_ports:
            return found
        others = (self._health_at(port) for port in self.server_ports)
        return next((each for each in others if isinstance(each, ServerHealth)), found)

    @cached_property
    def at_url(self) -> Answer | Finding | None:
        """What answers to a request for /ingest at the address of clients; None without one."""
        return None if self.url is None else asked(parse_url(self.url), "GET", "/ingest")

    def _health_at(self, port: int) -> ServerHealth | Unknown:
        settings = replace(self.settings, monitoring_port=port)
        return HealthReader(settings, self.token, PATIENCE_SECONDS).ask()


def holder_of_lock(path: Path) -> int | None:
    """Return the process id in a lock file that is held; None if it is not held.

    A shared lock is tried, and given back at once; nothing is written. 0 means that the file names
    no process.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).decode(errors="replace").strip()
        return int(text) if text.isdecimal() else 0
    else:
        return None
    finally:
        os.close(descriptor)
