"""WebSocket connections of producers and readers, and what they share."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import tornado.iostream
import tornado.websocket
import uuid_utils

from server.backpressure import Gate, Room
from server.endpoint import Endpoint
from server.live.hub import LiveHub
from server.memory_budget import Loan, MemoryBudget
from server.metering import Meter
from server.rate_limits import TokenLimits
from server.refusals import Refusals
from server.submissions import Submission
from server.websocket.frames import TEXT, frame_head
from server.websocket.protocol import BulkSocket
from server.writer import Commit, Writer
from waterline.clock import now_ms
from waterline.tokens import Grant, GrantWatch, Scope, TokenFile

# Bytes of unread acks, beyond which a producer is not read.
MAX_UNSENT: Final = 2**20
# Bytes of large messages that are decoded at once; a larger one goes alone.
LARGE_AT_ONCE: Final = 2 * 2**20
# Seconds that a peer gets to read why its connection ends.
GIVE_UP_SECONDS: Final = 1.0


@dataclass(slots=True)
class Connections:
    """State shared by all connections: writer, hub, limits, and the set of open ones."""

    writer: Writer
    hub: LiveHub
    meter: Meter
    refusals: Refusals
    """Takes bodies that are refused whole."""
    tokens: TokenFile
    limits: TokenLimits
    gate: Gate
    budget: MemoryBudget
    """Memory of unfinished messages and bodies, over all connections."""
    measured: Sequence[str]
    """Names of the measured attributes."""
    recognises_repeats: bool = True
    """Whether a body that a shipper sends again is stored once."""
    syslog_open: int = 0
    """Number of open connections of syslog."""
    draining: bool = False
    """Whether messages of WebSockets are no longer taken; their clients connect again."""
    is_over: bool = False
    """Whether bodies are no longer taken either; their clients are told an error."""
    large: Room = field(default_factory=lambda: Room(LARGE_AT_ONCE))
    """Admission of large messages."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Lock held while a slice is decoded, and until others had their turn of the event loop."""
    watch: GrantWatch = field(init=False)
    open: set["Connection"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.watch = GrantWatch(self.tokens)

    def submit(self, *submissions: Submission) -> None:
        """Hand logs to the writer for one transaction; their owner is answered in its turn."""
        for each in submissions:
            if (decoded := each.decoded).outcomes is not None:
                self.meter.rejected(decoded.outcomes, decoded.source, decoded.part.unnamed)
            self.gate.enter(each.weight)
        self.writer.submit(*submissions)

    def deliver(self, commit: Commit) -> None:
        """Answer the owners of a commit, publish it to readers, then measure it."""
        self.gate.leave(sum(each.weight for each in commit.submissions))
        for each in commit.submissions:
            each.owner.answer(each, commit.committed_at)
        self.hub.publish(commit)
        self.meter.committed(commit)

    def close_withdrawn(self) -> None:
        """Close the connections of withdrawn grants; call it each second."""
        gone = self.watch.withdrawn({each.grant for each in self.open})
        if gone:
            for each in [each for each in self.open if each.grant in gone]:
                each.close(1008, "the token was revoked")

    async def close(self, seconds: float) -> None:
        """Flush every connection, for some seconds at most, and close it."""
        drained = [asyncio.ensure_future(each.drained()) for each in self.open]
        if drained:
            await asyncio.wait(drained, timeout=seconds)
        for each in list(self.open):
            each.close(1001, "the server stops")


class Connection(BulkSocket, Endpoint, tornado.websocket.WebSocketHandler):
    """WebSocket with an id and a count of unsent bytes."""

    scope: Scope
    grant: Grant

    def initialize(self, connections: Connections) -> None:
        """Store the shared state."""
        self.connections = connections
        self.client_id = str(uuid_utils.uuid7())
        self._unsent = 0
        self._loan: Loan | None = None
        self._all_sent = asyncio.Event()
        self._all_sent.set()

    def prepare(self) -> None:
        """Admit only a token with the scope, and only pages of allowed origins."""
        if not self.accepts_origin():
            return
        token = self.authorise(self.connections.tokens, self.scope)
        if token is None or not self.accepts_handshake():
            return
        if self.enter(self.connections.limits, token):
            self.grant = Grant(token, self.scope)

    @property
    def source(self) -> str:
        """Name of its token."""
        return self.grant.token.name

    def get_compression_options(self) -> dict[str, object] | None:
        """Accept offers of permessage-deflate."""
        return {}

    def open(self) -> None:
        """Greet the client and announce it to readers."""
        self.connections.open.add(self)
        # With Nagle's algorithm a second ack waits for the TCP ACK of the first: 40 ms.
        self.set_nodelay(True)
        greeting = {"type": "connection", "clientId": self.client_id, "timestamp": now_ms()}
        self.send_text(msgspec.json.encode(greeting))
        self.connections.hub.announce("client_connect", self.client_id, now_ms())

    def on_close(self) -> None:
        """Release its resources and announce its end to readers."""
        self.leave()
        self._give_back()
        self.connections.open.discard(self)
        self._all_sent.set()
        self.connections.hub.announce("client_disconnect", self.client_id, now_ms())

    @property
    def unsent(self) -> int:
        """Bytes that the network has not taken yet; thread-safe."""
        if not self._unsent:
            return 0
        # Bytes that were taken meanwhile are accounted for only in the next turn of the loop. A
        # burst of frames must not look like a slow peer until then.
        connection = self.ws_connection
        stream = None if connection is None else connection.stream
        return self._unsent if stream is not None and stream.writing() else 0

    def send_text(self, message: bytes) -> None:
        """Send one text message; do nothing if the peer has gone."""
        self.send(frame_head(TEXT, len(message)) + message)

    def send(self, frames: bytes) -> None:
        """Send whole frames; do nothing if the peer has gone."""
        try:
            sent = self.send_frames(frames)
        except tornado.iostream.StreamClosedError:
            return
        if sent.done():  # the network has taken them at once, as nearly always
            return
        size = len(frames)
        self._unsent += size
        self._all_sent.clear()

        def account(future: asyncio.Future[None]) -> None:
            self._unsent -= size
            if not self._unsent:
                self._all_sent.set()
            if not future.cancelled():
                future.exception()  # the peer has gone, which on_close handles

        sent.add_done_callback(account)

    async def drained(self) -> None:
        """Wait until all bytes are sent, or the peer has gone."""
        await self._all_sent.wait()

    def account(self, held: int, *, is_whole: bool) -> Awaitable[None] | None:
        """Count the bytes of an unfinished message; return what to await before the next read."""
        if not held:
            self._give_back()
            return None
        budget = self.connections.budget
        if self._loan is None:
            self._loan = budget.open(self)
        self._loan.is_whole = is_whole
        budget.resize(self._loan, held)
        return None if is_whole else budget.room(self._loan)

    def give_up(self, reason: str) -> None:
        """Close for lack of memory; the peer may come back and send again."""
        self._loan = None
        self.close(1013, reason)  # Try Again Later
        asyncio.get_running_loop().call_later(GIVE_UP_SECONDS, self.abort)

    def _give_back(self) -> None:
        if self._loan is not None:
            self.connections.budget.close(self._loan)
            self._loan = None
