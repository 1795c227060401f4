"""Acceptance of connections, paused while file descriptors are short."""

import asyncio
import errno
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Final

from tornado.httpserver import HTTPServer

logger = logging.getLogger(__name__)

# Private names of Tornado that this relies on; `test_accepting.py` pins them.
# Called: TCPServer._handle_connection. Set: TCPServer._sockets, _handlers.

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
    """Tornado's HTTP server, with a pause when descriptors are short.

    Connections wait in the queue of the system meanwhile.
    """

    accepting: Accepting

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on listening sockets; set `accepting` first."""
        for each in sockets:
            self._sockets[each.fileno()] = each
            self._handlers[each.fileno()] = accept_connections(
                each, self.accepting, self._handle_connection
            )


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
