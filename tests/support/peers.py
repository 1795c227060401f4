"""A Tornado server in this process, and peers that send it any bytes as they are."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from server.websocket.frames import BINARY, CLOSE, FrameParser, Messages
from server.websocket.protocol import BulkSocket
from tests.support.frames import frame, told
from tests.support.processes import PATIENCE

HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
    "{more}\r\n"
)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate{}\r\n"


@dataclass
class Seen:
    """What the handlers of a server saw."""

    runs: list[list[bytes]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    handler: "Echo | None" = None
    """The one that was opened last."""


class Echo(BulkSocket):
    """Sends back what it gets, each run in one write."""

    def initialize(self, seen: Seen) -> None:
        self.seen = seen

    def get_compression_options(self) -> dict[str, Any] | None:
        return {}

    def open(self) -> None:
        self.seen.handler = self

    def on_messages(self, payloads: list[bytes]) -> Any:  # noqa: ANN401 - some wait, some do not
        self.seen.runs.append(payloads)
        self.send_frames(b"".join(frame(BINARY, each, key=None) for each in payloads))

    def on_close(self) -> None:
        self.seen.closed.set()


@dataclass
class Peer:
    """A connection that has been upgraded, or refused."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    headers: str
    parser: FrameParser

    async def send(self, data: bytes) -> None:
        """Send bytes, and return when the kernel has them."""
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> list[Any]:
        """Return what there is now, once there is something; nothing at the end."""
        return told(self.parser.feed(await self.reader.read(2**16)))

    async def hear_all(self) -> list[Any]:
        """Return everything up to the end of the connection, which must be a clean one."""
        return told(self.parser.feed(await self.reader.read()))

    async def echo(self, payload: bytes) -> None:
        """Send a message that must come back."""
        await self.send(frame(BINARY, payload))
        events = self.parser.feed(await self.reader.readexactly(2 + len(payload)))
        assert events == [Messages(False, [payload])]

    async def leave(self) -> None:
        """Take leave in a clean way, and close."""
        await self.send(frame(CLOSE))
        await self.hear_all()
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        await self.writer.wait_closed()


@dataclass
class Place:
    """A server that can be connected to."""

    port: int
    trust: ssl.SSLContext | None = None
    peers: list[Peer] = field(default_factory=list)

    async def connect(self, *headers: str, version: int = 13, behind: Sequence[bytes] = ()) -> Peer:
        """Ask for a WebSocket, and take the answer; `behind` is sent without waiting for it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust)
        request = HANDSHAKE.format(version=version, more="".join(headers)).encode()
        writer.write(request + b"".join(behind))
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        peer = Peer(reader, writer, int(answer.split()[1]), answer, FrameParser(masked=False))
        self.peers.append(peer)
        return peer


@asynccontextmanager
async def serving(
    seen: Seen,
    handler: type[Echo] = Echo,
    *,
    certificate: ssl.SSLContext | None = None,
    trust: ssl.SSLContext | None = None,
    max_message_size: int = 2**24,
    pings: tuple[float, float] = (0, 0),
) -> AsyncIterator[Place]:
    """Serve a handler on a free port of loopback; in the end all connections are broken off.

    `pings` is their interval and the timeout, in seconds.
    """
    application = tornado.web.Application(
        [("/", handler, {"seen": seen})],
        log_function=lambda _: None,
        websocket_max_message_size=max_message_size,
        websocket_ping_interval=pings[0],
        websocket_ping_timeout=pings[1],
    )
    http = HTTPServer(application, ssl_options=certificate)
    sockets = bind_sockets(0, "127.0.0.1")
    http.add_sockets(sockets)
    place = Place(sockets[0].getsockname()[1], trust)
    try:
        async with asyncio.timeout(PATIENCE):
            yield place
    finally:
        for peer in place.peers:
            peer.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await peer.writer.wait_closed()
        http.stop()
        await http.close_all_connections()
