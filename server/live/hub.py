"""Hub that sends committed logs to live readers, with a bounded buffer each."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final, NamedTuple, Protocol

import msgspec

from server.live.filters import EVERYTHING, Filter
from server.turns import Turns
from server.websocket.frames import TEXT, frame_head
from server.writer import Commit
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.records import StoredLog, encode_stored

# Bytes, from which a frame is sent without waiting for the next tick.
FRAME_SIZE: Final = 512 * 1024
# Different filters of all readers, at most.
MAX_FILTERS: Final = 100
# Characters looked at, by all readers, before others have a turn, and in one step of that.
MATCHED_AT_ONCE: Final = 2 * 2**20
MATCHED_A_STEP: Final = 2**18
TICK_SECONDS: Final = 0.2
TICKS_A_POSITION: Final = 5

_LOGS_BEGIN: Final = b'{"type":"logs","logs":['
_LOGS_END: Final = b"]}"


class Reader(Protocol):
    """Connection that takes frames and counts unsent bytes."""

    @property
    def unsent(self) -> int:
        """Bytes that the peer has not taken yet."""

    def send(self, frames: bytes) -> None:
        """Queue whole WebSocket frames."""


def logs_frame(lines: Sequence[bytes]) -> bytes:
    """Return the frame of logs that are encoded as JSON."""
    logs = b",".join(lines)
    head = frame_head(TEXT, len(_LOGS_BEGIN) + len(logs) + len(_LOGS_END))
    return b"".join((head, _LOGS_BEGIN, logs, _LOGS_END))


def position_frame(seq: int) -> bytes:
    """Return the frame that says that all matching logs up to a seq were sent."""
    return _frame(type="position", seq=seq)


def _skipped_frame(first: int, last: int, reason: str) -> bytes:
    """Return the frame about skipped logs.

    Args:
        first: lowest skipped seq.
        last: highest skipped seq.
        reason: why.
    """
    return _frame(**{"type": "skipped", "from": first, "to": last, "reason": reason})


def _frame(**members: object) -> bytes:
    body = msgspec.json.encode(members)
    return frame_head(TEXT, len(body)) + body


@dataclass(slots=True)
class _Subscription:
    """Reader with its last told position, and its skipped range, if any."""

    reader: Reader
    told: int
    buffer_size: int
    skipped_from: int | None = None
    skipped_to: int = 0

    def offer(self, frame: bytes) -> bool:
        """Send a frame and return True, or return False if it does not fit.

        A skipped range is told first. A reader with an empty buffer takes any frame, also one
        larger than the buffer.
        """
        unsent = self.reader.unsent
        if unsent and unsent + len(frame) > self.buffer_size:
            return False
        if self.skipped_from is not None:
            self.reader.send(_skipped_frame(self.skipped_from, self.skipped_to, metrics.SLOW))
            self.skipped_from = None
        self.reader.send(frame)
        return True

    def skip(self, first: int, last: int) -> int:
        """Extend the skipped range; return by how many seqs."""
        grown = last - (first - 1 if self.skipped_from is None else self.skipped_to)
        if self.skipped_from is None:
            self.skipped_from = first
        self.skipped_to = last
        return grown


class _Feed:
    """Readers with the same filter, and the logs gathered for their next frame."""

    def __init__(self, wanted: Filter, frame_size: int) -> None:
        self.subscriptions: dict[Reader, _Subscription] = {}
        self._wanted = wanted
        self._frame_size = frame_size
        self._lines: list[bytes] = []
        self._size = 0
        self._first = 0
        self._last = 0

    @property
    def wanted(self) -> Filter:
        """Filter of its readers."""
        return self._wanted

    def take(
        self, logs: Sequence[StoredLog], lines: Sequence[bytes], chosen: Sequence[bool] | None
    ) -> int:
        """Gather the chosen logs; return the number of newly skipped ones, as `flush`.

        Args:
            logs: the logs.
            lines: the logs as JSON.
            chosen: whether each log matches; None is all.
        """
        if chosen is not None:
            logs, lines = list(compress(logs, chosen)), list(compress(lines, chosen))
        begin = skipped = 0
        for at, line in enumerate(lines, 1):
            self._size += len(line)
            if self._size >= self._frame_size:
                self._gather(logs[begin:at], lines[begin:at])
                skipped += self.flush()
                begin = at
        self._gather(logs[begin:], lines[begin:])
        return skipped

    def skip(self, first: int, last: int) -> int:
        """Skip logs for all readers, for lack of time to match them."""
        skipped = self.flush()
        return skipped + sum(each.skip(first, last) for each in self.subscriptions.values())

    def flush(self) -> int:
        """Send the gathered logs; readers without room skip them.

        Returns:
            Number of newly skipped logs, summed over readers.
        """
        if not self._lines:
            return 0
        frame = logs_frame(self._lines)
        self._lines, self._size = [], 0
        behind = [each for each in self.subscriptions.values() if not each.offer(frame)]
        return sum(each.skip(self._first, self._last) for each in behind)

    def tell(self, seq: int) -> None:
        """Send the position to readers for whom it has moved."""
        frame = position_frame(seq)
        for each in self.subscriptions.values():
            if each.told != seq and each.offer(frame):
                each.told = seq

    def _gather(self, logs: Sequence[StoredLog], lines: Sequence[bytes]) -> None:
        if not logs:
            return
        if not self._lines:
            self._first = logs[0].seq
        self._lines += lines
        self._last = logs[-1].seq


class _Published(NamedTuple):
    """Logs of a commit, the same as JSON, and their highest seq."""

    logs: Sequence[StoredLog]
    lines: Sequence[bytes]
    last_seq: int


def _published(commit: Commit) -> Iterator[_Published]:
    """Yield the new logs of a commit in parts."""
    for logs in commit.new_logs():
        if logs:
            yield _Published(logs, list(map(encode_stored, logs)), logs[-1].seq)


class LiveHub:
    """Encodes each log once for all readers, on the event loop.

    Readers with the same filter share the bytes of each frame. Frames are not compressed, which
    would cost a core for each reader.

    Args:
        buffer_size: unsent bytes of a reader, beyond which logs are skipped for it.
        last_seq: the last committed seq.
        recorder: counts skipped logs.
    """

    def __init__(self, buffer_size: int, last_seq: int, recorder: MetricsRecorder) -> None:
        self._recorder = recorder
        self._buffer_size = buffer_size
        # A frame as large as the buffer would fit only into an empty one.
        self.frame_size: Final = min(FRAME_SIZE, buffer_size // 2)
        self._feeds: dict[Filter, _Feed] = {}
        self._wanted_by: dict[Reader, Filter] = {}
        self._last_seq = last_seq
        self._ticks = 0
        self._backlog: deque[Commit] = deque()
        self._behind = 0  # bytes of the backlog
        self._matching: asyncio.Task[None] | None = None
        self._is_hurried = False
        self.turns: Final = Turns(MATCHED_AT_ONCE)
        """Turns of all who match logs."""

    @property
    def readers(self) -> int:
        """Number of subscribed readers."""
        return len(self._wanted_by)

    @property
    def lag(self) -> int:
        """Unsent bytes of the slowest reader; thread-safe."""
        # The copy is atomic, so that no reader comes or goes meanwhile.
        return max((reader.unsent for reader in tuple(self._wanted_by)), default=0)

    @property
    def last_seq(self) -> int:
        """Highest published seq."""
        return self._last_seq

    def subscribe(self, reader: Reader, wanted: Filter = EVERYTHING) -> None:
        """Subscribe a reader, which is sent the position and then matching logs."""
        feed = self._feeds.get(wanted)
        if feed is None:
            feed = self._feeds[wanted] = _Feed(wanted, self.frame_size)
        # The gathered logs were published before its subscription.
        self._count(feed.flush(), metrics.SLOW)
        reader.send(position_frame(self._last_seq))
        feed.subscriptions[reader] = _Subscription(reader, self._last_seq, self._buffer_size)
        self._wanted_by[reader] = wanted

    def unsubscribe(self, reader: Reader) -> None:
        """Remove a reader; an unknown one is ignored."""
        wanted = self._wanted_by.pop(reader, None)
        if wanted is None:
            return
        feed = self._feeds[wanted]
        del feed.subscriptions[reader]
        if not feed.subscriptions:
            del self._feeds[wanted]

    def publish(self, commit: Commit) -> None:
        """Publish a commit."""
        if commit.last_seq is None:
            return
        if not self._feeds and not self._backlog:
            self._last_seq = commit.last_seq
            return
        if not self._backlog and commit.size <= MATCHED_AT_ONCE:
            published = [*_published(commit)]
            wanted = [feed.wanted for feed in self._feeds.values()]
            cost = sum(each.cost(part.logs) for each in wanted for part in published)
            if cost <= MATCHED_AT_ONCE:
                for part in published:
                    self._take(part, {each: each.choose(part.logs) for each in wanted})
                return
        self._backlog.append(commit)
        self._behind += commit.size
        if self._matching is None:
            self._matching = asyncio.ensure_future(self._match_all())

    async def settle(self, seconds: float) -> None:
        """Wait until the backlog is sent; after some seconds skip the rest."""
        if self._matching is not None:
            await asyncio.wait([self._matching], timeout=seconds)
            self._is_hurried = True
            await self._matching

    async def _match_all(self) -> None:
        """Match the backlog in order, with turns for others in between.

        A reader that subscribes meanwhile begins after the last matched logs.
        """
        try:
            while self._backlog:
                commit = self._backlog[0]
                for published in _published(commit):
                    self._take(published, await self._choices(published, commit.size))
                    await asyncio.sleep(0)
                self._backlog.popleft()
                self._behind -= commit.size
        finally:
            self._matching = None

    async def _choices(
        self, published: _Published, size: int
    ) -> Mapping[Filter, Sequence[bool] | None]:
        choices: dict[Filter, Sequence[bool] | None] = {}
        late: set[Filter] = set()
        while missing := self._feeds.keys() - choices.keys() - late:
            for wanted in missing:
                chosen = await self._choose(wanted, published, size)
                if chosen is None:
                    late.add(wanted)
                else:
                    choices[wanted] = chosen
        return choices

    async def _choose(
        self, wanted: Filter, published: _Published, size: int
    ) -> Sequence[bool] | None:
        """Choose in steps; return None if the backlog exceeds a buffer meanwhile.

        Args:
            wanted: the filter.
            published: the logs.
            size: bytes of their commit, which do not count as backlog.
        """
        for step in wanted.choose_slowly(published.logs, MATCHED_A_STEP):
            if not isinstance(step, int):
                return step
            if self._behind > self._buffer_size + size or self._is_hurried:
                return None
            await self.turns.spend(step)
        raise AssertionError

    def _take(self, published: _Published, choices: Mapping[Filter, Sequence[bool] | None]) -> None:
        logs, skipped = published.logs, 0
        for wanted, feed in self._feeds.items():
            if wanted in choices:
                skipped += feed.take(logs, published.lines, choices[wanted])
            elif logs:
                skipped += feed.skip(logs[0].seq, logs[-1].seq)
        self._count(skipped, metrics.SLOW)
        self._last_seq = published.last_seq

    def skip_archived(self, reader: Reader, first: int, last: int) -> None:
        """Tell a reader, subscribed or not, that logs are skipped as they are archived.

        Args:
            reader: the reader.
            first: lowest skipped seq.
            last: highest skipped seq.
        """
        reader.send(_skipped_frame(first, last, metrics.ARCHIVED))
        self._count(last - first + 1, metrics.ARCHIVED)

    def announce(self, event: str, client_id: str, timestamp: int) -> None:
        """Tell every reader with room that a client came or went.

        Args:
            event: `client_connect` or `client_disconnect`.
            client_id: the id of the connection.
            timestamp: milliseconds UTC.
        """
        frame = _frame(type=event, clientId=client_id, timestamp=timestamp)
        for feed in self._feeds.values():
            for each in feed.subscriptions.values():
                each.offer(frame)

    def tick(self) -> None:
        """Send gathered logs, and once a second moved positions; call it every TICK_SECONDS."""
        self._ticks += 1
        for feed in self._feeds.values():
            self._count(feed.flush(), metrics.SLOW)
            if self._ticks % TICKS_A_POSITION == 0:
                feed.tell(self._last_seq)

    def _count(self, skipped: int, reason: str) -> None:
        self._recorder.count(metrics.LIVE_SKIPPED, skipped, {metrics.REASON: reason})
