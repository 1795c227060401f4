"""Logs of several commits are measured together, and any read finds all of them."""

import pytest

from tests.support.clock import NOON
from waterline.metrics.log_stats import Gathered, LogStats, TypeStats
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.stats_buffer import MOST_WAITING, StatsBuffer

LOGS = Gathered(["a", "b", "a"], [10, 20, 30], {"ms": [1.5, None, 2]})
OTHERS: LogStats = {"a": TypeStats(1, 5, {})}
STORED, BYTES = Series("logs_stored", "type", "a"), Series("bytes_received", "type", "a")


@pytest.fixture
def recorder() -> MetricsRecorder:
    return MetricsRecorder(lambda: NOON)


def add(recorder: MetricsRecorder, buffer: StatsBuffer, through: int, at: int = NOON) -> None:
    with recorder.counting(through, at):
        buffer.add([("x", LOGS), ("y", OTHERS)], 4, at)


def test_every_read_finds_what_waits(recorder: MetricsRecorder) -> None:
    buffer = StatsBuffer(recorder)
    add(recorder, buffer, 4)
    totals = recorder.totals()
    assert (totals[STORED].count, totals[BYTES].sum) == (3, 45)
    assert totals[Series("logs_stored", "source", "x")].count == 3
    assert totals[Series("ms", "type", "a")].sum == 3.5
    add(recorder, buffer, 8)
    report = recorder.report(NOON, NOON + 1000)
    assert report["metrics"]["logs_stored"]["count"] == 8  # type: ignore[index]
    add(recorder, buffer, 12)
    assert recorder.average("ms") == 1.75
    assert "ms" in recorder.names()
    add(recorder, buffer, 16)
    (second,) = recorder.take().values()
    assert (second.counted_through, second.summaries[STORED].count) == (16, 12)
    assert not recorder.take()


def test_logs_are_recorded_in_their_second(recorder: MetricsRecorder) -> None:
    buffer = StatsBuffer(recorder)
    add(recorder, buffer, 4)
    add(recorder, buffer, 8, NOON + 1000)
    taken = recorder.take()
    counts = {begin: each.summaries[STORED].count for begin, each in taken.items()}
    assert counts == {NOON: 3, NOON + 1000: 3}


def test_no_more_logs_wait_than_are_measured_quickly(recorder: MetricsRecorder) -> None:
    buffer = StatsBuffer(recorder)
    for through in range(4, MOST_WAITING, 4):
        add(recorder, buffer, through)
    assert buffer._waiting
    add(recorder, buffer, MOST_WAITING)
    assert not buffer._waiting
