"""Accepting connections: as many as there are descriptors for, then a pause, told once."""

import asyncio
import errno
import logging
import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final

from tornado.httpserver import HTTPServer

# What else needs descriptors while every connection is taken: databases and their WALs, tokens,
# archive processes with their pipes, and whoever asks /health.
RESERVE: Final = 64
# macOS lets no process have more, whatever its hard limit says (sys/syslimits.h, OPEN_MAX).
_MOST_ON_DARWIN: Final = 10_240


def raise_limit() -> int:
    """Let this process open as many files as the system allows it; return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard
    if sys.platform == "darwin" and (hard == resource.RLIM_INFINITY or hard > _MOST_ON_DARWIN):
        wanted = _MOST_ON_DARWIN
    if wanted != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return sys.maxsize if wanted == resource.RLIM_INFINITY else wanted


def for_connections(limit: int) -> int:
    """Return the number of descriptors below which a new connection's must lie.

    The system gives out the lowest one that is free, so a number tells how many are taken.

    Args:
        limit: how many this process may have open.
    """
    return limit - min(RESERVE, limit // 4)


logger = logging.getLogger(__name__)

# Private names of Tornado that this relies on; `test_accepting.py` pins them.
# Called: TCPServer._handle_connection. Set: TCPServer._sockets, _handlers.

# In one turn of the loop at most so many are accepted, as Tornado does.
_A_TURN: Final = 128
RETRY_SECONDS: Final = 1.0
TELL_SECONDS: Final = 60.0
# accept(2): no descriptor or memory is left, for this process or the system. The connection stays
# in the queue, so that asking at once again would be an endless loop.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Accepting:
    """Whether connections are accepted; shared by the sockets of one port.

    Args:
        most: a connection's descriptor must be below this number.
        what: what is accepted, for the log line.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._told = -TELL_SECONDS
        self.pause: str | None = None
        """Why none is accepted now, in one sentence; None while they are."""

    def has_room(self, listening: socket.socket) -> bool:
        """Say whether there is a descriptor for one more connection."""
        try:
            descriptor = os.dup(listening.fileno())
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            return False
        os.close(descriptor)
        return descriptor < self._most

    def paused(self) -> None:
        """Note that none can be accepted; it is logged, but not at each of many short pauses."""
        if self.pause is None:
            self.pause = (
                f"no new {self._what} are accepted: {self._most:,} files and connections are open, "
                "as many as the limit (ulimit -n) leaves for them"
            )
            if time.monotonic() >= self._told + TELL_SECONDS:
                self._told = time.monotonic()
                logger.error("%s", self.pause)

    def resumed(self) -> None:
        """Note that one was accepted."""
        self.pause = None


class AcceptingServer(HTTPServer):
    """Tornado's HTTP server with a pause where it would fail for each turn of the loop.

    Connections that wait meanwhile stay in the system's queue.
    """

    accepting: Accepting

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on listening sockets; `accepting` is set before."""
        for each in sockets:
            self._sockets[each.fileno()] = each
            self._handlers[each.fileno()] = _accept(each, self.accepting, self._handle_connection)


def _accept(
    listening: socket.socket,
    accepting: Accepting,
    handle: Callable[[socket.socket, object], None],
) -> Callable[[], None]:
    """Hand over each connection, until what is returned is called."""
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
            except OSError:  # the peer has gone before TLS could begin
                connection.close()

    def stop() -> None:
        if waiting is not None:
            waiting.cancel()
        loop.remove_reader(listening)

    resume()
    return stop
