"""A proxy for TCP that resets connections after so many bytes."""

import math
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from urllib.parse import urlsplit


@contextmanager
def resetting_proxy(upstream: str, sizes: Sequence[int]) -> Iterator[str]:
    """Run a proxy that resets each connection after so many bytes of the client, in turn."""
    address = urlsplit(upstream)
    assert address.hostname
    reset = struct.pack("ii", 1, 0)  # SO_LINGER: on, no seconds
    left = deque(sizes)
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as opened:

        def carry(source: socket.socket, sink: socket.socket, size: float) -> None:
            with suppress(OSError):
                while size > 0 and (piece := source.recv(int(min(size, 65_536)))):
                    sink.sendall(piece)
                    size -= len(piece)
            for each in (source, sink):
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                    each.shutdown(socket.SHUT_RDWR)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection((address.hostname, address.port))
                    opened.enter_context(client)
                    opened.enter_context(server)
                    size = left.popleft() if left else math.inf
                    _in_thread(partial(carry, client, server, size))
                    _in_thread(partial(carry, server, client, math.inf))

        accepting = _in_thread(accept)
        port = listener.getsockname()[1]
        yield address._replace(netloc=f"127.0.0.1:{port}").geturl()
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def _in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread
