"""A proxy for HTTP that alters the head of each request, or answers it by itself."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_PIECE = 2**16
_END = b"\r\n\r\n"

Rewrite = Callable[[bytes], bytes]
"""Returns the head that goes on; or an answer, which begins as one of HTTP does."""


@contextmanager
def rewriting_proxy(upstream: str, rewrite: Rewrite) -> Iterator[str]:
    """Run a proxy on a free port of loopback and yield its address.

    Args:
        upstream: the address of the server.
        rewrite: called with the head of each connection's first request.
    """
    address = urlsplit(upstream)
    opened: list[socket.socket] = []

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_PIECE):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def serve(client: socket.socket) -> None:
        with suppress(OSError):
            data = b""
            while _END not in data:
                piece = client.recv(_PIECE)
                if not piece:
                    return
                data += piece
            head, _, body = data.partition(_END)
            changed = rewrite(head + _END)
            if changed.startswith(b"HTTP/"):
                client.sendall(changed)
                client.shutdown(socket.SHUT_RDWR)
                return
            server = socket.create_connection((address.hostname, address.port))
            opened.append(server)
            server.sendall(changed + body)
            threading.Thread(target=carry, args=(server, client), daemon=True).start()
            carry(client, server)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                opened.append(client)
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for each in opened:
                each.close()
