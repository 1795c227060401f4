"""A WebSocket to a server that never waits, so that one thread may read and write it."""

import contextlib

# Names of hosts need it, and load it when first looked up: a process that is forked off meanwhile
# would have half of it, and never look up any.
import encodings.idna  # noqa: F401
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import websocket

from waterline.errors import DeliveryError, TokenError
from workbench.clients.answers import Lost
from workbench.clients.outbox import ANSWER_SECONDS

# Private names of websocket-client that this relies on, all of them overridden: `WebSocket._recv`
# and `_send`, as its own read a few bytes a call, and wait; `ABNF._get_masked`, as its own takes
# three times as long.

_READ_SIZE: Final = 2**14
# A call on a socket that does not wait says so by one of these.
_WOULD_WAIT: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


_ALL_BYTES: Final = int.from_bytes(bytes(range(256)))
_SAME_BYTE: Final = int.from_bytes(b"\1" * 256)


class MaskedFrame(websocket.ABNF):
    """A frame that is masked in four strides, each with one byte of the key."""

    def _get_masked(self, mask_key: str | bytes) -> bytes:
        data = self.data
        assert isinstance(data, bytes)
        assert isinstance(mask_key, bytes)
        masked = bytearray(len(data))
        for place, byte in enumerate(mask_key):
            table = (_ALL_BYTES ^ (_SAME_BYTE * byte)).to_bytes(256)
            masked[place::4] = data[place::4].translate(table)
        return mask_key + masked


BROKEN: Final = (OSError, websocket.WebSocketException, Lost)
"""What ends a connection; another may be made."""


class Link(websocket.WebSocket):
    """A WebSocket whose calls return at once after `open`.

    What is sent is kept until the network takes it.

    Args:
        tls: the `sslopt` of websocket-client.
    """

    def __init__(self, tls: dict[str, Any]) -> None:
        super().__init__(
            sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            sslopt=tls,
            enable_multithread=False,
            # The library looks at each byte in Python; who decodes the text sees to it.
            skip_utf8_validation=True,
        )
        self._unread = b""
        self._unsent = bytearray()
        self.heard_at = time.monotonic()
        """When the peer last sent anything, by `time.monotonic`."""

    def open(self, url: str, token: str, seconds: float) -> None:
        """Connect and shake hands.

        Args:
            url: the address.
            token: sent as `Authorization: Bearer`.
            seconds: how long each step may take.

        Raises:
            OSError, websocket.WebSocketException: there is no connection.
        """
        # No origin, which is for browsers, and behind a proxy would look like another site's.
        self.connect(  # type: ignore[no-untyped-call]
            url,
            header={"Authorization": f"Bearer {token}"},
            suppress_origin=True,
            timeout=seconds,
        )
        self.heard_at = time.monotonic()
        assert self.sock is not None
        self.sock.setblocking(False)

    def send(self, payload: bytes | str, opcode: int = websocket.ABNF.OPCODE_TEXT) -> int:
        """Queue a frame; `write` sends it. Return its bytes."""
        assert isinstance(payload, bytes)
        return self.send_frame(MaskedFrame(1, 0, 0, 0, opcode, 1, payload))

    @property
    def unsent(self) -> int:
        """Bytes that the network has not taken yet."""
        return len(self._unsent)

    def write(self) -> None:
        """Give the network as much as it takes now.

        Raises:
            OSError: the connection is lost.
        """
        assert self.sock is not None
        with contextlib.suppress(*_WOULD_WAIT):
            while self._unsent:
                del self._unsent[: self.sock.send(self._unsent)]

    def texts(self) -> Iterator[bytes]:
        """Yield the texts that have come; pings are answered.

        Raises:
            OSError, websocket.WebSocketException: the connection is lost, or was closed.
        """
        with contextlib.suppress(*_WOULD_WAIT):
            while True:
                opcode, data = self.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    raise websocket.WebSocketConnectionClosedException(
                        "the server closed the connection"
                    )
                if opcode == websocket.ABNF.OPCODE_TEXT:
                    yield data

    def close(self, *_: object) -> None:
        """Say farewell if the network takes it at once, and close the socket."""
        if self.connected:
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.send_close()
                self.write()
        self.shutdown()  # type: ignore[no-untyped-call]

    def _recv(self, bufsize: int) -> bytes:
        if not self._unread:
            received: bytes = super()._recv(_READ_SIZE)  # type: ignore[no-untyped-call]
            self._unread = received
            self.heard_at = time.monotonic()
        piece, self._unread = self._unread[:bufsize], self._unread[bufsize:]
        return piece

    def _send(self, data: str | bytes) -> int:
        assert isinstance(data, bytes)
        self._unsent += data
        return len(data)


def connect(link: Link, url: str, token: str, place: str) -> None:
    """Connect a link to a server.

    Args:
        link: a new one.
        url: the address, with its query.
        token: a token with the scope `ingest`.
        place: the address without its query, for sentences.

    Raises:
        TokenError: the server does not accept the token.
        DeliveryError: its certificate is not trusted.
        Lost, OSError, websocket.WebSocketException: there is no connection.
    """
    try:
        link.open(url, token, ANSWER_SECONDS)
    except websocket.WebSocketBadStatusException as error:
        reason = refusal(error)
        if error.status_code in (401, 403):
            raise TokenError(f"{place} refused the token: {reason}") from error
        raise Lost(f"HTTP status {error.status_code}: {reason}", retry_after(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise DeliveryError(
            f"the certificate of {place} is not trusted ({error.verify_message.rstrip('.')}); use "
            "the name that it was made for, and let SSL_CERT_FILE name the PEM file of its "
            "authority where the system does not know it"
        ) from error


class _Refusal(msgspec.Struct):
    """The body of a refused handshake."""

    message: str | None = None
    error: str | None = None


def refusal(error: websocket.WebSocketBadStatusException) -> str:
    """Return the sentence of the server, if it gave one."""
    try:
        body = msgspec.json.decode(error.resp_body or b"", type=_Refusal)
    except msgspec.DecodeError:
        return "no reason was given"
    return body.message or body.error or "no reason was given"


def retry_after(error: websocket.WebSocketBadStatusException) -> float:
    """Return the seconds of the header Retry-After; 0 without one, or where it is a date."""
    text = (error.resp_headers or {}).get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
