"""Reads /health of the server of a data folder, at the address that the settings name."""

import http.client
import os
import threading
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from waterline.addresses import Addresses
from waterline.errors import UsageError
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder
from workbench.clients.tls import client_options

EVERY_SECONDS: Final = 2.0
"""Seconds between two looks."""
# A server whose event loop is stalled still answers, from another thread.
_PATIENCE_SECONDS: Final = 5.0
_MOST_BYTES: Final = 2**22


class ArchiveRun(msgspec.Struct, frozen=True):
    """The last archive run of a server."""

    ended: int
    """Milliseconds UTC."""
    seconds: float
    logs: int | None = None
    failure: str | None = None


class ServerArchiving(msgspec.Struct, frozen=True):
    """What a server tells of its archive runs."""

    running: bool = False
    scheduled: bool = True
    last_run: ArchiveRun | None = None


class ServerHealth(msgspec.Struct, frozen=True, tag=True):
    """What the page shows of /health."""

    pid: int
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    uptime: float
    """Seconds."""
    queue_bytes: int
    versions: dict[str, str]
    wal_bytes: int | None = None
    archive: ServerArchiving = ServerArchiving()


_decode: Final = msgspec.json.Decoder(ServerHealth).decode


class Unknown(msgspec.Struct, frozen=True, tag=True):
    """Why nothing is known of a server, in one sentence."""

    why: str


NOT_ASKED: Final = Unknown("no server was asked yet")


class HealthReader:
    """Asks a server for its health, in a thread of its own.

    Args:
        settings: name the folder, the address and the certificate.
        token: a token with the scope `read`, which a server beyond loopback wants.
        patience: seconds that an answer may take.
    """

    def __init__(
        self,
        settings: Settings,
        token: str | None = None,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._settings = settings
        self._lock = DataFolder(settings.data).server_lock
        addresses = Addresses(
            settings.host,
            settings.port,
            settings.monitoring_port,
            secure=settings.tls_cert is not None,
        )
        self._url = f"{addresses.monitoring}/health"
        self._token = token
        self._patience = patience
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="server-health", daemon=True)
        self.found: ServerHealth | Unknown = NOT_ASKED

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()

    def ask(self) -> ServerHealth | Unknown:
        """Ask once."""
        if not self._settings.monitoring_port:
            return Unknown("monitoring_port is 0, so that only the server knows its address")
        try:
            status, body = self._get()
        except (OSError, http.client.HTTPException) as error:
            said = (error.strerror if isinstance(error, OSError) else None) or repr(error)
            return Unknown(f"no server answers at {self._url} ({said})")
        except UsageError as error:
            return Unknown(str(error))
        if status in (401, 403):
            return Unknown(
                f"{self._url} wants a token with the scope read; start the dashboard with it as "
                "WATERLINE_TOKEN"
            )
        try:
            health = _decode(body)
        except msgspec.DecodeError:
            return Unknown(f"what answers at {self._url} is no server of this version")
        if health.pid != _process_of(self._lock):
            return Unknown(f"what answers at {self._url} is the server of another data folder")
        return health

    def _get(self) -> tuple[int, bytes]:
        address = urlsplit(self._url)
        connection = (
            http.client.HTTPSConnection(
                address.netloc,
                timeout=self._patience,
                context=client_options(self._settings.tls_cert)["context"],
            )
            if address.scheme == "https"
            else http.client.HTTPConnection(address.netloc, timeout=self._patience)
        )
        try:
            headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
            connection.request("GET", address.path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST_BYTES)
        finally:
            connection.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.found = self.ask()
            self._stopping.wait(EVERY_SECONDS)


def _process_of(lock: Path) -> int | None:
    """Return the process id in a lock file; None if it has none."""
    try:
        return int(lock.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def reader_of(settings: Settings) -> HealthReader:
    """Return the reader of this process."""
    return HealthReader(settings, os.environ.get("WATERLINE_TOKEN"))
