"""Messages of any size on their way to the writer: large ones in parts, and the loop in between."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from server.batches import Batch, Part, no_logs, placed, read_frames
from server.connections import Connections
from server.records import InvalidLog, Rule
from server.replies import MOST_NAMED, batch_replies
from server.slices import (
    MAX_VALUES,
    SLICE_LINES,
    SLICE_SIZE,
    Slice,
    count_values,
    is_array,
    is_small,
    slices,
)
from server.writer import Owner, Submission

# A message that begins with so many things that are no logs, and none that is, is not looked
# through any further: somebody sent another file. What is left is counted by its
# lines, or the commas of an array.
HOPELESS: Final = 10_000


class Whole:
    """The owner of all parts of a message that is answered once, as an HTTP body is.

    Args:
        tell: hears the one reply, once the last part has been stored or refused.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._left = 1  # parts without an answer, and the end
        self._reply: dict[str, Any] = {}
        self._refusal: dict[str, Any] | None = None
        self._more = 0

    def add(self) -> None:
        """Expect one more part."""
        self._left += 1

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Hear that a part was stored or refused."""
        for reply in batch_replies(submission, committed_at):
            if reply["type"] == "ack":
                self._merge(reply)
            else:
                self._refuse(reply)
        self._come_nearer()

    def end(self, more: int) -> None:
        """Expect no further part; so many logs were rejected that no part names."""
        self._more = more
        self._come_nearer()

    def _merge(self, ack: dict[str, Any]) -> None:
        reply = self._reply
        if not reply:
            self._reply = ack
            return
        reply["count"] += ack["count"]
        reply["duplicates"] += ack["duplicates"]
        reply["lastSeq"] = max(filter(None, (reply["lastSeq"], ack["lastSeq"])), default=None)
        reply["timestamp"] = ack["timestamp"]
        reply["errors"] += ack["errors"]

    def _refuse(self, refusal: dict[str, Any]) -> None:
        if self._refusal is None:
            self._refusal = refusal
        else:
            self._refusal["count"] += refusal["count"]
            self._refusal["errors"] += refusal["errors"]

    def _come_nearer(self) -> None:
        self._left -= 1
        if self._left:
            return
        reply = self._reply
        if self._refusal is not None:
            # Some parts may be stored; those are known by their ids when all is sent again.
            errors = [*reply.get("errors", ()), *self._refusal["errors"]]
            reply = self._refusal | {"errors": errors}
        if self._more:
            reply["rejected"] = len(reply["errors"]) + self._more
        self._tell(reply)


class Intake:
    """Takes one message in parts, each small enough for one turn of the loop and one commit.

    Args:
        connections: the way to the writer.
        source: the name of the token that it came with.
        owner: is answered for each part.
        lane: whose other submissions must not overtake it.
        received: when it had come, by `time.perf_counter`.
    """

    def __init__(
        self, connections: Connections, source: str, owner: Owner, lane: object, received: float
    ) -> None:
        self._connections = connections
        self._source = source
        self._owner = owner
        self._lane = lane
        self._received = received
        self._index = 0
        self._valid = 0
        self._named = 0
        self._unnamed = 0

    async def take(self, content: bytes) -> int:
        """Hand all parts to the writer, as there is room.

        Returns:
            how many logs were rejected beyond those that are named one by one.
        """
        connections = self._connections
        for part in slices(content):
            if part.content:
                await connections.gate.wait()
                await connections.gate.room(len(part.content))
                async with connections.turn:
                    await self._take_part(part)
            await asyncio.sleep(0)
            if self._is_hopeless():
                self._count_rest(content, part.end)
                break
        if not self._index:
            self._submit(read_frames([b""], self._source), 0)
        self._tell_unnamed()
        return self._unnamed

    async def _take_part(self, part: Slice) -> None:
        if await self._has_too_much(part.content):
            fault = InvalidLog(f"a log may hold {MAX_VALUES} values at most", Rule.DEPTH)
            self._submit(no_logs(self._source, Part(), fault), len(part.content))
            return
        batch = read_frames([part.content], self._source, measured=self._connections.measured)
        self._submit(batch, len(part.content))

    async def _has_too_much(self, content: bytes) -> bool:
        """Say whether one log would take many times its size in memory once it is decoded."""
        for count in count_values(content):
            if count > MAX_VALUES:
                return True
            await asyncio.sleep(0)
        return False

    def _submit(self, batch: Batch, size: int) -> None:
        batch = placed(batch, self._index, MOST_NAMED - self._named)
        assert batch.frames is not None
        (frame,) = batch.frames
        unnamed = sum(batch.part.unnamed.values())
        self._index += frame.valid + len(frame.rejected) + unnamed
        self._valid += frame.valid
        self._named += len(frame.rejected)
        self._unnamed += unnamed
        self._hand_over(batch, size)

    def _hand_over(self, batch: Batch, size: int) -> None:
        if isinstance(self._owner, Whole):
            self._owner.add()
        submission = Submission(batch, size, self._received, self._owner, lane=self._lane)
        self._connections.submit(submission)

    def _is_hopeless(self) -> bool:
        return not self._valid and self._named + self._unnamed >= HOPELESS

    def _count_rest(self, content: bytes, at: int) -> None:
        if at >= len(content):
            return
        end = b"," if is_array(content) else b"\n"
        rest = content.count(end, at, len(content) - 1) + 1
        self._unnamed += rest
        part = Part(self._index, {Rule.IS_JSON: rest})
        self._hand_over(no_logs(self._source, part), 0)

    def _tell_unnamed(self) -> None:
        if self._unnamed and not isinstance(self._owner, Whole):
            part = Part(self._index, more=self._unnamed)
            self._hand_over(no_logs(self._source, part), 0)


async def take_message(
    connections: Connections,
    source: str,
    content: bytes,
    received: float,
    lane: object,
    tell: Callable[[dict[str, Any]], None],
) -> None:
    """Take a message that is answered once, when all of it is durable."""
    whole = Whole(tell)
    whole.end(await Intake(connections, source, whole, lane, received).take(content))


def are_small(payloads: Sequence[bytes]) -> bool:
    """Whether messages can be looked at in one call without keeping others waiting."""
    return len(payloads) > 1 or is_small(payloads[0])


def runs(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield messages in runs that can be looked at one by one in a call, a large one alone."""
    begin = size = lines = 0
    for index, payload in enumerate(payloads):
        size += len(payload)
        lines += 1 + payload.count(b"\n")
        if index > begin and (size > SLICE_SIZE or lines > SLICE_LINES):
            yield payloads[begin:index]
            begin, size, lines = index, len(payload), 1 + payload.count(b"\n")
    yield payloads[begin:]
