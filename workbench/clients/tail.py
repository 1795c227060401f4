"""Follows the logs of a server as they are committed, for `waterline tail`."""

import contextlib
import errno
import os
import random
import select
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import websocket

from waterline.errors import DeliveryError, TokenError, UsageError
from waterline.printable import printable_json
from workbench.clients.tls import client_options

# Seconds of silence after which a server is pinged, and within which it must answer.
SILENCE_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TailFilter:
    """Filters: of each kind one alternative must match. `after` is a seq to begin behind.

    Without `after` it begins with the next commit.
    """

    types: Sequence[str] = ()
    sources: Sequence[str] = ()
    contains: Sequence[str] = ()
    after: int | None = None

    def query(self, after: int | None) -> list[tuple[str, str]]:
        """Return the parameters of the request for logs behind a seq."""
        asked = {"type": self.types, "source": self.sources, "contains": self.contains}
        pairs = [(name, text) for name, texts in asked.items() for text in texts]
        return pairs if after is None else [*pairs, ("after", str(after))]


class _Message(msgspec.Struct, rename={"first": "from", "last": "to"}):
    """The parts of a server's message that matter here."""

    type: str
    logs: list[msgspec.Raw] = []
    seq: int = 0
    first: int = 0
    last: int = 0
    reason: str = ""
    message: str | None = None


class _Numbered(msgspec.Struct):
    seq: int


class _Lost(Exception):
    """The connection is lost; the sentence says why."""


class _Unread(Exception):
    """The reader of the output has gone."""


_ENDED: Final = select.POLLERR | select.POLLHUP
_BROKEN: Final = (OSError, websocket.WebSocketException, _Lost)

_decode = msgspec.json.Decoder(_Message).decode
_decode_seq = msgspec.json.Decoder(_Numbered).decode


