"""Listener of syslog over TCP, with TLS where the server has it (RFC 6587, RFC 5425)."""

import asyncio
import logging
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from server.accepting import Accepting, accept_connections
from server.connections import Connections
from server.ingest.syslog.framing import Framer, Message
from server.ingest.syslog.intake import SyslogIntake
from server.ingest.syslog.senders import Senders
from server.memory_budget import Loan

logger = logging.getLogger(__name__)

# Bytes of one read.
_READ_SIZE: Final = 2**14
# Bytes of one read while unfinished messages take all the memory that they may.
_LEAST_READ: Final = 512
# Seconds for a TLS handshake.
_HANDSHAKE_SECONDS: Final = 10.0
# Probes of a silent connection without an answer, after which its peer is gone.
_PROBES: Final = 3
_TELL_SECONDS: Final = 60.0

NOT_ALLOWED: Final = "not_allowed"
TOO_MANY: Final = "too_many"


class TcpListener:
    """Accepts connections and reads them while there is room.

    Args:
        connections: the shared state.
        source: the source of its logs, whose connections are limited as those of a token.
        intake: takes the messages.
        senders: who may send.
        idle_seconds: silence after which a peer is probed.
    """

    def __init__(
        self,
        connections: Connections,
        source: str,
        intake: SyslogIntake,
        senders: Senders,
        idle_seconds: float,
    ) -> None:
        self.connections = connections
        self.source = source
        self.intake = intake
        self.buffer = memoryview(bytearray(_READ_SIZE))
        self.open: set[SyslogConnection] = set()
        self._senders = senders
        self._idle_seconds = idle_seconds
        self._opening: set[asyncio.Task[None]] = set()
        self._stop: list[Callable[[], None]] = []
        self._tls: ssl.SSLContext | None = None
        self._turned_away: Counter[str] = Counter()
        self._told = -_TELL_SECONDS
        intake.on_room = self._resume

    def start(
        self, sockets: Sequence[socket.socket], accepting: Accepting, tls: ssl.SSLContext | None
    ) -> None:
        """Accept connections.

        Args:
            sockets: listening sockets.
            accepting: state of acceptance.
            tls: the TLS context; None for plain TCP.
        """
        self._tls = tls
        self._stop = [accept_connections(each, accepting, self._accepted) for each in sockets]

    def stop(self) -> None:
        """Accept no more connections; those that are open go on."""
        for stop in self._stop:
            stop()
        self._stop.clear()

    def end(self) -> None:
        """Take the rest of what was read, and close every connection."""
        for each in self._opening:
            each.cancel()
        for connection in list(self.open):
            connection.end()

    def turned_away(self) -> dict[str, int]:
        """Return the number of refused connections by reason since the start."""
        return dict(self._turned_away)

    def pause(self) -> None:
        """Read no connection until there is room."""
        for each in self.open:
            each.pause()

    def _resume(self) -> None:
        for each in self.open:
            each.resume()

    def _accepted(self, accepted: socket.socket, address: object) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        if not self._senders.allow(host):
            self._turn_away(accepted, NOT_ALLOWED, f"{host} is not in syslog_from")
            return
        if not self.connections.limits.enter(self.source):
            most = self.connections.limits.most_connections
            said = f"{most:,} are open, as many as token_connections allows"
            self._turn_away(accepted, TOO_MANY, said)
            return
        task = asyncio.create_task(self._open(accepted, host))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket, host: str) -> None:
        """Shake hands with a peer that holds a seat."""
        connection = (PlainConnection if self._tls is None else TlsConnection)(self, host)
        loop = asyncio.get_running_loop()
        try:
            _probe_when_silent(accepted, self._idle_seconds)
            seconds = None if self._tls is None else _HANDSHAKE_SECONDS
            await loop.connect_accepted_socket(
                lambda: connection, accepted, ssl=self._tls, ssl_handshake_timeout=seconds
            )
        except OSError as error:  # the peer has gone, or speaks no TLS
            logger.debug("no syslog from %s: %s", host, error)
            accepted.close()
            connection.leave()
        except asyncio.CancelledError:  # the server stops
            accepted.close()
            raise

    def _turn_away(self, accepted: socket.socket, reason: str, said: str) -> None:
        accepted.close()
        self._turned_away[reason] += 1
        if time.monotonic() >= self._told + _TELL_SECONDS:
            self._told = time.monotonic()
            logger.warning("a connection of syslog was closed: %s", said)


