"""Where producers push logs: the WebSocket /ingest, with replies in the order of the logs."""

import asyncio
import time
from collections.abc import Awaitable

from server.auth import Scope
from server.batches import read_frames
from server.connections import MAX_UNSENT, Connection
from server.replies import AckMode, replies
from server.writer import Submission


class Producer(Connection):
    """A connection that pushes logs and is answered once they are durable."""

    scope = Scope.INGEST
    ack_mode = AckMode.EACH

    def prepare(self) -> None:
        """Let in who holds a token and says clearly which acks it wants."""
        super().prepare()
        if self._finished:
            return
        asked = self.get_query_argument("ack", AckMode.EACH)
        try:
            self.ack_mode = AckMode(asked)
        except ValueError:
            self.fail(400, "bad_request", f"ack is each, batch or none, not {asked[:20]!r}")

    def on_messages(self, payloads: list[bytes]) -> Awaitable[None] | None:
        """Hand logs to the writer; return something to wait for where it must not go on."""
        connections = self.connections
        if connections.draining:
            return None
        received = time.perf_counter()
        batch = read_frames(payloads, self.source, measured=connections.measured)
        size = sum(map(len, payloads))
        connections.submit(Submission(batch, size, received, self))
        seconds = connections.limits.take(self.source, size)
        if not seconds and connections.gate.is_open and self.unsent < MAX_UNSENT:
            return None
        return self._hold(seconds)

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Send what became of a submission."""
        frames = replies(submission, self.ack_mode, committed_at)
        if frames:
            self.send(frames)

    async def _hold(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.connections.gate.wait()
        if self.unsent >= MAX_UNSENT:
            await self.drained()
