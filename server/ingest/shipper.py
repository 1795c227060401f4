"""Base of the endpoints that take the protocols of other programs, in one transaction a body."""

from abc import abstractmethod
from collections.abc import Iterator

from server.endpoint import WITH_BASIC
from server.ingest.entries import Entries, TooMuch, Unreadable
from server.ingest.post import RETRY_SECONDS, Post, Reply


class ShipperPost(Post):
    """Request in the protocol of a shipper or a library.

    What each client takes for success, sends again or drops is in docs/shippers.md.
    """

    challenge = WITH_BASIC

    @abstractmethod
    def entries(self, content: bytes) -> Iterator[Entries]:
        """Yield the logs of a body, as many at a time as one turn of the event loop takes.

        Args:
            content: the body, decompressed.

        Raises:
            Unreadable: it is not of the protocol.
        """

    @abstractmethod
    def respond(self, reply: Reply) -> None:
        """Answer once the logs are durable.

        Args:
            reply: the batch ack.
        """

    def refuses(self, reply: Reply) -> bool:
        """Return whether nothing of the body could be kept, and end the request with 400 then."""
        if not reply["errors"] or reply["count"]:
            return False
        self.fail(400, "invalid_log", reply["errors"][0]["message"])
        return True

    async def take(self, content: bytes) -> None:
        """Store a body and answer."""
        try:
            await self.store(self.entries(content), content)
        except Unreadable as error:
            self.fail(400, "unreadable_body", str(error))
            return
        except TooMuch as error:
            self.fail(413, "too_large", str(error))
            return
        reply = await self.reply
        if self._finished:  # refused, or the client has gone
            return
        if reply["type"] == "error":
            self.fail(503, reply["error"], reply["message"], retry_after=RETRY_SECONDS)
        else:
            self.respond(reply)