class SyslogConnection(asyncio.BaseProtocol):
    """Connection of one sender; how it is read is left to `PlainConnection` and `TlsConnection`.

    Args:
        listener: what accepted it.
        host: the address of the peer.
    """

    def __init__(self, listener: TcpListener, host: str) -> None:
        self._listener = listener
        self._host = host
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._loan: Loan | None = None
        self._waits: asyncio.Task[None] | None = None
        self._has_seat = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._listener.open.add(self)
        self._listener.connections.syslog_open += 1
        if self._listener.intake.is_full:
            self.pause()

    def eof_received(self) -> None:
        """Close the connection too: there is nothing to answer."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Take what came of the last message, and leave."""
        self._transport = None
        self._listener.open.discard(self)
        self._listener.connections.syslog_open -= 1
        if self._waits is not None:
            self._waits.cancel()
        self._take(self._framer.finish())
        self._give_back()
        self.leave()

    def leave(self) -> None:
        """Give its seat back; safe to call twice."""
        if self._has_seat:
            self._has_seat = False
            self._listener.connections.limits.leave(self._listener.source)

    def pause(self) -> None:
        """Read no more for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on, unless there is no room for its unfinished message."""
        if self._transport is not None and self._waits is None:
            self._transport.resume_reading()

    def give_up(self, reason: str) -> None:
        """Take what came of a message that stopped, or that there is no room for, and close."""
        logger.debug("syslog from %s was given up: %s", self._host, reason)
        self._loan = None
        self.end()

    def end(self) -> None:
        """Take the rest of what was read, and close."""
        self._take([each._replace(is_cut=True) for each in self._framer.finish()])
        self._give_back()
        if self._transport is not None:
            self._transport.abort()

    def _read(self, piece: bytes) -> None:
        """Take the messages of a read."""
        self._take(self._framer.feed(piece))
        self._account()

    def _take(self, messages: Sequence[Message]) -> None:
        listener = self._listener
        listener.intake.take(messages, self._host)
        if listener.intake.is_full:
            listener.pause()

    def _account(self) -> None:
        """Count the bytes of an unfinished message; wait if all of them are too many."""
        held, budget = self._framer.held, self._listener.connections.budget
        if not held:
            self._give_back()
            return
        if self._loan is None:
            self._loan = budget.open(self)
        budget.resize(self._loan, held)
        if self._waits is None and not budget.has_room(self._loan):
            self.pause()
            self._waits = asyncio.create_task(self._wait_for_room(self._loan))

    async def _wait_for_room(self, loan: Loan) -> None:
        await self._listener.connections.budget.room(loan)
        self._waits = None
        if not self._listener.intake.is_full:
            self.resume()

    def _give_back(self) -> None:
        if self._loan is not None:
            self._listener.connections.budget.close(self._loan)
            self._loan = None


class PlainConnection(SyslogConnection, asyncio.BufferedProtocol):
    """Connection without TLS, read into the buffer of the listener."""

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """Return where to read into; all connections share it, as each read is handled at once."""
        budget = self._listener.connections.budget
        has_room = budget.has_room(self._loan) if self._loan else not budget.is_full
        return self._listener.buffer if has_room else self._listener.buffer[:_LEAST_READ]

    def buffer_updated(self, nbytes: int) -> None:
        """Take the messages of a read."""
        self._read(bytes(self._listener.buffer[:nbytes]))


class TlsConnection(SyslogConnection, asyncio.Protocol):
    """Connection with TLS.

    asyncio gives it pieces of its own: at the end of a connection it would fill a buffer of ours
    once, and drop what more it holds.
    """

    def data_received(self, data: bytes) -> None:
        """Take the messages of a read."""
        self._read(data)


def _probe_when_silent(accepted: socket.socket, seconds: float) -> None:
    """Let the system find peers that are gone; a silent one may only have nothing to say."""
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", max(1, int(seconds))),
        ("TCP_KEEPINTVL", max(1, int(seconds / _PROBES))),
        ("TCP_KEEPCNT", _PROBES),
    ):
        if hasattr(socket, name):  # others have names of their own, and two hours
            accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
