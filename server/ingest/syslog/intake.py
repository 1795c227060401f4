"""Way of the messages of one listener into the writer: batched by turn, held back, counted."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from server.connections import Connections
from server.decode.decoded_logs import DecodedLogs
from server.decode.frames import read_columns
from server.ingest.entries import columns_of
from server.ingest.syslog.framing import Message
from server.submissions import Submission
from waterline.metrics.refusals import Drop
from waterline.recognition.recognized import Parts
from waterline.recognition.syslog_messages import SyslogMessages
from waterline.records import MAX_DEPTH, are_too_deep

# Bytes that wait to be decoded, beyond which no more is read.
MOST_WAITING: Final = 2**20
# Bytes of a waiting message besides its content.
_OVERHEAD: Final = 200
# Messages, and their bytes, that are decoded in one turn of the event loop.
_AT_ONCE: Final = 250
_SIZE_AT_ONCE: Final = 2**16
# Seconds between two looks whether logs can be stored again.
_RETRY_SECONDS: Final = 1.0


class _Waiting(NamedTuple):
    message: Message
    host: str

    @property
    def size(self) -> int:
        return len(self.message.content) + _OVERHEAD


class SyslogIntake:
    """Decodes and submits what comes at one listener, and submits again what was refused.

    Nobody sends syslog again, so what was read is held until it can be stored, and no more is read
    meanwhile.

    Args:
        connections: the shared state.
        source: the source of its logs.
        read: recognises messages.
    """

    def __init__(self, connections: Connections, source: str, read: SyslogMessages) -> None:
        self._connections = connections
        self._source = source
        self._read = read
        self._dropped: Counter[str] = Counter()
        self.on_room: Callable[[], None] = lambda: None
        """Called once more may be read, after it was full."""
        self.taken = 0
        """Messages taken since the start."""
        self.is_full = False
        """Whether no more should be read."""
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._refused: list[tuple[DecodedLogs, int]] = []
        self._stores = asyncio.Event()
        self._stores.set()
        self._retry: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Bytes that wait to be decoded."""
        return self._size

    def take(self, messages: Iterable[Message], host: str) -> None:
        """Take messages of one sender.

        Args:
            messages: the messages.
            host: the address of the sender, for those that name no host.
        """
        for each in messages:
            waiting = _Waiting(each, host)
            self._waiting.append(waiting)
            self._size += waiting.size
            self.taken += 1
        if self._waiting and self._work is None:
            # What others send in this turn shares the submission.
            self._work = asyncio.create_task(self._submit_all())
        self._look_for_room()

    def drop(self, count: int, reason: Drop) -> None:
        """Count messages that were dropped."""
        if count:
            self._dropped[reason] += count
            self._connections.refusals.logs(count, reason, self._source)

    def dropped(self) -> dict[str, int]:
        """Return the number of dropped messages by reason since the start; thread-safe."""
        return dict(self._dropped)

    def answer(self, submission: Submission, committed_at: int) -> None:  # noqa: ARG002 - Owner's
        """Hold the logs of a refused submission."""
        if submission.refusal is None:
            return
        self._refused.append((submission.decoded, submission.size))
        self._stores.clear()
        self._look_for_room()
        if self._retry is None:
            self._look_later()

    def flush(self) -> None:
        """Submit all that waits at once, as the server stops."""
        if self._work is not None:
            self._work.cancel()
        if self._retry is not None:
            self._retry.cancel()
        self._submit_refused()
        while self._waiting:
            self._submit_next()

    def give_up(self) -> int:
        """Count what could not be stored as dropped, after the writer has stopped."""
        lost = sum(len(decoded.ids) for decoded, _ in self._refused)
        self._refused.clear()
        self.drop(lost, Drop.NOT_STORED)
        return lost

    async def _submit_all(self) -> None:
        connections = self._connections
        try:
            while self._waiting:
                await self._stores.wait()
                await connections.gate.wait()
                async with connections.turn:
                    self._submit_next()
                    await asyncio.sleep(0)
                self._look_for_room()
        finally:
            self._work = None

    def _submit_next(self) -> None:
        """Decode and submit what one turn of the event loop takes."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < _AT_ONCE and size < _SIZE_AT_ONCE:
            each = self._waiting.popleft()
            batch.append(each)
            self._size -= each.size
            size += len(each.message.content)
        if not batch:
            return
        columns = columns_of([self._parts(each) for each in batch])
        measured = self._connections.measured
        self._submit(read_columns(columns, size, self._source, measured=measured), size)

    def _parts(self, waiting: _Waiting) -> Parts:
        content, is_cut = waiting.message
        text = content.decode(errors="backslashreplace")
        said = self._read(text)
        message, attributes = said.message, said.attributes
        if text.count("[") + text.count("{") >= MAX_DEPTH and are_too_deep([attributes]):
            message = text
            attributes = {
                name: each for name, each in attributes.items() if not are_too_deep([{name: each}])
            }
        if "host" not in attributes:
            attributes = {**attributes, "host": waiting.host}
        if is_cut:
            attributes = {**attributes, "truncated": True}
        return Parts(message, said.timestamp, said.type, attributes)

    def _submit(self, decoded: DecodedLogs, size: int) -> None:
        self._connections.submit(Submission(decoded, size, time.perf_counter(), self))

    def _submit_refused(self) -> None:
        refused: Sequence[tuple[DecodedLogs, int]] = self._refused
        self._refused = []
        for decoded, size in refused:
            # What no log could be made of was counted at the first time.
            self._submit(decoded._replace(outcomes=None), size)

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._retry = loop.call_later(_RETRY_SECONDS, self._look)

    def _look(self) -> None:
        """Submit again what was refused, once the writer stores again."""
        self._retry = None
        if self._connections.writer.refusal is not None:
            self._look_later()
            return
        self._submit_refused()
        self._stores.set()
        self._look_for_room()

    def _look_for_room(self) -> None:
        most = MOST_WAITING // 2 if self.is_full else MOST_WAITING
        was_full, self.is_full = self.is_full, bool(self._refused) or self._size > most
        if was_full and not self.is_full:
            self.on_room()
