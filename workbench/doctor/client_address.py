"""The address of clients: its parts, and what answers there to a request without a log."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from waterline.errors import UsageError
from workbench.doctor.finding import Finding, fault

_PATHS: Final = ("/ingest", "/live", "/dashboard")
_MOST_BYTES: Final = 65_536
PATIENCE_SECONDS: Final = 2.0
"""How long a server may take for one answer."""


@dataclass(frozen=True, slots=True)
class Address:
    """Address of clients, without the path of an endpoint."""

    secure: bool
    host: str
    port: int
    netloc: str
    prefix: str

    @property
    def origin(self) -> str:
        """Origin of pages there."""
        return f"http{'s' if self.secure else ''}://{self.netloc}"

    def __str__(self) -> str:
        return f"{self.origin}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a request without a log."""

    status: int
    error: str
    """Code of an error of Waterline's; empty if somebody else answered."""
    location: str

    @property
    def is_ours(self) -> bool:
        """Whether Waterline answered."""
        return bool(self.error)


class _Fault(msgspec.Struct):
    """Body of an error of Waterline's."""

    error: str
    message: str


def parse_url(url: str) -> Address:
    """Return the parts of an address; a path such as /ingest at its end is left out.

    Raises:
        UsageError: it is no address, or holds a secret, which belongs elsewhere.
    """
    example = "give one such as https://logs.example.com or ws://127.0.0.1:3001/ingest"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"--url is no address; {example}") from None
    if parts.scheme not in ("http", "https", "ws", "wss") or not host:
        raise UsageError(f"--url is no address; {example}")
    if parts.username is not None or parts.query:
        raise UsageError("--url has a token or password in it; set WATERLINE_TOKEN instead")
    secure = parts.scheme in ("https", "wss")
    prefix = parts.path.rstrip("/")
    for path in _PATHS:
        prefix = prefix.removesuffix(path)
    return Address(secure, host, port or (443 if secure else 80), parts.netloc, prefix)


def asked(
    address: Address,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    seconds: float = PATIENCE_SECONDS,
) -> Answer | Finding:
    """Return the answer to a request without a body, or why there is none.

    Args:
        address: the address of clients.
        method: of the request.
        path: of the endpoint.
        headers: further headers.
        seconds: how long the answer may take.
    """
    kind = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
    connection = kind(address.host, address.port, timeout=seconds)
    try:
        connection.putrequest(method, f"{address.prefix}{path}", skip_host=True)
        connection.putheader("Host", address.netloc)
        for name, text in (headers or {}).items():
            connection.putheader(name, text)
        connection.endheaders()
        with connection.getresponse() as response:
            body = response.read(_MOST_BYTES)
        return Answer(response.status, error_of(body), response.getheader("Location", ""))
    except ssl.SSLCertVerificationError as error:
        return fault(
            f"the certificate of {address.host} is not trusted: {error.verify_message.rstrip('.')}",
            "renew it, use the name that it was made for, or let SSL_CERT_FILE name its authority",
        )
    except socket.gaierror:
        return fault(f"the name {address.host} is not known here", "correct it, or see to DNS")
    except (OSError, http.client.HTTPException) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        return fault(
            f"{address} does not answer: {said}", "see that the proxy runs, and what lies between"
        )
    finally:
        connection.close()


def error_of(body: bytes) -> str:
    """Return the code of an error of Waterline's; empty if it is none."""
    try:
        return msgspec.json.decode(body, type=_Fault).error
    except msgspec.DecodeError:
        return ""
