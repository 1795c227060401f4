"""Metering: commits of a real writer are counted exactly, one that only seemed to fail too."""

import queue
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.decode.frames import read_frames
from server.metering import Meter
from server.recount import Recount
from server.refusals import Refusals
from server.submissions import Refusal, Submission
from server.writer import Commit, Writer
from tests.support.clock import NOON, Clock
from tests.support.examples import costly
from tests.support.processes import PATIENCE
from tests.support.rollups import by_label, stored
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.summary import Summary
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder
from waterline.storage.log_store import LogStore, Rows, StoreResult

MEASURED = ("ms",)


class Nobody:
    """An owner who waits for no answer."""

    def answer(self, *_: object) -> None:
        raise AssertionError("nobody waits")


class Bench:
    """A writer whose commits are metered as the server does it."""

    def __init__(self, path: Path) -> None:
        folder = DataFolder(path)
        folder.create()
        self.clock = Clock()
        self.recorder = MetricsRecorder(self.clock)
        self.commits: queue.Queue[Commit] = queue.Queue()
        self.writer = Writer(folder.logs, self.commits.put, 0, self.clock)
        self.recount = Recount(Settings(data=path, measured_attributes=MEASURED), self.recorder)
        self.recounted: list[tuple[int, int]] = []
        self.meter = Meter(
            self.recorder, self.writer.last_seq, self._record, Refusals(self.recorder)
        )
        self.writer.start()

    def _record(self, after: int, through: int) -> None:
        self.recounted.append((after, through))
        assert self.recount.record(after, through)

    def store(self, *logs: bytes, source: str = "pump") -> Submission:
        """Store logs, and meter their commit."""
        batch = read_frames(logs, source, measured=MEASURED)
        submission = Submission(batch, sum(map(len, logs)), time.perf_counter(), Nobody())
        self.writer.submit(submission)
        self.meter.committed(self.commits.get(timeout=PATIENCE))
        return submission

    def counts(self, metric: str, dimension: str) -> dict[str, int]:
        return dict(self.recorder.counts(metric, dimension))

    def total(self, metric: str) -> Summary:
        return self.recorder.totals()[Series(metric, "", "")]


def log(log_id: str | None = None, log_type: str = "info", **members: object) -> bytes:
    return msgspec.json.encode({"id": log_id, "type": log_type, "message": "m"} | members)


@pytest.fixture
def bench(data: Path) -> Iterator[Bench]:
    made = Bench(data)
    yield made
    made.writer.stop()


def test_new_logs_are_counted_by_type_and_source_with_their_bytes(bench: Bench) -> None:
    logs = [log("a"), log("b"), log("c", "error")]
    bench.store(*logs)
    bench.store(log("a"), source="valve")
    assert bench.counts("logs_stored", "type") == {"info": 3, "error": 1}
    assert bench.counts("logs_stored", "source") == {"pump": 3, "valve": 1}
    received = bench.recorder.totals()[Series("bytes_received", "source", "pump")]
    assert (received.count, received.sum) == (3, sum(map(len, logs)))


def test_duplicates_are_counted_as_such_and_nowhere_else(bench: Bench) -> None:
    bench.store(log("a", ms=1), log("b", ms=2))
    bench.store(log("a", ms=1), log("c", "error", ms=4), log("b", ms=2), log("c", "error", ms=4))
    assert bench.counts("logs_stored", "type") == {"info": 2, "error": 1}
    assert bench.counts("logs_duplicate", "source") == {"pump": 3}
    durations = bench.recorder.totals()
    assert durations[Series("ms", "type", "info")].sum == 3
    assert (durations[Series("ms", "type", "error")].count) == 1


def test_commit_is_measured_in_second_of_its_receipt(bench: Bench) -> None:
    bench.store(log("a"), log("b"), log("c"))
    bench.clock.now = NOON + 5_000
    submission = bench.store(log("d"))
    assert bench.total("ack_latency").count == 4
    assert bench.total("commit_duration").count == 2
    assert (bench.total("commit_logs").min, bench.total("commit_logs").max) == (1, 3)
    assert bench.total("commit_bytes").min == submission.size
    duration, latency = bench.total("commit_duration"), bench.total("ack_latency")
    assert duration.min is not None
    assert latency.max is not None
    assert 0 < duration.min <= latency.max < 1000 * PATIENCE
    seconds = bench.recorder.take()
    assert {begin: each.counted_through for begin, each in seconds.items()} == {
        NOON: 3,
        NOON + 5_000: 4,
    }
    assert seconds[NOON + 5_000].heard == {"pump": (NOON + 5_000, NOON + 5_000)}


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 2), (2, 1), (3,), (1,)])
def test_each_log_waited_since_it_was_received(bench: Bench, sizes: tuple[int, ...]) -> None:
    submissions = []
    for received, size in enumerate(sizes):
        batch = read_frames([log()] * size, "pump")
        each = Submission(batch, 1, float(received), Nobody(), StoreResult(range(size), None))
        submissions.append(each)
    bench.meter.committed(Commit(submissions, NOON, received_at=NOON, durable=3.0))
    latency = bench.total("ack_latency")
    expected = [1000.0 * (3 - at) for at, size in enumerate(sizes) for _ in range(size)]
    assert (latency.count, latency.sum) == (len(expected), sum(expected))
    assert (latency.min, latency.max) == (min(expected), max(expected))
    assert bench.total("commit_logs").sum == sum(sizes)


