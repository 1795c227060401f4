"""Speaking the wire contract over real sockets: logs out, answers in, also frame by frame."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket as Socket  # noqa: N812 - `socket` names our variables
from typing import Any, Protocol

import msgspec
import websocket

from tests.support.processes import PATIENCE

CLOSE = websocket.ABNF.OPCODE_CLOSE


class Server(Protocol):
    """Where a server is spoken to, and with which token; the benchmarks have one of their own."""

    @property
    def ingest(self) -> str: ...
    @property
    def live(self) -> str: ...
    @property
    def token(self) -> str: ...

    def connect(self, url: str | None = None, token: str | None = None) -> websocket.WebSocket:
        """Open a WebSocket and take its greeting."""


def log(**members: object) -> str:
    """Return a valid log as JSON, with these members besides or instead."""
    return msgspec.json.encode({"type": "info", "message": "m"} | members).decode()


def send(server: Server, *logs: Mapping[str, object]) -> None:
    """Push logs over a connection of their own; each must be acked."""
    connection = server.connect()
    for each in logs:
        connection.send(msgspec.json.encode(each).decode())
        assert receive(connection)["type"] == "ack"
    connection.close()


def receive(socket: websocket.WebSocket) -> dict[str, Any]:
    """Return the next message."""
    return decode(socket.recv())


def receive_many(socket: websocket.WebSocket, count: int) -> list[dict[str, Any]]:
    """Return the next so many messages."""
    return [receive(socket) for _ in range(count)]


def decode(message: str | bytes) -> dict[str, Any]:
    """Return a message's JSON object."""
    return msgspec.json.decode(message, type=dict[str, Any])


def receive_until_closed(socket: websocket.WebSocket) -> tuple[list[dict[str, Any]], int | None]:
    """Return all messages up to the end of the connection, and the code it was closed with.

    The code is None where the server went without a word.
    """
    messages: list[dict[str, Any]] = []
    try:
        while True:
            opcode, data = socket.recv_data()
            if opcode == CLOSE:
                return messages, struct.unpack(">H", data[:2])[0]
            messages.append(decode(data))
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        return messages, None
    finally:
        break_off(socket)  # after a close frame `close` would leave it open


def wire(socket: websocket.WebSocket) -> Socket:
    """Return the TCP connection of a WebSocket, for bytes that it would not send."""
    assert socket.sock is not None
    return socket.sock


def break_off(socket: websocket.WebSocket) -> None:
    """Close a connection at once, without the words of farewell."""
    if socket.sock is not None:  # else it was told already that the peer has gone
        socket.sock.close()
    socket.sock = None
    socket.connected = False


@contextmanager
def connected(
    server: Server, url: str | None = None, token: str | None = None
) -> Iterator[websocket.WebSocket]:
    """Open a WebSocket that has taken its greeting, and close it at the end."""
    socket = server.connect(url, token)
    try:
        yield socket
    finally:
        socket.close()


@dataclass(frozen=True)
class Answer:
    """What a server said to a request for a WebSocket that it refused."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        return decode(self.text)


def refused(url: str, *headers: str) -> Answer:
    """Ask for a WebSocket that must be refused before the upgrade."""
    try:
        socket = websocket.create_connection(url, header=list(headers), timeout=PATIENCE)
    except websocket.WebSocketBadStatusException as error:
        body = error.resp_body or b""
        return Answer(error.status_code, error.resp_headers or {}, body.decode())
    socket.close()
    raise AssertionError(f"{url} was opened")


class DeflateSocket:
    """A client that compresses both ways (RFC 7692), which websocket-client does not."""

    def __init__(self, server: Server, url: str | None = None) -> None:
        self.socket = websocket.create_connection(
            url or server.ingest,
            header={
                "Authorization": f"Bearer {server.token}",
                "Sec-WebSocket-Extensions": "permessage-deflate",
            },
            timeout=PATIENCE,
        )
        self.agreed = (self.socket.headers or {}).get("sec-websocket-extensions", "")
        self._deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)

    def send(self, text: str) -> None:
        """Send one message as a compressed frame."""
        data = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        # RFC 7692, 7.2.1: the empty block at the end is left out.
        self.send_frame(data.removesuffix(b"\x00\x00\xff\xff"), compressed=True)

    def send_frame(self, data: bytes, *, compressed: bool) -> None:
        """Send bytes as they are in one text frame."""
        opcode = websocket.ABNF.OPCODE_TEXT
        frame = websocket.ABNF(1, int(compressed), 0, 0, opcode, 1, data)
        wire(self.socket).sendall(frame.format())

    def receive(self) -> tuple[dict[str, Any], bool]:
        """Return the next message, and whether it came compressed."""
        first, second = self._read(2)
        assert first & 0x8F == 0x81, f"no whole text frame: {first:#x}"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._read(2))
        data, compressed = self._read(length), bool(first & 0x40)
        if compressed:
            data = self._inflate.decompress(data + b"\x00\x00\xff\xff")
        return decode(data), compressed

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = wire(self.socket).recv(size - len(data))
            assert part, "the server closed the connection"
            data += part
        return data
