"""A real HTTP server that takes webhooks, and answers as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from tests.support.waiting import wait_until


class Receiver:
    """What came, and what is answered next.

    Attributes:
        events: bodies in the order in which they came, whatever was answered.
        keys: their headers `Idempotency-Key`.
        status: what is answered.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.events: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.status = 204
        self.hanging = threading.Event()
        self.hanging.set()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/hook?key=secret"

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Return the events once there are so many."""
        wait_until(lambda: len(self.events) >= count)
        return self.events


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a server on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.keys.append(self.headers["Idempotency-Key"])
            receiver.events.append(msgspec.json.decode(body))
            receiver.hanging.wait()
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.hanging.set()
            server.shutdown()
            thread.join()
