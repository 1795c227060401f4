"""HTTP to a process that answers questions: one connection a question, errors as sentences."""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from waterline.errors import ServerUnreachable, TokenError, UsageError, WaterlineError
from workbench.clients.tls import client_options
from workbench.remote.watchdog import watched
from workbench.wire.faults import raised
from workbench.wire.values import Unreadable

_CONNECT_SECONDS: Final = 20.0
# Seconds for which a server may not say that it works, and between two times that it is asked while
# it answers. One that stands still takes connections.
_ALIVE_SECONDS: Final = 30.0
# Seconds without a byte, in which a report over many logs may be made.
_ANSWER_SECONDS: Final = 3_600.0
# What tells within a minute and a half that the server's machine has gone meanwhile.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
# Seconds for which a busy server is asked again.
_BUSY_SECONDS: Final = 60.0
_LONGEST_PAUSE: Final = 5.0
# Bytes of an error's body that are read.
_ERROR_SIZE: Final = 2**20
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_REFUSALS: Final = frozenset({"unauthorized", "forbidden"})


class Link:
    """The way to a server.

    Args:
        url: its address, such as `https://logs.example.com:3003`.
        token: a token with the scope `read`; it is never shown.
        certificate: a PEM file with the server's certificate, or None for those that the system
            trusts.

    Attributes:
        url: as given, without a slash at its end.

    Raises:
        UsageError: the address or the token is none, or the file holds no certificate.
    """

    def __init__(self, url: str, token: str, certificate: Path | None) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"{url!r} is no address: {error}") from error
        if not host or parts.query or parts.fragment or parts.username or parts.password:
            raise UsageError(
                "a server's address is one such as https://logs.example.com:3003; a token is "
                "given as token=, or as the variable WATERLINE_TOKEN"
            )
        if not _TOKEN.fullmatch(token):
            raise UsageError("the token has blanks or other characters that no token has")
        self.url = url.rstrip("/")
        self._host, self._port, self._path = host, port, parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._tls = client_options(certificate)["context"] if parts.scheme == "https" else None
        self._lock = threading.Lock()
        # The socket of each question under way, which its connection forgets once an answer is the
        # last one on it; None before the question is sent.
        self._open: dict[http.client.HTTPConnection, socket.socket | None] = {}

    def __repr__(self) -> str:
        return f"Link({self.url!r})"

    @contextmanager
    def asked(self, path: str, body: bytes, accept: str) -> Iterator[http.client.HTTPResponse]:
        """Ask, and yield the answer; what breaks within the block is an error of the network.

        Args:
            path: path of the question, such as `/query`.
            body: the question as JSON.
            accept: content type of the answer.

        Raises:
            TokenError: the server does not accept the token.
            ServerUnreachable: it cannot be reached, or its answer broke off.
            WaterlineError: it has no answer; the same error as of the folder itself.
        """
        connection = self._connection()
        with self._lock:
            self._open[connection] = None
        try:
            with (
                self._errors(path),
                self._watched(connection),
                self._answer(connection, path, body, accept) as response,
            ):
                yield response
        finally:
            with self._lock:
                self._open.pop(connection, None)
            connection.close()

    def abandon(self) -> None:
        """Break off all questions that are under way; any thread may call it."""
        with self._lock:
            connections = [*self._open]
        for each in connections:
            self._break_off(each)

    def _break_off(self, connection: http.client.HTTPConnection) -> None:
        """Have what waits for an answer raise an error, and not ask again."""
        with self._lock:
            waiting = self._open.pop(connection, None)
        if waiting is not None:
            with suppress(OSError):  # it has ended by itself
                # TLS has its own, which would leave the connection to whoever reads.
                socket.socket.shutdown(waiting, socket.SHUT_RDWR)

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=_CONNECT_SECONDS)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=_CONNECT_SECONDS, context=self._tls
        )

    def _answer(
        self, connection: http.client.HTTPConnection, path: str, body: bytes, accept: str
    ) -> http.client.HTTPResponse:
        """Return the answer, which has the status 200; a busy server is asked again."""
        headers = {**self._headers, "Accept": accept}
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            self._greet(connection)
            connection.request("POST", f"{self._path}{path}", body, headers)
            response = connection.getresponse()
            if response.status == HTTPStatus.OK:
                return response
            refusal = _decoded(response.read(_ERROR_SIZE))
            connection.close()
            pause = _retry_after(response)
            is_busy = response.status == HTTPStatus.SERVICE_UNAVAILABLE
            if not is_busy or time.monotonic() + pause > deadline:
                raise self._refused(response.status, refusal)
            time.sleep(pause)

    def _watched(self, connection: http.client.HTTPConnection) -> AbstractContextManager[None]:
        """Watch over an answer; once the server stands still, the connection ends."""

        def lives() -> bool:
            with closing(self._connection()) as other:
                try:
                    self._livez(other)
                except TimeoutError:
                    return False
                except (OSError, http.client.HTTPException):
                    pass  # whether the server has gone, the answer's own connection tells
            return True

        return watched(lives, partial(self._break_off, connection), pause=_ALIVE_SECONDS)

    def _livez(self, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        """Connect, and return what the server says of itself; one that stands still times out."""
        connection.connect()
        connection.sock.settimeout(_ALIVE_SECONDS)
        connection.request("GET", f"{self._path}/livez", headers=self._headers)
        greeting = connection.getresponse()
        greeting.read(_ERROR_SIZE)
        return greeting

    def _greet(self, connection: http.client.HTTPConnection) -> None:
        """Connect to a server that works; one that stands still is none, and times out."""
        greeting = self._livez(connection)
        if greeting.status != HTTPStatus.OK or connection.sock is None:
            connection.close()  # no `waterline query`, which the answer tells
            connection.connect()
        connection.sock.settimeout(_ANSWER_SECONDS)
        _keep_alive(connection.sock)
        with self._lock:
            if connection not in self._open:
                raise ConnectionAbortedError("the question was given up")
            self._open[connection] = connection.sock

    def _refused(self, status: int, refusal: object) -> WaterlineError:
        match refusal:
            case {"error": str(error), "message": str(message)} if error in _REFUSALS:
                return TokenError(f"{self.url} refused the token: {message}")
            case {"error": str(error), "message": str(message)}:
                try:
                    return raised(refusal)
                except Unreadable:
                    return ServerUnreachable(f"{self.url} refused the question: {message}")
        return ServerUnreachable(
            f"{self.url} answered with the HTTP status {status}; is `waterline query` there?"
        )

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise ServerUnreachable(
                f"the certificate of {self.url} is not trusted "
                f"({error.verify_message.rstrip('.')}); use the name that it was made for, and "
                "give certificate= the PEM file of a certificate that no authority vouches for"
            ) from error
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).replace("_", " ").lower()
            raise ServerUnreachable(f"{self.url} speaks no TLS that fits ({reason})") from error
        except (Unreadable, http.client.HTTPException) as error:
            raise ServerUnreachable(
                f"the answer of {self.url}{path} broke off, or is none; ask again"
            ) from error
        except TimeoutError as error:
            tls = ", or speaks no TLS" if self.url.startswith("https:") else ""
            raise ServerUnreachable(f"{self.url} does not answer{tls}; ask again later") from error
        except OSError as error:
            reason = getattr(error, "strerror", None) or str(error) or "the connection ended"
            raise ServerUnreachable(
                f"{self.url} cannot be reached, or has broken off ({reason}); is "
                "`waterline query` running there?"
            ) from error


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)  # macOS lacks one of them
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _decoded(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None


def _retry_after(response: http.client.HTTPResponse) -> float:
    text = response.getheader("Retry-After", "")
    return min(float(text), _LONGEST_PAUSE) if text.isascii() and text.isdigit() else 1.0
