"""Reads the monitoring pages of a server: /health, and /metrics as JSON."""

import http.client
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from waterline.errors import UsageError
from workbench.clients.tls import client_options

_PATIENCE_SECONDS: Final = 5.0
_MOST_BYTES: Final = 2**24


class Unanswered(Exception):
    """A server gives no answer that can be shown; the text is one sentence."""


class ArchiveRun(msgspec.Struct, frozen=True):
    """The last archive run of a server."""

    ended: int
    """Milliseconds UTC."""
    seconds: float
    logs: int | None = None
    failure: str | None = None


class Archiving(msgspec.Struct, frozen=True):
    """Archive runs of a server."""

    scheduled: bool = False
    running: bool = False
    last_run: ArchiveRun | None = None


class LastBackup(msgspec.Struct, frozen=True):
    """The last backup, wherever it was taken to."""

    name: str
    taken: int
    """Milliseconds UTC."""
    logs: int
    lacks: int = 0


class Backups(msgspec.Struct, frozen=True):
    """Backups of a server."""

    scheduled: bool = False
    running: bool = False
    last: LastBackup | None = None


class Alert(msgspec.Struct, frozen=True):
    """An alert that fires."""

    alert: str
    group: str | None = None
    since: int | None = None
    """Milliseconds UTC."""
    value: float | None = None
    threshold: float | None = None


class Memory(msgspec.Struct, frozen=True):
    """Resident memory, bytes."""

    resident: int | None
    peak: int


class Refused(msgspec.Struct, frozen=True):
    """Logs or bodies that were refused for one cause."""

    unit: str
    last_hour: int


class Health(msgspec.Struct, frozen=True):
    """What is shown of /health."""

    status: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    uptime: float
    """Seconds."""
    memory: Memory
    versions: dict[str, str]
    last_seq: int
    queue_bytes: int
    connections: int
    live_readers: int
    queue_limit_bytes: int | None = None
    database_bytes: int | None = None
    wal_bytes: int | None = None
    disk_free_bytes: int | None = None
    alerts: tuple[Alert, ...] = ()
    archive: Archiving = Archiving()
    backup: Backups = Backups()
    refused: tuple[Refused, ...] = ()


class Measured(msgspec.Struct, frozen=True):
    """A metric over a range of time."""

    average: float
    sum: float
    count: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class Report(msgspec.Struct, frozen=True):
    """What is shown of /metrics as JSON."""

    timestamp: int
    """When it was answered, milliseconds UTC of the server's clock."""
    metrics: dict[str, Measured]
    sources: dict[str, float] = {}
    """Logs that were stored by source, where that was asked for."""


_Page = TypeVar("_Page", Health, Report)


class _Fault(msgspec.Struct):
    message: str


class Pages:
    """The monitoring pages of a server, on one connection that is made anew when it breaks.

    Args:
        url: address of the pages, such as `http://127.0.0.1:3002`.
        token: a token with the scope `read`, which a server beyond loopback wants.
        certificate: the certificate to expect; None trusts the authorities of the system.

    Raises:
        UsageError: the address is none of HTTP.
    """

    def __init__(self, url: str, token: str | None = None, certificate: Path | None = None) -> None:
        parts = urlsplit(url)
        try:
            is_whole = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            is_whole = False
        if not is_whole:
            raise UsageError(
                f"{url!r} is no address of monitoring pages; give one such as http://127.0.0.1:3002"
            )
        self.url = url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._connection = (
            http.client.HTTPSConnection(
                parts.netloc,
                timeout=_PATIENCE_SECONDS,
                context=client_options(certificate)["context"],
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE_SECONDS)
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def check_alive(self) -> None:
        """See that /livez, which wants no token, says that the server works.

        Raises:
            Unanswered: it does not, or says nothing.
        """
        self._get("/livez", {})

    def health(self) -> Health:
        """Return what /health says now.

        Raises:
            Unanswered: it says nothing that can be read.
        """
        return self._decoded("/health", {}, Health, also=503)

    def report(
        self, since: int | None = None, until: int | None = None, *, by_source: bool = False
    ) -> Report:
        """Return measurements of a range of time, the server's own where none is given.

        Args:
            since: milliseconds UTC.
            until: milliseconds UTC, exclusive.
            by_source: whether to ask for the logs of each source, too.

        Raises:
            Unanswered: it says nothing that can be read.
        """
        by = "source" if by_source else None
        given = (("from", since), ("to", until), ("by", by))
        asked = {name: each for name, each in given if each is not None}
        return self._decoded("/metrics", asked, Report)

    def _decoded(
        self, path: str, asked: Mapping[str, object], form: type[_Page], also: int = 200
    ) -> _Page:
        try:
            return msgspec.json.decode(self._get(path, asked, also), type=form)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unanswered(f"what answers at {self.url} is no server of Waterline") from None

    def _get(self, path: str, asked: Mapping[str, object], also: int = 200) -> bytes:
        """Return the body of a page whose status is 200, or another one that is meant."""
        query = f"?{urlencode(asked)}" if asked else ""
        target = f"{self._path}{path}{query}"
        try:
            status, body = self._ask(target)
        except TimeoutError as error:
            self._connection.close()
            tls = ", or speaks no TLS" if self.url.startswith("https:") else ""
            raise Unanswered(
                f"what is at {self.url} says nothing for {_PATIENCE_SECONDS:.0f} s{tls}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            said = (error.strerror if isinstance(error, OSError) else None) or repr(error)
            raise Unanswered(f"no server answers at {self.url} ({said})") from error
        if status in (200, also) and len(body) < _MOST_BYTES:
            return body
        self._connection.close()
        raise Unanswered(self._refusal(status, body))

    def _ask(self, target: str) -> tuple[int, bytes]:
        """Return status and body; a connection that was closed meanwhile is made anew."""
        is_kept = self._connection.sock is not None
        try:
            return self._ask_once(target)
        except (ConnectionError, http.client.HTTPException):
            if not is_kept:
                raise
            self._connection.close()
        return self._ask_once(target)

    def _ask_once(self, target: str) -> tuple[int, bytes]:
        self._connection.request("GET", target, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read(_MOST_BYTES)

    def _refusal(self, status: int, body: bytes) -> str:
        if status in (401, 403):
            return (
                f"{self.url} wants a token with the scope read; set the variable WATERLINE_TOKEN, "
                "or give --token"
            )
        try:
            said = msgspec.json.decode(body, type=_Fault).message
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = "it is no server of Waterline"
        return f"{self.url} answers with status {status}: {said}"
