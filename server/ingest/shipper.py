"""Base of the endpoints that take the protocols of other programs, in one transaction a body."""

import asyncio
from collections.abc import Iterator
from typing import Any

from server.connections import Connections
from server.decode import new_id
from server.ingest.entries import Entries, Unreadable
from server.ingest.intake import Intake, Whole
from server.ingest.post import RETRY_SECONDS, Post
from server.ingest.repeats import RepeatableIds

Reply = dict[str, Any]
"""Batch ack of all logs of a body, as `replies.batch_replies` makes it."""


class ShipperPost(Post):
    """Request in the protocol of a shipper or a library.

    What each client takes for success, sends again or drops is in docs/shippers.md.
    """

    challenge = 'Bearer, Basic realm="waterline"'

    def initialize(self, connections: Connections) -> None:
        """Store the shared state."""
        super().initialize(connections)
        self._answered: asyncio.Future[Reply] = asyncio.Future()

    def entries(self, content: bytes) -> Iterator[Entries]:
        """Yield the logs of a body, as many at a time as one turn of the event loop takes.

        Args:
            content: the body, decompressed.

        Raises:
            Unreadable: it is not of the protocol.
        """
        raise NotImplementedError

    def respond(self, reply: Reply) -> None:
        """Answer once the logs are durable.

        Args:
            reply: the batch ack.
        """
        raise NotImplementedError

    async def take(self, content: bytes) -> None:
        """Store a body and answer."""
        intake = Intake(self.connections, self.source, Whole(self._hear), self, self.received)
        make_id = RepeatableIds(content) if self.connections.recognises_repeats else new_id
        try:
            await intake.take_entries(self.entries(content), len(content), make_id)
        except Unreadable as error:
            self.fail(400, "unreadable_body", str(error))
            return
        reply = await self._answered
        if self._finished:  # refused, or the client has gone
            return
        if reply["type"] == "error":
            self.fail(503, reply["error"], reply["message"], retry_after=RETRY_SECONDS)
        else:
            self.respond(reply)

    def _hear(self, reply: Reply) -> None:
        if not self._answered.done():
            self._answered.set_result(reply)
