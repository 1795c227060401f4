"""Catching up: from a seq of the past into the present, each log once, whatever comes between."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from server.live.catch_up import PAGE_SIZE, catch_up
from server.live.filters import EVERYTHING, Filter
from server.live.hub import TICKS_A_POSITION, LiveHub
from server.writer import Commit
from tests.support.live import FakeReader
from tests.support.table import Table
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.storage.log_store import StoreResult
from waterline.storage.pages import LogPages

ERRORS = Filter(types=frozenset(["error"]))


class WaitedFor(FakeReader):
    """A reader that can be waited for, as connections can."""

    def __init__(self) -> None:
        super().__init__()
        self._all_taken = asyncio.Event()
        self._all_taken.set()

    def send(self, frames: bytes) -> None:
        super().send(frames)
        self._all_taken.clear()

    def take_all(self) -> None:
        super().take_all()
        self._all_taken.set()

    async def drained(self) -> None:
        await self._all_taken.wait()


class World:
    """A table of logs, the hub that their commits are published to, and one reader."""

    def __init__(self, table: Table, pages: LogPages, buffer_size: int) -> None:
        self.table = table
        self.pages = pages
        self.recorder = MetricsRecorder()
        self.hub = LiveHub(buffer_size, table.last_seq, self.recorder)
        self.reader = WaitedFor()
        self._unpublished: deque[Commit] = deque()

    def commit(self, lengths: Sequence[int]) -> None:
        """Commit logs; those of a length that three divides are errors."""
        if not lengths:
            return
        first = self.table.last_seq + 1
        kinds = ["info" if length % 3 else "error" for length in lengths]
        rows = self.table.store(*["x" * length for length in lengths], kinds=kinds)
        seqs = range(first, self.table.last_seq + 1)
        self._unpublished.append(Commit([], 3, [(rows[1:-1], StoreResult(seqs, None))], 2))

    def publish(self) -> None:
        """Publish the oldest commit that was not yet."""
        if self._unpublished:
            self.hub.publish(self._unpublished.popleft())

    def start(self, after: int, wanted: Filter = EVERYTHING) -> "asyncio.Task[None]":
        return asyncio.create_task(catch_up(self.reader, self.hub, self.pages, wanted, after))

    async def step(self) -> None:
        """Let the reader's task run until it waits."""
        for _ in range(3):
            await asyncio.sleep(0)

    async def finish(self, task: "asyncio.Task[None]") -> None:
        """Publish all, let the reader take what comes and join, and tell it the position."""
        while self._unpublished:
            self.publish()
        while not task.done():
            self.reader.take_all()
            await self.step()
        for _ in range(3 * TICKS_A_POSITION):
            self.reader.take_all()
            self.hub.tick()


@contextmanager
def world(path: Path, lengths: Sequence[int], buffer_size: int = 4 * 2**20) -> Iterator[World]:
    """Begin with some logs of the past."""
    with closing(Table(path / "logs.db")) as table:
        if lengths:
            kinds = ["info" if length % 3 else "error" for length in lengths]
            table.store(*["x" * length for length in lengths], kinds=kinds)
        with closing(LogPages(table.path)) as pages:
            yield World(table, pages, buffer_size)


