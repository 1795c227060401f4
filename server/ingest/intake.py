"""Intake of large messages, decoded in slices with turns for others."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from server.connections import Connections
from server.decode.decoded_logs import DecodedLogs, Part, counted, no_logs, placed
from server.decode.frames import read_columns, read_frames
from server.decode.ids import MakeIds
from server.decode.json_values import array_fault, is_json
from server.decode.objects import OBJECTS
from server.ingest.entries import MOST_REPEATED, NO_COLUMNS, Entries, TooMuch
from server.ingest.replies import MOST_NAMED, batch_replies
from server.ingest.slices import (
    MAX_VALUES,
    RUN_LINES,
    SLICE_SIZE,
    Slice,
    count_values,
    is_array,
    is_object,
    is_small,
    slices,
)
from server.submissions import Owner, Submission
from waterline.recognition.objects import ObjectReader
from waterline.records import MAX_DEPTH, InvalidLog, Rule

# Entries without any valid log, after which a message is given up as some other file. The rest is
# counted by its lines, or by the commas of an array.
HOPELESS: Final = 10_000


class Whole:
    """Owner of all slices of a message that is stored in one transaction and answered once.

    Args:
        tell: called with the one reply, after the last slice was stored or refused.
        with_seqs: whether the reply has the seq of each log.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None], *, with_seqs: bool = False) -> None:
        self._tell = tell
        self._with_seqs = with_seqs
        self._left = 0
        self._more = 0
        self._reply: dict[str, Any] = {}

    def expect(self, parts: int, more: int) -> None:
        """Set the number of slices, and of rejected logs without a name.

        Call it before the slices are submitted.
        """
        self._left, self._more = parts, more

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Merge the result of a slice."""
        for reply in batch_replies(submission, committed_at, with_seqs=self._with_seqs):
            self._merge(reply)
        self._left -= 1
        if self._left:
            return
        if self._more:
            self._reply["rejected"] = len(self._reply["errors"]) + self._more
        self._tell(self._reply)

    def _merge(self, part: dict[str, Any]) -> None:
        reply = self._reply
        if not reply:
            self._reply = part
            return
        errors, reply["errors"] = reply["errors"], []
        if reply["type"] != part["type"]:
            # A slice without a valid log is acked although the others were refused.
            self._reply = reply = reply if reply["type"] == "error" else part
        errors += part["errors"]
        reply["errors"] = errors
        if reply["type"] == "ack" and part["type"] == "ack":
            reply["count"] += part["count"]
            reply["duplicates"] += part["duplicates"]
            reply["lastSeq"] = max(filter(None, (reply["lastSeq"], part["lastSeq"])), default=None)
            reply["timestamp"] = part["timestamp"]
            if self._with_seqs:
                reply["seqs"] += part["seqs"]


class _DamagedArray(Exception):
    """An array is no JSON somewhere, so none of it is a log."""

    def __init__(self, fault: InvalidLog) -> None:
        self.fault = fault


class Intake:
    """Decodes one large message in slices, with turns for others in between.

    Args:
        connections: the shared state.
        source: the name of the token.
        owner: receives the results. A `Whole` has all slices in one transaction and one reply, any
            other owner each slice as soon as it is stored.
        lane: key whose submissions stay in order.
        received: time of receipt, by `time.perf_counter`.
        reader: recognises objects of other programs.
        name_foreign: returns ids for logs of other programs; default new ones.
    """

    def __init__(
        self,
        connections: Connections,
        source: str,
        owner: Owner,
        lane: object,
        received: float,
        *,
        reader: ObjectReader = OBJECTS,
        name_foreign: MakeIds | None = None,
    ) -> None:
        self._connections = connections
        self._source = source
        self._owner = owner
        self._lane = lane
        self._received = received
        self._reader = reader
        self._name_foreign = name_foreign
        self._index = 0
        self._is_array = False
        self._valid = 0
        self._named = 0
        self._unnamed = 0
        self._parts: list[Submission] = []
        self._last: Submission | None = None
        self._answered = asyncio.Event()

    async def take(self, content: bytes) -> None:
        """Submit a message in its turn; return once it is answered."""
        connections = self._connections
        async with connections.large.room(len(content)):
            await connections.gate.wait()
            await connections.gate.room(len(content) if self._is_whole else 0)
            await self._take_slices(content)
            if not self._index:
                self._submit(read_frames([b""], self._source), 0)
            self._tell_unnamed()
            await self._finish()

    async def take_entries(self, batches: Iterator[Entries], size: int, make_ids: MakeIds) -> None:
        """Submit what was recognised in a body, all of it in one transaction; return once answered.

        Args:
            batches: the logs, some at a time, each made within a turn of the event loop. One may
                be empty.
            size: bytes of the body.
            make_ids: returns ids for logs without one.
        """
        connections = self._connections
        async with connections.large.room(size):
            await connections.gate.wait()
            await connections.gate.room(size)
            repeated = 0
            while True:
                async with connections.turn:
                    batch = next(batches, None)
                    if batch is None:
                        break
                    repeated += batch.repeated
                    if repeated > MOST_REPEATED:
                        raise TooMuch(
                            "what the logs of this body share, as attributes of a resource or "
                            f"labels, makes more than {MOST_REPEATED // 2**20} MiB, as it is part "
                            "of each log; send fewer at once"
                        )
                    if batch.columns.messages:
                        self._submit_entries(batch, make_ids)
                    await asyncio.sleep(0)
            if not self._index:
                self._submit(read_columns(NO_COLUMNS, 0, self._source), 0)
            await self._finish()

    def _submit_entries(self, batch: Entries, make_ids: MakeIds) -> None:
        measured = self._connections.measured
        decoded = read_columns(
            batch.columns, batch.size, self._source, batch.ids, make_ids, measured
        )
        self._submit(decoded, batch.size)

    async def _finish(self) -> None:
        """Submit what is held for one transaction, and wait for the answer."""
        if isinstance(self._owner, Whole):
            self._owner.expect(len(self._parts), self._unnamed)
            self._connections.submit(*self._parts)
            self._parts.clear()
        # Its memory is released with the commit.
        await self._answered.wait()

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Pass the result of a slice on to the owner."""
        self._owner.answer(submission, committed_at)
        if submission is self._last:
            self._last = None  # frees its rows at once
            self._answered.set()

    @property
    def _is_whole(self) -> bool:
        return isinstance(self._owner, Whole)

    async def _take_slices(self, content: bytes) -> None:
        self._is_array = is_array(content)
        try:
            if self._is_array and not self._is_whole:
                await self._check_array(content)
            await self._take_all(content)
        except _DamagedArray as damage:
            self._parts.clear()
            self._index = self._named = self._unnamed = 0
            self._submit(no_logs(self._source, Part(), damage.fault), len(content))

    async def _take_all(self, content: bytes) -> None:
        cut: Iterable[Slice] = slices(content)
        if await self._is_one(content):
            cut = [Slice(content, len(content))]
        for part in cut:
            if part.content:
                if not self._is_whole:
                    await self._connections.gate.wait()
                    await self._connections.gate.room(len(part.content))
                async with self._connections.turn:
                    await self._take_part(part)
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(0)
            if self._is_hopeless():
                self._count_rest(content, part.end)
                return

    async def _is_one(self, content: bytes) -> bool:
        """Return whether the message is one log on several lines."""
        end = content.find(b"\n") + 1
        if not end or not is_object(content) or is_json(content[:end]):
            return False
        if await self._has_too_much(content):
            return False
        async with self._connections.turn:
            return is_json(content)

    async def _check_array(self, content: bytes) -> None:
        """Check a whole array before any of it is stored, as a damaged one is refused whole."""
        for part in slices(content):
            if part.content and not await self._has_too_much(part.content):
                async with self._connections.turn:
                    self._check_part(part)
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(0)

    def _check_part(self, part: Slice) -> None:
        fault = array_fault(part.content)
        if fault is not None:
            raise _DamagedArray(fault)

    async def _take_part(self, part: Slice) -> None:
        if await self._has_too_much(part.content):
            self._submit(no_logs(self._source, Part(), _too_much(part.content)), len(part.content))
            return
        measured = self._connections.measured
        decoded = read_frames(
            [part.content],
            self._source,
            measured=measured,
            reader=self._reader,
            name_foreign=self._name_foreign,
        )
        if self._is_whole and self._is_array and not decoded.ids:
            self._check_part(part)
        self._submit(decoded, len(part.content))

    async def _has_too_much(self, content: bytes) -> bool:
        """Return whether a log has so many values that decoding takes too much memory."""
        for count in count_values(content):
            if count > MAX_VALUES:
                return True
            await asyncio.sleep(0)
        return False

    def _submit(self, decoded: DecodedLogs, size: int) -> None:
        decoded = placed(decoded, self._index, MOST_NAMED - self._named)
        assert decoded.outcomes is not None
        (frame,) = decoded.outcomes
        unnamed = sum(decoded.part.unnamed.values())
        self._index += frame.valid + len(frame.rejected) + unnamed
        self._valid += frame.valid
        self._named += len(frame.rejected)
        self._unnamed += unnamed
        self._hand_over(counted(decoded) if self._is_whole else decoded, size)

    def _hand_over(self, decoded: DecodedLogs, size: int) -> None:
        self._last = Submission(decoded, size, self._received, self, lane=self._lane)
        self._answered.clear()
        if self._is_whole:
            self._parts.append(self._last)
        else:
            self._connections.submit(self._last)

    def _is_hopeless(self) -> bool:
        return not self._valid and self._named + self._unnamed >= HOPELESS

    def _count_rest(self, content: bytes, at: int) -> None:
        if at >= len(content):
            return
        end = b"," if self._is_array else b"\n"
        rest = content.count(end, at, len(content) - 1) + 1
        self._unnamed += rest
        part = Part(self._index, {Rule.IS_JSON: rest})
        self._hand_over(no_logs(self._source, part), 0)

    def _tell_unnamed(self) -> None:
        if self._unnamed and not self._is_whole:
            part = Part(self._index, more=self._unnamed)
            self._hand_over(no_logs(self._source, part), 0)


