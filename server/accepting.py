"""Acceptance of connections, paused while file descriptors are short."""

import asyncio
import errno
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate

logger = logging.getLogger(__name__)

# Private names of Tornado that this relies on; `test_accepting.py` pins them.
# Called: TCPServer._handle_connection. Set: TCPServer._sockets, _handlers. Read:
# HTTP1Connection._request_start_line, which is None until a request has come.

# Connections accepted in one turn of the loop, as in Tornado.
_A_TURN: Final = 128
RETRY_SECONDS: Final = 1.0
TELL_SECONDS: Final = 60.0
# accept(2): no descriptor or memory is left, in this process or the system. The connection stays in
# the queue, so an immediate retry would loop forever.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Accepting:
    """State of acceptance, shared by the sockets of one port.

    Args:
        most: exclusive upper bound for the descriptors of connections.
        what: noun for the connections, for the log line.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._told = -TELL_SECONDS
        self.pause: str | None = None
        """Why acceptance is paused, in one sentence; None if it is not."""

    def has_room(self, listening: socket.socket) -> bool:
        """Return whether a descriptor is left for one more connection."""
        try:
            descriptor = os.dup(listening.fileno())
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            return False
        os.close(descriptor)
        return descriptor < self._most

    def paused(self) -> None:
        """Note a pause, and log it at most once every TELL_SECONDS."""
        if self.pause is None:
            self.pause = (
                f"no new {self._what} are accepted: {self._most:,} files and connections are open, "
                "as many as the limit (ulimit -n) leaves for them"
            )
            if time.monotonic() >= self._told + TELL_SECONDS:
                self._told = time.monotonic()
                logger.error("%s", self.pause)

    def resumed(self) -> None:
        """Note an accepted connection."""
        self.pause = None


class AcceptingServer(HTTPServer):
    """Tornado's HTTP server, with a pause when descriptors are short, and an end without errors.

    Connections wait in the queue of the system meanwhile.
    """

    accepting: Accepting

    def initialize(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - of its base
        """Take what `HTTPServer` takes."""
        super().initialize(*args, **options)
        self._requests: dict[object, HTTPConnection] = {}
        """Request that each connection has, or waits for."""
        self._answered: set[object] = set()
        """Connections that have been answered once."""
        self._changed = asyncio.Event()

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on listening sockets; set `accepting` first."""
        for each in sockets:
            self._sockets[each.fileno()] = each
            self._handlers[each.fileno()] = accept_connections(
                each, self.accepting, self._handle_connection
            )

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Note that a connection waits for a request."""
        if server_conn in self._requests:
            self._answered.add(server_conn)
        self._requests[server_conn] = request_conn
        self._changed.set()
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection."""
        del self._requests[server_conn]
        self._answered.discard(server_conn)
        self._changed.set()
        super().on_close(server_conn)

    async def finish(self, seconds: float) -> None:
        """Accept no more connections, and answer what is asked over those that are open.

        Each is told with its next answer that it ends. A client that has just connected is waited
        for, as it takes an error for an answer; one that was answered before is not.

        Args:
            seconds: the most that this takes.
        """
        self.stop()
        self.conn_params.no_keep_alive = True
        try:
            async with asyncio.timeout(seconds):
                while any(self._is_expected(*each) for each in self._requests.items()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass  # a client that says nothing, or does not come to an end

    def _is_expected(self, connection: object, request: HTTPConnection) -> bool:
        """Return whether a connection has a request, or is to have its first."""
        assert isinstance(request, HTTP1Connection)
        is_asked = request._request_start_line is not None  # noqa: SLF001 - as told above
        return connection not in self._answered or is_asked


def accept_connections(
    listening: socket.socket,
    accepting: Accepting,
    handle: Callable[[socket.socket, object], None],
) -> Callable[[], None]:
    """Hand over each connection until the returned function is called.

    Args:
        listening: a listening socket.
        accepting: state of acceptance.
        handle: called with each connection and its address.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.TimerHandle | None = None
    listening.setblocking(False)

    def resume() -> None:
        loop.add_reader(listening, accept)

    def pause() -> None:
        nonlocal waiting
        accepting.paused()
        loop.remove_reader(listening)
        waiting = loop.call_later(RETRY_SECONDS, resume)

    def accept() -> None:
        for _ in range(_A_TURN):
            if not accepting.has_room(listening):
                pause()
                return
            try:
                connection, address = listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                pause()
                return
            accepting.resumed()
            try:
                handle(connection, address)
            except OSError:  # the peer has gone before the TLS handshake
                connection.close()

    def stop() -> None:
        if waiting is not None:
            waiting.cancel()
        loop.remove_reader(listening)

    resume()
    return stop
