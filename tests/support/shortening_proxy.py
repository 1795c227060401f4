"""A proxy for TCP that breaks an answer off behind so many bytes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PIECE = 2**14


@dataclass
class ShorteningProxy:
    """What goes through a proxy."""

    url: str
    """Where it is reached."""
    most: int | None = None
    """Bytes of an answer behind which it breaks off; None lets all through."""
    answers: list[int] = field(default_factory=list)
    """Bytes of each answer that has ended."""


@contextmanager
def shortening_proxy(upstream: str) -> Iterator[ShorteningProxy]:
    """Run a proxy in front of an http:// address on a free port of loopback."""
    address = urlsplit(upstream)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        proxy = ShorteningProxy(f"http://127.0.0.1:{port}")

        def ask(client: socket.socket, server: socket.socket) -> None:
            with suppress(OSError):
                while data := client.recv(_PIECE):
                    server.sendall(data)
                server.shutdown(socket.SHUT_WR)

        def answer(client: socket.socket, server: socket.socket) -> None:
            passed, most = 0, proxy.most
            with suppress(OSError), client, server:
                while data := server.recv(_PIECE):
                    passing = data if most is None else data[: most - passed]
                    client.sendall(passing)
                    passed += len(passing)
                    if passed == most:
                        break
                proxy.answers.append(passed)
                for each in (client, server):
                    each.shutdown(socket.SHUT_RDWR)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection((address.hostname, address.port))
                    for carry in (ask, answer):
                        threading.Thread(target=carry, args=(client, server), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