def _too_much(content: bytes) -> InvalidLog:
    """Return the fault of a log with too many values, often a bomb of brackets."""
    if content.count(b"[") + content.count(b"{") > content.count(b","):
        return InvalidLog(f"this JSON is nested more than {MAX_DEPTH} levels deep", Rule.DEPTH)
    return InvalidLog(f"a log may hold {MAX_VALUES} values at most", Rule.DEPTH)


async def take_message(
    connections: Connections,
    source: str,
    content: bytes,
    received: float,
    lane: object,
    tell: Callable[[dict[str, Any]], None],
    *,
    reader: ObjectReader,
    name_foreign: MakeIds | None = None,
    with_seqs: bool = False,
) -> None:
    """Take a large message in one transaction, with one reply.

    Args:
        connections: the shared state.
        source: the name of the token.
        content: the message.
        received: time of receipt, by `time.perf_counter`.
        lane: key whose submissions stay in order.
        tell: called with the reply.
        reader: recognises objects of other programs.
        name_foreign: returns ids for logs of other programs; default new ones.
        with_seqs: whether the reply has the seq of each log.
    """
    whole = Whole(tell, with_seqs=with_seqs)
    intake = Intake(
        connections, source, whole, lane, received, reader=reader, name_foreign=name_foreign
    )
    await intake.take(content)


def are_small(payloads: Sequence[bytes]) -> bool:
    """Return whether messages are small enough to decode in one call."""
    return len(payloads) > 1 or is_small(payloads[0])


def runs(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield messages in runs small enough to decode in one call, large ones alone."""
    begin = size = lines = 0
    for index, payload in enumerate(payloads):
        size += len(payload)
        lines += 1 + payload.count(b"\n")
        if index > begin and (size > SLICE_SIZE or lines > RUN_LINES):
            yield payloads[begin:index]
            begin, size, lines = index, len(payload), 1 + payload.count(b"\n")
    yield payloads[begin:]
