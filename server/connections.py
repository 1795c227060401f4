"""The WebSockets of producers and readers: who is there and what has not been sent yet."""

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
from server.submissions import Submission
from server.websocket.frames import TEXT, frame_head
from server.websocket.protocol import BulkSocket
from server.writer import Commit, Writer
from waterline.clock import now_ms
from waterline.tokens import Grant, GrantWatch, Scope, TokenFile

# A producer that does not read its acks is not read either beyond this.
MAX_UNSENT: Final = 2**20
# Bytes of large messages that are decoded and stored at once; one that is larger goes alone.
LARGE_AT_ONCE: Final = 2 * 2**20
# A peer that is given up may take so long to read why.
GIVE_UP_SECONDS: Final = 1.0


@dataclass(slots=True)
class Connections:
    """What all connections share: the way to the writer, the hub, and who is there."""

    writer: Writer
    hub: LiveHub
    meter: Meter
    tokens: TokenFile
    limits: TokenLimits
    gate: Gate
    budget: MemoryBudget
    """Of what has not come to its end, over all connections."""
    measured: Sequence[str]
    """Names of the attributes of logs that are measured."""
    draining: bool = False
    large: Room = field(default_factory=lambda: Room(LARGE_AT_ONCE))
    """Where large messages wait until few of them are decoded and stored."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a slice of a large message is decoded: one at a time."""
    watch: GrantWatch = field(init=False)
    open: set["Connection"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.watch = GrantWatch(self.tokens)

    def submit(self, *submissions: Submission) -> None:
        """Hand logs to the writer, all for one transaction; their owner is answered in its turn."""
        for each in submissions:
            if (decoded := each.decoded).outcomes is not None:
                self.meter.rejected(decoded.outcomes, decoded.source, decoded.part.unnamed)
            self.gate.enter(each.weight)
        self.writer.submit(*submissions)

    def deliver(self, commit: Commit) -> None:
        """Answer everyone who waited for a commit, then tell the readers, then measure it."""
        for submission in commit.submissions:
            self.gate.leave(submission.weight)
            submission.owner.answer(submission, commit.committed_at)
        self.hub.publish(commit)
        self.meter.committed(commit)

    def close_withdrawn(self) -> None:
        """Close the connections whose token was revoked; call it each second."""
        gone = self.watch.withdrawn({each.grant for each in self.open})
        if gone:
            for each in [each for each in self.open if each.grant in gone]:
                each.close(1008, "the token was revoked")

    async def close(self, seconds: float) -> None:
        """Let every connection send what it holds, for some seconds at most, and close it."""
        drained = [asyncio.ensure_future(each.drained()) for each in self.open]
        if drained:
            await asyncio.wait(drained, timeout=seconds)
        for each in list(self.open):
            each.close(1001, "the server stops")


class Connection(BulkSocket, Endpoint, tornado.websocket.WebSocketHandler):
    """One WebSocket, with its id and the count of what it has not sent yet."""

    scope: Scope
    grant: Grant

    def initialize(self, connections: Connections) -> None:
        """Take what all connections share."""
        self.connections = connections
        self.client_id = str(uuid_utils.uuid7())
        self._unsent = 0
        self._loan: Loan | None = None
        self._all_sent = asyncio.Event()
        self._all_sent.set()

    def prepare(self) -> None:
        """Let only a token with the right scope in, and a page only from where it may come."""
        if not self.accepts_origin():
            return
        token = self.authorise(self.connections.tokens, self.scope)
        if token is None or not self.accepts_handshake():
            return
        if self.enter(self.connections.limits, token):
            self.grant = Grant(token, self.scope)

    @property
    def source(self) -> str:
        """The name of the token it came in with."""
        return self.grant.token.name

    def get_compression_options(self) -> dict[str, object] | None:
        """Accept permessage-deflate from those who offer it."""
        return {}

    def open(self) -> None:
        """Greet the client and tell the readers of its coming."""
        self.connections.open.add(self)
        # Else the second of two acks waits for the peer's TCP to acknowledge the first: 40 ms.
        self.set_nodelay(True)
        greeting = {"type": "connection", "clientId": self.client_id, "timestamp": now_ms()}
        self.send_text(msgspec.json.encode(greeting))
        self.connections.hub.announce("client_connect", self.client_id, now_ms())

    def on_close(self) -> None:
        """Tell the readers of its going."""
        self.leave()
        self._give_back()
        self.connections.open.discard(self)
        self._all_sent.set()
        self.connections.hub.announce("client_disconnect", self.client_id, now_ms())

    @property
    def unsent(self) -> int:
        """Bytes handed over that the network has not taken; may be asked in any thread."""
        # What it took at once is accounted for only when the loop comes round; a burst of frames
        # must not look like a slow peer until then.
        connection = self.ws_connection
        stream = None if connection is None else connection.stream
        if stream is None or not stream.writing():
            return 0
        return self._unsent

    def send_text(self, message: bytes) -> None:
        """Send one text message; nothing happens when the peer has gone."""
        self.send(frame_head(TEXT, len(message)) + message)

    def send(self, frames: bytes) -> None:
        """Send whole frames; nothing happens when the peer has gone."""
        try:
            sent = self.send_frames(frames)
        except tornado.iostream.StreamClosedError:
            return
        size = len(frames)
        self._unsent += size
        self._all_sent.clear()

        def account(future: asyncio.Future[None]) -> None:
            self._unsent -= size
            if not self._unsent:
                self._all_sent.set()
            if not future.cancelled():
                future.exception()  # the peer has gone; on_close says so

        sent.add_done_callback(account)

    async def drained(self) -> None:
        """Return once everything has been handed to the network, or the peer has gone."""
        await self._all_sent.wait()

    def account(self, held: int, *, is_whole: bool) -> Awaitable[None] | None:
        """Count what has come of a message; return what to wait for before more is read."""
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
        """Close for want of memory; the peer may come back and send again."""
        self._loan = None
        self.close(1013, reason)  # Try Again Later
        asyncio.get_running_loop().call_later(GIVE_UP_SECONDS, self.abort)

    def _give_back(self) -> None:
        if self._loan is not None:
            self.connections.budget.close(self._loan)
            self._loan = None
