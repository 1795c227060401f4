"""Peers that ask too much of a server's time or memory: what each of them sends, once."""

from collections.abc import Iterator
from socket import socket as Socket  # noqa: N812 - `socket` names our variables
from typing import Final

import websocket

from server.live.filters import MAX_TEXTS
from server.websocket.frames import CONTINUATION, PING, TEXT
from tests.support.frames import frame
from tests.support.posting import begun
from tests.support.sockets import Server, log, receive, wire

MIB: Final = 2**20
SIZE: Final = 16 * MIB - 16
# Bodies and frames of lines that are no logs.
LINES: Final = b"x\n" * (SIZE // 2)
ACCESS_LOG: Final = (
    b'::1 - - [28/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n' * 200_000
)
_PARTS: Final = 64
_PATIENCE_SECONDS: Final = 60.0


# Messages that do not end


def unfinished_messages() -> tuple[bytes, bytes]:
    """Return a message that lacks its last byte, and one of whole fragments that lacks more.

    Between the fragments of the second its peer can answer pings.
    """
    parts = [
        frame(CONTINUATION if part else TEXT, b"x" * (SIZE // _PARTS), final=False)
        for part in range(_PARTS)
    ]
    return frame(TEXT, b"x" * SIZE)[:-1], b"".join(parts)


def push(peer: websocket.WebSocket, data: bytes, seconds: float) -> bool:
    """Send bytes; say whether all were taken before the server held back or refused them."""
    connection = wire(peer)
    connection.settimeout(seconds)
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


# Large logs


def large_log() -> bytes:
    """Return a frame that holds one log, as large as one may be."""
    return frame(TEXT, log(message="x" * (SIZE - 100)).encode())


def push_whole(peer: websocket.WebSocket, sent: bytes) -> str:
    """Send a frame, and return the type of its answer."""
    peer.settimeout(_PATIENCE_SECONDS)
    wire(peer).sendall(sent)
    return str(receive(peer)["type"])


# Peers that read nothing


def much_to_answer() -> bytes:
    """Return frames that are short and have long answers: logs that are none, and pings."""
    return frame(TEXT, b"x") * 5000 + frame(PING, b"ping" * 20) * 1000


def push_unread(peer: websocket.WebSocket, sent: bytes, seconds: float) -> bool:
    """Send again and again without reading; say whether the server held back, as it should."""
    return not all(push(peer, sent, seconds) for _ in range(100))


# Uploads that stop


def begun_post(server: Server, size: int, sent: int) -> Socket:
    """Begin to post a body of a size, of which only a part is sent."""
    connection = begun(server, 10, f"Content-Length: {size}")
    connection.sendall(b"x" * sent)
    return connection


# Readers with many texts


def urls_of_many_texts(server: Server, count: int) -> Iterator[str]:
    """Return URLs of the live feed, each with as many texts as it may have, and all different."""
    for number in range(count):
        texts = "&".join(f"contains={'x' * 30}{number}-{each}" for each in range(MAX_TEXTS))
        yield f"{server.live}?{texts}"
