"""A proxy for HTTP that counts requests, and refuses, cuts, alters or delays them on demand."""

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.support.processes import PATIENCE

ENDLESS: Final = 10**9
_PIECE: Final = 2**16
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: on, no seconds: the peer sees a reset


@dataclass(kw_only=True)
class Fault:
    """What happens to requests of a method, so many times; other requests go through."""

    method: str
    times: int = ENDLESS
    before: Callable[[], object] = lambda: None
    """Done before the request goes on."""
    answer: bytes | None = None
    """The whole answer; the store never sees the request."""
    cut_upload_at: int | None = None
    """After so many bytes of the body both connections are reset."""
    cut_download_at: int | None = None
    """After so many bytes of the answer's body both connections are reset."""
    alter: Callable[[bytes], bytes] = lambda body: body
    """What the store gets for a body."""
    drop_answer: bool = False
    """The store does it, and nobody hears so: both connections are reset."""
    silent: bool = False
    """There is never an answer."""


def answer(status: str, body: bytes = b"") -> bytes:
    """Return a whole answer of HTTP."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@dataclass
class FaultyProxy:
    """A proxy on a port of its own, one request to a connection."""

    endpoint: str
    upstream: tuple[str, int]
    listener: socket.socket
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """The method and path of every request, in order."""
    heads: list[str] = field(default_factory=list)
    """What stood before the body of every request, in order."""
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, method: str) -> int:
        """Return how many requests of a method came."""
        return sum(each.startswith(f"{method} ") for each in self.requests)

    def reset(self) -> None:
        """Forget the faults and the requests."""
        with self._lock:
            self.faults.clear()
            self.requests.clear()
            self.heads.clear()

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with contextlib.ExitStack() as threads:
            while True:
                try:
                    client, _ = self.listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=self._serve_one, args=(client,))
                thread.start()
                threads.callback(thread.join)

    def _serve_one(self, client: socket.socket) -> None:
        # A client that leaves early is its own affair; what it sees is what the tests look at.
        with client, contextlib.suppress(ConnectionError):
            client.settimeout(PATIENCE)
            head, body = _read_head(client)
            if head:
                self._pass_on(client, head, body, self._fault(head))

    def _fault(self, head: bytes) -> Fault:
        """Count a request and return what is to happen to it."""
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        with self._lock:
            self.requests.append(f"{method} {path}")
            self.heads.append(head.decode())
            for fault in self.faults:
                if fault.method == method and fault.times > 0:
                    fault.times -= 1
                    return fault
        return Fault(method=method)

    def _pass_on(self, client: socket.socket, head: bytes, body: bytes, fault: Fault) -> None:
        length = _length(head)
        if fault.cut_upload_at is not None:
            _read_up_to(client, body, min(length, fault.cut_upload_at))
            _reset(client)
            return
        body = _read_up_to(client, body, length)
        fault.before()
        if fault.silent:
            self.ended.wait()
        elif fault.answer is not None:
            client.sendall(fault.answer)
        else:
            self._relay(client, _close_after(head) + fault.alter(body), fault)

    def _relay(self, client: socket.socket, request: bytes, fault: Fault) -> None:
        """Send a request to the store and its answer back, in whole or in part."""
        with socket.create_connection(self.upstream, PATIENCE) as upstream:
            upstream.sendall(request)
            if fault.drop_answer:
                _read_head(upstream)
                _reset(client)
                return
            if fault.cut_download_at is None:
                while piece := upstream.recv(_PIECE):
                    client.sendall(piece)
                return
            head, body = _read_head(upstream)
            client.sendall(
                head + _read_up_to(upstream, body, min(_length(head), fault.cut_download_at))
            )
            _reset(client)


def _read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return a message's head with its empty line, and what came with it of the body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(_PIECE)
        if not piece:
            return b"", b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


def _read_up_to(connection: socket.socket, body: bytes, size: int) -> bytes:
    """Return the first bytes of a body of which some are there already."""
    pieces = [body]
    missing = size - len(body)
    while missing > 0 and (piece := connection.recv(min(missing, _PIECE))):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)[:size]


def _length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


def _close_after(head: bytes) -> bytes:
    """Return a request's head that asks for the end of the connection after its answer."""
    kept = re.sub(rb"\r\nconnection:[^\r]*", b"", head, flags=re.IGNORECASE)
    return kept.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"


def _reset(connection: socket.socket) -> None:
    """Close a connection as a broken line would: what was sent may arrive, an end never does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


@contextmanager
def faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    """Run a proxy in front of an http:// address on a free port of loopback."""
    host, _, port = upstream.removeprefix("http://").partition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        proxy = FaultyProxy(endpoint, (host, int(port)), listener)
        thread = threading.Thread(target=proxy.serve)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.ended.set()
            listener.shutdown(socket.SHUT_RDWR)  # ends the waiting `accept`
            thread.join()


@contextmanager
def refusing_endpoint() -> Iterator[str]:
    """Hold a port of loopback that refuses connections."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
