"""A protocol that reads from a socket, and what it tells its handler, without a server."""

import asyncio
import socket

from tornado.iostream import IOStream
from tornado.websocket import WebSocketProtocol13, _WebSocketParams

from server.websocket.frames import BINARY, CLOSE, PING, PONG, TEXT
from tests.support.processes import PATIENCE


class Listener:
    """A handler that keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.closed: tuple[int | None, str | None] | None = None

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.heard.append((TEXT, message.encode()))
        else:
            self.heard.append((BINARY, message))

    def on_ping(self, data: bytes) -> None:
        self.heard.append((PING, data))

    def on_pong(self, data: bytes) -> None:
        self.heard.append((PONG, data))

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        self.closed = (close_code, close_reason)

    def log_exception(self, *problem: object) -> None:
        raise AssertionError(problem)


async def listen(
    kind: type[WebSocketProtocol13], data: bytes, agreed: dict[str, str] | None
) -> Listener:
    """Let a server's protocol read bytes from a socket, up to a close frame."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    listener = Listener()
    protocol = kind(listener, False, _WebSocketParams(max_message_size=2**20))
    protocol.stream = IOStream(ours)
    if agreed is not None:
        protocol._create_compressors("server", agreed, {})
    sending = asyncio.get_running_loop().sock_sendall(theirs, data)
    await asyncio.wait_for(asyncio.gather(sending, protocol._receive_frame_loop()), PATIENCE)
    theirs.close()
    assert protocol.stream.closed()
    assert protocol._wire_bytes_in == len(data)
    assert protocol._message_bytes_in == sum(
        len(payload) for opcode, payload in listener.heard if opcode < CLOSE
    )
    return listener