def test_past_comes_page_by_page_and_then_present(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world(tmp_path, [1] * 2_000) as here:
            task = here.start(5)
            await here.finish(task)
            here.commit([1, 1])
            await here.finish(task)
            told = here.reader.received
            assert told.seqs == list(range(6, 2_003))
            assert told.kinds[0] == "position"
            assert told.positions == [5, 2_000, 2_002]
            assert told.kinds.count("logs") > 3
            assert here.hub.readers == 1

    asyncio.run(scenario())


def test_unpublished_commit_comes_from_hub_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world(tmp_path, [1] * 3) as here:
            here.commit([1, 1])
            task = here.start(0)
            await here.step()
            assert here.reader.received.seqs == [1, 2, 3]
            await here.finish(task)
            assert here.reader.received.seqs == [1, 2, 3, 4, 5]

    asyncio.run(scenario())


def test_reader_of_past_is_read_for_no_faster_than_it_reads(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world(tmp_path, [1_000] * 1_000) as here:
            task = here.start(0)
            for _ in range(20):
                await here.step()
            assert not task.done()
            # The position, and one page of it at most.
            assert 0 < here.reader.unsent < PAGE_SIZE + 2_000
            await here.finish(task)
            told = here.reader.received
            assert told.seqs == list(range(1, 1_001))
            assert told.skipped == []
            assert here.reader.most_unsent < PAGE_SIZE + 2_000

    asyncio.run(scenario())


def test_archived_logs_are_told_as_skipped_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world(tmp_path, [1] * 9) as here:
            here.table.archive_through(5)
            await here.finish(here.start(2))
            told = here.reader.received
            archived = {"type": "skipped", "from": 3, "to": 5, "reason": "archived"}
            assert told.skipped == [archived]
            counted = here.recorder.counts(metrics.LIVE_SKIPPED, metrics.REASON)
            assert counted == {metrics.ARCHIVED: 3}
            assert told.kinds[:3] == ["position", "skipped", "logs"]
            assert told.seqs == [6, 7, 8, 9]

    asyncio.run(scenario())


def test_filter_holds_for_past_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world(tmp_path, [1, 3, 2, 6, 1]) as here:
            await here.finish(here.start(0, ERRORS))
            here.commit([1, 3])
            await here.finish(here.start(0, ERRORS))
            assert here.reader.received.seqs[:2] == [2, 4]
            assert here.reader.received.positions[:2] == [0, 5]

    asyncio.run(scenario())


def test_catch_up_ends_when_pages_are_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world(tmp_path, [1_000] * 1_000) as here:
            task = here.start(0)
            await here.step()
            here.pages.close()
            here.reader.take_all()
            await task
            assert here.hub.readers == 0

    asyncio.run(scenario())


lengths = st.lists(st.integers(0, 400), max_size=8)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), lengths),
        st.tuples(
            st.sampled_from(["publish", "step", "take", "tick", "archive"]), st.just(list[int]())
        ),
    ),
    max_size=40,
)


@given(lengths, actions, st.integers(0, 8), st.integers(0, 3_000), st.booleans())
def test_each_seq_is_sent_or_skipped_once_in_catch_up(
    past: list[int],
    given_actions: list[tuple[str, list[int]]],
    after: int,
    buffer_size: int,
    filtered: bool,
) -> None:
    past = [1, *past]
    after = min(after, len(past) - 1)
    every = list(past)

    async def scenario(here: World) -> None:
        task = here.start(after, ERRORS if filtered else EVERYTHING)
        for action, sizes in given_actions:
            if action == "commit":
                here.commit(sizes)
                every.extend(sizes)
            elif action == "publish":
                here.publish()
            elif action == "step":
                await here.step()
            elif action == "take":
                here.reader.take_all()
            elif action == "tick":
                here.hub.tick()
            else:
                here.table.archive_through((here.hub.last_seq + after) // 2)
        await here.finish(task)
        told = here.reader.received
        wanted = [
            seq for seq, size in enumerate(every, 1) if seq > after and not (filtered and size % 3)
        ]
        assert [seq for seq in told.accounted_for if seq in set(wanted)] == wanted
        assert len(set(told.accounted_for)) == len(told.accounted_for)
        counted = here.recorder.counts(metrics.LIVE_SKIPPED, metrics.REASON)
        assert sum(counted.values()) == len(told.gone)
        assert set(told.seqs) <= set(wanted)
        assert told.seqs == sorted(told.seqs)
        assert told.positions == sorted(told.positions)
        assert told.positions[-1] == len(every)

    with TemporaryDirectory() as folder, world(Path(folder), past, buffer_size) as here:
        asyncio.run(scenario(here))