def test_invalid_logs_are_counted_by_broken_rule(bench: Bench) -> None:
    batch = read_frames(
        [b'{"type":"t","message":"m","timestamp":[]}\n{}\n?\n' + log("a"), b"[7,8]", b""], "pump"
    )
    assert batch.outcomes is not None
    bench.meter.rejected(batch.outcomes, "pump")
    bench.meter.rejected(batch.outcomes[:1], "valve")
    assert bench.counts("logs_rejected", "reason") == {
        "timestamp": 2,
        "type": 2,
        "no_json": 2,
        "no_object": 2,
        "empty": 1,
    }
    assert bench.counts("logs_rejected", "source") == {"pump": 6, "valve": 3}


class Failure:
    """Makes storing fail: before the logs are in the file, or behind it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: type[apsw.Error] | None = None
        self.is_stored = False
        store = LogStore.store_all

        def fail(table: LogStore, parts: Sequence[Rows], first: int, *at: int) -> StoreResult:
            if self.error is None:
                return store(table, parts, first, *at)
            if self.is_stored:
                store(table, parts, first, *at)
            raise self.error("it was made to fail")

        monkeypatch.setattr(LogStore, "store_all", fail)


@pytest.fixture
def failure(monkeypatch: pytest.MonkeyPatch) -> Failure:
    return Failure(monkeypatch)


@pytest.mark.logs
@pytest.mark.parametrize(
    ("error", "reason"),
    [(apsw.FullError, "storage_full"), (apsw.IOError, "storage_failed")],
)
def test_refused_logs_are_counted_by_reason_and_not_as_stored(
    bench: Bench, failure: Failure, error: type[apsw.Error], reason: Refusal
) -> None:
    failure.error = error
    bench.store(log("a"), log("b"))
    assert bench.counts("logs_rejected", "reason") == {reason: 2}
    assert bench.counts("logs_rejected", "source") == {"pump": 2}
    assert bench.counts("logs_stored", "type") == {}
    failure.error = None
    bench.store(log("a"), log("b"))
    assert bench.counts("logs_stored", "type") == {"info": 2}
    assert bench.recounted == []


@pytest.mark.logs
def test_logs_of_commit_that_only_seemed_to_fail_are_counted_once(
    bench: Bench, failure: Failure
) -> None:
    bench.store(log("a", ms=1))
    failure.error, failure.is_stored = apsw.IOError, True
    bench.clock.now = NOON + 1000
    bench.store(log("b", "error", ms=2), source="valve")
    assert bench.counts("logs_stored", "type") == {"info": 1}
    failure.error = None
    bench.clock.now = NOON + 2000
    bench.store(log("b", "error", ms=2), source="valve")  # as its producer does
    bench.store(log("c", ms=4))
    assert bench.recounted == [(1, 2)]
    assert bench.counts("logs_stored", "type") == {"info": 2, "error": 1}
    assert bench.counts("logs_stored", "source") == {"pump": 2, "valve": 1}
    assert bench.counts("logs_duplicate", "source") == {"valve": 1}
    seconds = bench.recorder.take()
    assert {begin: each.counted_through for begin, each in seconds.items()} == {
        NOON: 1,
        NOON + 1000: 2,
        NOON + 2000: 3,
    }
    error = Series("ms", "type", "error")
    assert [begin for begin, each in seconds.items() if error in each.summaries] == [NOON + 1000]


@pytest.mark.logs
def test_writer_that_has_looked_up_again_gives_no_seq_twice(bench: Bench, failure: Failure) -> None:
    failure.error, failure.is_stored = apsw.IOError, True
    bench.store(log("a"))
    failure.error = None
    bench.writer._probe()
    assert bench.writer.refusal is None
    submission = bench.store(log("b"))
    assert submission.refusal is None
    assert submission.stored is not None
    assert [*submission.stored.seqs] == [2]
    assert bench.counts("logs_stored", "type") == {"info": 2}


steps = st.tuples(
    st.sampled_from(["well", "well", "fails", "seems to fail"]),
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["x", "y"])), min_size=1, max_size=4
    ),
    st.sampled_from(["pump", "valve"]),
)


@pytest.mark.slow
@pytest.mark.logs
@costly(120)
@given(st.lists(steps, max_size=8))
def test_counts_equal_rows_after_any_failure(
    tmp_path_factory: pytest.TempPathFactory,
    given_steps: list[tuple[str, list[tuple[str, str]], str]],
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        failure = Failure(monkeypatch)
        path = tmp_path_factory.mktemp("metering") / "data"
        bench = Bench(path)
        for outcome, logs, source in [*given_steps, ("well", [("z", "x")], "pump")]:
            failure.error = None if outcome == "well" else apsw.IOError
            failure.is_stored = outcome == "seems to fail"
            bench.store(*(log(log_id, kind, ms=1) for log_id, kind in logs), source=source)
        bench.writer.stop()
    for column in ("type", "source"):
        assert bench.counts("logs_stored", column) == by_label(stored(path, column))
    assert bench.counts("ms", "type") == by_label(stored(path, "type"))