class Tail:
    """Follows a server's logs without an end, across lost connections.

    Args:
        url: the server's live address, such as `ws://127.0.0.1:3001/live`, or `wss://…`.
        token: a token with the scope `read`.
        wanted: filters of logs.
        say: called with sentences for the user, about skipped logs and lost connections.
        certificate: a PEM file; a server with TLS must show the first certificate in it.
        output: descriptor that logs are written to, watched in case it is a pipe whose reader goes.

    Raises:
        UsageError: the address is no WebSocket's, or the file has no certificate.
    """

    def __init__(
        self,
        url: str,
        token: str,
        wanted: TailFilter,
        say: Callable[[str], None],
        certificate: Path | None = None,
        output: int | None = None,
    ) -> None:
        # A query may hold a token, so it is never printed.
        self._place = url.partition("?")[0]
        if not url.startswith(("ws://", "wss://")):
            raise UsageError(
                f"{self._place!r} is no WebSocket address; give one such as ws://127.0.0.1:3001/live"
            )
        self._url = url
        self._token = token
        self._wanted = wanted
        self._say = say
        self._tls: dict[str, Any] = client_options(certificate) if url.startswith("wss://") else {}
        self._output = output
        self._position = wanted.after
        self._pause = FIRST_PAUSE_SECONDS

    def follow(self) -> Iterator[bytes]:
        """Yield logs ordered by seq, each once, as lines of JSON, some lines at a time.

        It never ends by itself.

        Raises:
            TokenError: the server does not accept the token.
            UsageError: the server refuses the filters.
            DeliveryError: the server cannot be reached at first, or its certificate is not trusted.
            BrokenPipeError: the reader of the output has gone.
        """
        try:
            yield from self._follow()
        except _Unread:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None

    def _follow(self) -> Iterator[bytes]:
        try:
            connection = self._connect()
        except _BROKEN as error:
            raise DeliveryError(
                f"{self._place} cannot be reached: {error}; start the server, or name its address "
                "with --url"
            ) from error
        while True:
            try:
                yield from self._receive(connection)
            except _BROKEN as error:
                self._say(f"the connection to {self._place} is lost ({error}); connecting again")
            finally:
                connection.shutdown()  # type: ignore[no-untyped-call]
            connection = self._connect_again()

    def _connect_again(self) -> websocket.WebSocket:
        while True:
            # Jitter, so that the readers of a restarted server do not all come at once.
            self._wait(self._pause * random.uniform(0.5, 1.0))
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            with contextlib.suppress(*_BROKEN):
                return self._connect()

    def _connect(self) -> websocket.WebSocket:
        try:
            connection = websocket.WebSocket(
                sslopt=self._tls,
                # Its check of UTF-8 is Python code, and the decoder checks anyway.
                skip_utf8_validation=True,
            )
            connection.settimeout(SILENCE_SECONDS)
            header = {"Authorization": f"Bearer {self._token}"}
            connection.connect(  # type: ignore[no-untyped-call]
                self._address(), header=header, suppress_origin=True
            )
        except websocket.WebSocketBadStatusException as error:
            reason = _reason(error)
            if error.status_code in (401, 403):
                raise TokenError(f"{self._place} refused the token: {reason}") from error
            if error.status_code in (400, 404):
                raise UsageError(f"{self._place}: {reason}") from error
            raise _Lost(f"HTTP status {error.status_code}: {reason}") from error
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(
                f"the certificate of {self._place} is not trusted "
                f"({error.verify_message.rstrip('.')}); let SSL_CERT_FILE name the PEM file of its "
                "authority where the system does not know it"
            ) from error
        return connection

    def _address(self) -> str:
        parts = urlsplit(self._url)
        query = [*parse_qsl(parts.query), *self._wanted.query(self._position)]
        return urlunsplit(parts._replace(query=urlencode(query)))

    def _receive(self, connection: websocket.WebSocket) -> Iterator[bytes]:
        is_asked = False
        while True:
            try:
                if not self._wait(SILENCE_SECONDS, connection.sock):
                    raise websocket.WebSocketTimeoutException
                opcode, data = connection.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException as error:
                if is_asked:
                    raise _Lost("the server is silent") from error
                connection.ping()
                is_asked = True
                continue
            is_asked = False
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise _Lost("the server closed it")
            if opcode == websocket.ABNF.OPCODE_TEXT:
                yield from self._take(data)

    def _wait(self, seconds: float, connection: socket.socket | None = None) -> bool:
        """Wait for some seconds or until data comes; return whether it came.

        Raises:
            _Unread: the reader of the output has gone; a quiet server leads to no write that fails.
        """
        if isinstance(connection, ssl.SSLSocket) and connection.pending():
            seconds = 0.0  # TLS has read ahead
        waiting = select.poll()
        if connection is not None:
            waiting.register(connection, select.POLLIN)
        if self._output is not None:
            waiting.register(self._output, 0)  # poll reports its end unasked
        events = dict(waiting.poll(seconds * 1000))
        if self._output is not None and events.pop(self._output, 0) & _ENDED:
            raise _Unread
        return bool(events) or seconds == 0.0

    def _take(self, data: bytes) -> Iterator[bytes]:
        try:
            message = _decode(data)
        except msgspec.DecodeError as error:
            raise _Lost(f"the server sent an unknown message: {error}") from error
        if message.type == "logs":
            self._position = _decode_seq(message.logs[-1]).seq
            yield printable_json(b"\n".join([*message.logs, b""]))
        elif message.type == "position":
            self._position = message.seq
        elif message.type == "skipped":
            self._position = message.last
            self._say(_skipped(message))
        else:
            return
        self._pause = FIRST_PAUSE_SECONDS


def _skipped(message: _Message) -> str:
    why = {
        "slow": "they came faster than they were read; `--after` fetches them",
        "archived": "they are archived",
    }.get(message.reason, message.reason)
    return f"skipped the logs from seq {message.first} to {message.last}: {why}"


def _reason(error: websocket.WebSocketBadStatusException) -> str:
    """Return the sentence of the server, if it gave one."""
    try:
        body = msgspec.json.decode(error.resp_body or b"", type=_Message)
    except msgspec.DecodeError:
        return "no reason was given"
    return body.message or "no reason was given"
