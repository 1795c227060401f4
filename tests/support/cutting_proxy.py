"""A proxy for TCP that cuts a connection on which one side was silent for too long."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_PIECE: Final = 2**16


@dataclass
class CuttingProxy:
    """What goes through a proxy, as proxies of the web do it with quiet WebSockets."""

    url: str
    """Where it is reached; the upstream's own path."""
    connections: int = 0
    """How many were made, new ones after a cut too."""
    cuts: int = 0
    """How often a side was silent for too long."""
    pieces: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    """How often something went each way."""


@contextmanager
def cutting_proxy(upstream: str, silence: float) -> Iterator[CuttingProxy]:
    """Run a proxy in front of a ws:// address on a free port of loopback.

    Args:
        upstream: the address, with its path.
        silence: seconds that each side may be silent.
    """
    address = urlsplit(upstream)
    opened: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        proxy = CuttingProxy(address._replace(netloc=f"127.0.0.1:{port}").geturl())

        def carry(source: socket.socket, sink: socket.socket, way: str) -> None:
            with suppress(OSError):
                try:
                    while data := source.recv(_PIECE):
                        sink.sendall(data)
                        proxy.pieces[way] += 1
                except TimeoutError:
                    proxy.cuts += 1
            for each in (source, sink):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection((address.hostname, address.port))
                    proxy.connections += 1
                    for each in (client, server):
                        each.settimeout(silence)
                        opened.append(each)
                    for ends in ((client, server, "up"), (server, client, "down")):
                        threading.Thread(target=carry, args=ends, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for each in opened:
                each.close()
