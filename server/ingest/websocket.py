"""WebSocket endpoint /ingest, where producers push logs; replies keep the order of the logs."""

import asyncio
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, Final

import msgspec

from server.connections import MAX_UNSENT, Connection
from server.decode.frames import read_frames, read_sound
from server.decode.objects import OBJECTS
from server.ingest.intake import Intake, are_small, runs, take_message
from server.ingest.overrides import object_reader
from server.ingest.replies import AckMode, replies
from server.ingest.slices import RUN_SIZE
from server.submissions import Submission
from server.websocket.frames import MAX_MESSAGE_SIZE, Failure
from server.websocket.messages import TOO_BIG
from waterline.metrics.refusals import BodyFault
from waterline.tokens import Scope

_NO_WAY_FOR_A_LOG: Final = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UPGRADE_REQUIRED)


class IngestSocket(Connection):
    """Connection of a producer, answered once its logs are durable."""

    scope = Scope.INGEST
    takes = "WebSockets and POST"
    ack_mode = AckMode.EACH
    with_seqs = False
    reader = OBJECTS

    def prepare(self) -> None:
        """Admit a token with a valid ack mode."""
        super().prepare()
        if self._finished:
            return
        asked = self.get_query_argument("ack", AckMode.EACH)
        try:
            self.ack_mode = AckMode(asked)
        except ValueError:
            self.fail(400, "bad_request", f"ack is each, batch or none, not {asked[:20]!r}")
        self.with_seqs = self.get_query_argument("seqs", "") == "true"
        self.reader = object_reader(self.get_query_argument)

    def fail(
        self, status: int, error: str, message: str, *, retry_after: float | None = None
    ) -> None:
        """Refuse the request; a log in a GET, as Python's HTTPHandler sends it, is counted.

        Args:
            status: the HTTP status.
            error: code for programs.
            message: sentence for people.
            retry_after: seconds until a retry makes sense.
        """
        if self.sender and (status in _NO_WAY_FOR_A_LOG):
            self._count(BodyFault.METHOD, message)
        super().fail(status, error, message, retry_after=retry_after)

    def refused(self, failure: Failure) -> None:
        """Count a message that is too large."""
        if failure.code == TOO_BIG:
            size = MAX_MESSAGE_SIZE // 2**20
            self._count(BodyFault.TOO_LARGE, f"a message may hold {size} MiB at most")

    def _count(self, fault: BodyFault, sentence: str) -> None:
        self.connections.refusals.body(fault, "/ingest", self.sender, sentence)

    def on_messages(self, payloads: list[bytes]) -> Awaitable[None] | None:
        """Submit logs; return what to await before the next read, if anything."""
        connections = self.connections
        if connections.draining:
            return None
        received = time.perf_counter()
        source, size = self.source, sum(map(len, payloads))
        decoded = None
        if size <= RUN_SIZE:
            decoded = read_sound(
                payloads, source, measured=connections.measured, reader=self.reader
            )
        if decoded is None:
            return self._take_slowly(payloads, received)
        connections.submit(Submission(decoded, size, received, self))
        seconds = connections.limits.take(source, size)
        if not seconds and connections.gate.is_open and self.unsent < MAX_UNSENT:
            return None
        return self._hold(seconds)

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Send the replies to a submission."""
        frames = replies(submission, self.ack_mode, committed_at, with_seqs=self.with_seqs)
        if frames:
            self.send(frames)

    async def _take_slowly(self, payloads: list[bytes], received: float) -> None:
        """Take messages that are large or have invalid logs."""
        for run in runs(payloads):
            if self.connections.draining or self.ws_connection is None:
                return
            size = sum(map(len, run))
            if are_small(run):
                # One slice a turn of the loop, however many producers send what is no log.
                async with self.connections.turn:
                    measured = self.connections.measured
                    decoded = read_frames(run, self.source, measured=measured, reader=self.reader)
                    self.connections.submit(Submission(decoded, size, received, self))
                    await asyncio.sleep(0)
            else:
                await self._take_large(run[0], received)
            await self._hold(self.connections.limits.take(self.source, size))

    async def _take_large(self, content: bytes, received: float) -> None:
        if self.ack_mode is AckMode.BATCH:
            await take_message(
                self.connections,
                self.source,
                content,
                received,
                self,
                self._answer_whole,
                reader=self.reader,
                with_seqs=self.with_seqs,
            )
        else:
            intake = Intake(self.connections, self.source, self, self, received, reader=self.reader)
            await intake.take(content)

    def _answer_whole(self, reply: dict[str, Any]) -> None:
        self.send_text(msgspec.json.encode(reply))

    async def _hold(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.connections.gate.wait()
        if self.unsent >= MAX_UNSENT:
            await self.drained()
