"""WebSocket protocol on top of Tornado's that reads all received frames at once.

Tornado does the handshake, extensions, pings, pongs and the close handshake. Only reading is ours:
received bytes go to a `FrameParser`, and its messages to the handler, a run of them in one call if
the handler supports it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable
from typing import Any, Final, Protocol, runtime_checkable

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.websocket import WebSocketHandler, WebSocketProtocol13

from server.websocket.frames import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Close,
    Event,
    Failure,
    FrameParser,
    Messages,
    Ping,
    Pong,
)
from server.websocket.messages import Inflater

# Private names of Tornado that this relies on; `test_protocol.py` pins them.
# Overridden: WebSocketProtocol13._receive_frame_loop, _create_compressors, _received_pong,
# periodic_ping.
# Called: WebSocketProtocol13._handle_message, _run_callback, _abort, _get_compressor_options.
# Set: WebSocketProtocol13._decompressor, _compressor, _wire_bytes_in, _wire_bytes_out,
# _message_bytes_in.
# `server/websocket/frames.py` takes tornado.util._websocket_mask, which is in C where it can be.

_READ_SIZE: Final = 2**16
# Bytes of work before others have a turn, as a message may inflate to a thousand times its size.
_STEP: Final = 2**20
# Bytes of a connection's turn, with a cost for each message, so that a fast peer does not keep the
# loop from others.
_TURN: Final = 2**18
_MESSAGE_COST: Final = 2**10
# Seconds and bytes of input that is dropped after a violation, so that the peer can read why.
_DRAIN_SECONDS: Final = 2.0
_DRAIN_SIZE: Final = 2**26
# Bytes of an unfinished message that are not counted, as nearly each read ends within some log.
_FREE_SIZE: Final = 4096
# Pongs that may wait for a peer that does not read.
_MOST_PONGS: Final = 64


@runtime_checkable
class TakesMany(Protocol):
    """Handler that takes a run of messages in one call."""

    def on_messages(self, payloads: list[bytes]) -> Awaitable[None] | None:
        """Take consecutive messages of one kind, texts as UTF-8.

        The next read waits for the returned awaitable.
        """


@runtime_checkable
class Accounts(Protocol):
    """Handler that counts the memory of unfinished messages."""

    def account(self, held: int, *, is_whole: bool) -> Awaitable[None] | None:
        """Set the held bytes; the next read waits for the returned awaitable.

        Args:
            held: bytes of messages.
            is_whole: whether they are complete and wait for the handler alone.
        """


def half_close(stream: IOStream) -> None:
    """Shut down the sending side of a stream, and go on reading.

    TLS has no half-close, so such a stream stays open.
    """
    if not stream.closed() and not isinstance(stream, SSLIOStream):
        with contextlib.suppress(OSError):  # the peer has gone
            stream.socket.shutdown(socket.SHUT_WR)


class BulkProtocol(WebSocketProtocol13):
    """Tornado's RFC 6455 protocol, with bulk reads.

    A handler with `on_messages` (`TakesMany`) gets whole runs, any other `on_message` for each. A
    peer that breaks a rule gets a close frame with the code of the RFC.
    """

    _inflater: Inflater | None = None
    _takes_many: TakesMany | None = None
    _accounts: "Accounts | None" = None
    _is_counted = False
    _unread_pongs = 0
    _spent = 0  # of this connection's turn
    _has_pong = False
    _is_held = False

    async def _receive_frame_loop(self) -> None:
        try:
            await self._receive()
        except StreamClosedError:
            self._abort()
        finally:
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)

    async def _receive(self) -> None:
        parser = FrameParser(
            masked=not self.mask_outgoing,
            max_message_size=self.params.max_message_size,
            inflater=self._inflater,
            step=_STEP,
        )
        if isinstance(self.handler, TakesMany):
            self._takes_many = self.handler
        if isinstance(self.handler, Accounts):
            self._accounts = self.handler
        while not self.client_terminated:
            data = await self.stream.read_bytes(_READ_SIZE, partial=True)
            self._wire_bytes_in += len(data)
            if self._turn_is_over(len(data)):
                await asyncio.sleep(0)
            await self._deliver_all(parser.feed(data))
            while parser.has_more and not self.client_terminated:
                await self._account(parser.held)
                await asyncio.sleep(0)
                await self._deliver_all(parser.feed(b""))
            if self._is_counted or parser.held > _FREE_SIZE:
                await self._account(parser.held)

    async def _account(self, held: int) -> None:
        """Count the bytes of an unfinished message, and wait for room."""
        if self._accounts is not None and not self.is_closing():
            self._is_counted = held > _FREE_SIZE
            counted = held if self._is_counted else 0
            await self._wait_for(self._accounts.account(counted, is_whole=False))

    async def _deliver_all(self, events: list[Event]) -> None:
        for event in events:
            if self.client_terminated:  # the handler has failed, or the peer has gone
                return
            if isinstance(event, Messages):
                await self._deliver_messages(event)
            else:
                await self._handle(event)

    async def _handle(self, event: Ping | Pong | Close | Failure) -> None:
        if isinstance(event, Failure):
            await self._refuse(event)
        elif isinstance(event, Close):
            self.close_code, self.close_reason = event.code, event.reason or None
            await self._return_farewell()
        else:
            opcode = PING if isinstance(event, Ping) else PONG
            if opcode == PING and not self._may_answer():
                return
            await self._wait_for(self._handle_message(opcode, event.payload))
            if self._turn_is_over(_MESSAGE_COST):
                await asyncio.sleep(0)

    def _may_answer(self) -> bool:
        """Return whether one more pong may wait for a peer that does not read.

        Only the last ping has to be answered (RFC 6455, 5.5.3).
        """
        self._unread_pongs = self._unread_pongs + 1 if self.stream.writing() else 0
        return self._unread_pongs < _MOST_PONGS

    async def _deliver_messages(self, messages: Messages) -> None:
        payloads = messages.payloads
        if self._takes_many is not None:
            size = sum(map(len, payloads))
            self._message_bytes_in += size
            # Bytes counted while they came do not count as unfinished in the handler.
            if self._accounts is not None and (self._is_counted or size > 2 * _READ_SIZE):
                self._is_counted = True
                self._accounts.account(size, is_whole=True)
            done = self._run_callback(self._takes_many.on_messages, payloads)
            if done is not None:
                await self._wait_for(done)
            if self._turn_is_over(len(payloads) * _MESSAGE_COST):
                await asyncio.sleep(0)
            return
        opcode = TEXT if messages.is_text else BINARY
        for payload in payloads:
            await self._wait_for(self._handle_message(opcode, payload))
            if self._turn_is_over(_MESSAGE_COST):
                await asyncio.sleep(0)

    def _turn_is_over(self, spent: int) -> bool:
        """Count what was spent; return whether others have a turn now."""
        self._spent += spent
        if self._spent < _TURN:
            return False
        self._spent = 0
        return True

    async def _wait_for(self, done: Awaitable[None] | None) -> None:
        if done is not None:
            self._is_held = True
            try:
                await done
            finally:
                self._is_held = False
                self._has_pong = True  # it may have come meanwhile

    @property
    def _received_pong(self) -> bool:
        """Whether the peer counts as alive.

        While the handler holds it back, its pongs are not read, so it counts as alive.
        """
        return self._has_pong or self._is_held

    @_received_pong.setter
    def _received_pong(self, value: bool) -> None:
        self._has_pong = value

    async def periodic_ping(self) -> None:
        """Ping at each interval, and close after the timeout without a pong, if there is one.

        Tornado closes after one unanswered interval. A short one, which keeps connections open
        through proxies, would then end every peer that is busy for a moment.
        """
        now = asyncio.get_running_loop().time
        interval, timeout = self.ping_interval, self.params.ping_timeout or 0  # 0 is none
        heard = now()
        await asyncio.sleep(interval)
        while True:
            self._received_pong = False
            sent = now()
            self.write_ping(b"")
            await asyncio.sleep(interval)
            if self._received_pong:
                heard = sent
            elif timeout and now() - heard > timeout - interval / 2:  # past before the next look
                self.close(reason="ping timed out")
                return

    async def _return_farewell(self) -> None:
        """Answer the close frame of the peer, and close once the answer is sent."""
        self.close(self.close_code)
        # Earlier writes may still wait; `close` has set their timeout.
        await self.stream.write(b"")
        self._end()

    async def _refuse(self, failure: Failure) -> None:
        """Send the close frame for a violation, and close once the peer could read it.

        Closing a socket with unread input resets the connection, and the peer would lose the close
        frame. So the input is read, to its end or for a while (RFC 6455, 7.1.1).
        """
        if isinstance(self.handler, BulkSocket):
            self.handler.refused(failure)
        self.close(failure.code, failure.reason)
        said = self.stream.write(b"")
        said.add_done_callback(lambda _: half_close(self.stream))
        with contextlib.suppress(TimeoutError, StreamClosedError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._drain()
        self._end()

    async def _drain(self) -> None:
        drained = 0
        while drained < _DRAIN_SIZE:
            drained += len(await self.stream.read_bytes(_READ_SIZE, partial=True))
            await asyncio.sleep(0)

    def end(self) -> None:
        """Abort the connection."""
        self._abort()

    def _end(self) -> None:
        self.client_terminated = True
        self.close()

    def _create_compressors(
        self,
        side: str,
        agreed_parameters: dict[str, Any],
        compression_options: dict[str, Any] | None = None,
    ) -> None:
        super()._create_compressors(side, agreed_parameters, compression_options)
        other_side = "client" if side == "server" else "server"
        options = self._get_compressor_options(other_side, agreed_parameters)
        self._inflater = Inflater(
            keeps_context=options["persistent"], window_bits=options["max_wbits"]
        )
        self._decompressor = None  # ours takes its place
        self._compressor = None  # all that is sent is sent as it is

    def send_frames(self, frames: bytes) -> asyncio.Future[None]:
        """Write whole unmasked frames in one go.

        Returns:
            A future that is done once the network has taken them. It fails with
            `StreamClosedError` if the connection ends before.

        Raises:
            StreamClosedError: the connection is closed, or a close frame was sent or received,
                after which nothing may be sent (RFC 6455, 5.5.1).
        """
        if self.is_closing():
            raise StreamClosedError
        sent = self.stream.write(frames)
        self._wire_bytes_out += len(frames)
        return sent


class BulkSocket(WebSocketHandler):
    """Handler with bulk reads; see `TakesMany`."""

    def get_websocket_protocol(self) -> BulkProtocol | None:
        """Return the protocol; None for another version, which Tornado answers with 426."""
        plain = super().get_websocket_protocol()
        if not isinstance(plain, WebSocketProtocol13):
            return None
        return BulkProtocol(self, plain.mask_outgoing, plain.params)

    def refused(self, failure: Failure) -> None:
        """Hear of the violation for which the connection is closed."""

    def send_frames(self, frames: bytes) -> asyncio.Future[None]:
        """Write whole unmasked frames; see `BulkProtocol.send_frames`."""
        connection = self.ws_connection
        if connection is None:
            raise StreamClosedError
        assert isinstance(connection, BulkProtocol)
        return connection.send_frames(frames)

    def abort(self) -> None:
        """Abort the connection without a close frame."""
        if isinstance(self.ws_connection, BulkProtocol):
            self.ws_connection.end()
