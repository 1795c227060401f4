"""The rollups: each second goes into a real metrics.db, whatever the clock and the disk do."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from tests.support.clock import NOON, Clock
from tests.support.meanwhile import meanwhile
from tests.support.metrics_file import (
    DAY,
    LONG,
    Bench,
    merged,
    plain,
    plainly,
    progress,
    rows,
    summary_of,
)
from waterline.errors import DataFolderError
from waterline.metrics.history import RollupHistory
from waterline.metrics.recorder import MetricsRecorder
from waterline.metrics.rollup_store import Retention, RollupStore
from waterline.metrics.rollup_thread import MAX_PENDING, SETTLED, RollupThread
from waterline.metrics.spans import HOUR, MINUTE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.db"


@pytest.fixture
def bench(path: Path) -> Iterator[Bench]:
    made = Bench(path)
    yield made
    made.rollups.stop()


def test_each_second_has_its_own_rows(bench: Bench) -> None:
    for value in (1.0, 2.0, 3.0):
        bench.recorder.record("latency", value)
        bench.flush()
    bench.flush()
    assert {key: each.sum for key, each in bench.rows().items()} == {
        (NOON, "latency", ""): 1.0,
        (NOON + 1000, "latency", ""): 2.0,
        (NOON + 2000, "latency", ""): 3.0,
    }


def test_second_is_written_once_it_is_over(bench: Bench) -> None:
    bench.recorder.record("latency", 1.0)
    bench.flush(999)
    assert bench.rows() == {}
    bench.flush(1)
    assert list(bench.rows()) == [(NOON, "latency", "")]


def test_clock_that_is_set_back_merges_into_seconds_of_then(bench: Bench) -> None:
    for after in (1000, -1000, 1000):
        bench.recorder.record("latency", 1.0)
        bench.flush(after)
    bench.flush()
    assert {key: each.count for key, each in bench.rows().items()} == {
        (NOON, "latency", ""): 2,
        (NOON + 1000, "latency", ""): 1,
    }


def test_second_that_lies_ahead_is_written_and_keeps_nothing_in_memory(bench: Bench) -> None:
    bench.recorder.record("latency", 1.0, at=NOON + DAY)
    bench.flush()
    assert list(bench.rows()) == [(NOON + DAY, "latency", "")]


def test_clock_that_jumped_ends_no_minute_and_removes_no_row(path: Path) -> None:
    clock, ageing = Clock(), Clock()
    recorder, file = MetricsRecorder(clock), RollupStore(path)
    rollups = RollupThread(
        file, recorder, Retention(MINUTE, MINUTE, MINUTE), clock=clock, ageing=ageing
    )
    recorder.record("latency", 1.0)
    clock.now += 400 * DAY
    rollups._flush(clock.now)
    rollups._flush(clock.now)
    assert list(rows(path, "seconds")) == [(NOON, "latency", "")]
    assert rows(path, "hours") == {}
    rollups.stop()


@pytest.mark.logs
def test_lost_metrics_db_is_told_and_its_return_is_noticed(bench: Bench) -> None:
    bench.recorder.record("latency", 1.0)
    elsewhere = bench.path.with_name("elsewhere")
    bench.path.rename(elsewhere)
    bench.flush()
    assert (bench.failed(), bench.rollups.lost) == (True, bench.path)
    elsewhere.rename(bench.path)
    bench.flush()
    assert (bench.failed(), bench.rollups.lost) == (False, None)
    assert list(bench.rows()) == [(NOON, "latency", "")]


def test_minutes_and_hours_are_written_when_they_are_settled(bench: Bench) -> None:
    bench.recorder.record("latency", 1.0)
    bench.flush(HOUR + SETTLED - 1000)
    assert list(bench.rows("minutes")) == [(NOON, "latency", "")]
    assert bench.rows("hours") == {}
    bench.flush(1000)
    assert plainly(bench.rows("hours")) == {(NOON, "latency", ""): plain(summary_of(1.0))}


def test_late_measurement_is_merged_into_closed_minute_and_hour(bench: Bench) -> None:
    bench.recorder.record("latency", 1.0)
    bench.flush(2 * HOUR)
    bench.recorder.record("latency", 5.0, at=NOON + 59_000)
    bench.flush()
    assert {key: each.sum for key, each in bench.rows().items()} == {
        (NOON, "latency", ""): 1.0,
        (NOON + 59_000, "latency", ""): 5.0,
    }
    for table in ("minutes", "hours"):
        assert plainly(bench.rows(table)) == {(NOON, "latency", ""): plain(summary_of(1.0, 5.0))}


def test_rows_go_also_while_nothing_is_measured(path: Path) -> None:
    bench = Bench(path, Retention(10_000, 20 * MINUTE, DAY))
    bench.recorder.record("latency", 1.0)
    bench.flush()
    bench.flush(2 * MINUTE)
    assert (len(bench.rows()), len(bench.rows("minutes"))) == (0, 1)
    bench.flush(2 * HOUR)
    assert (len(bench.rows("minutes")), len(bench.rows("hours"))) == (0, 1)
    bench.rollups.stop()


# What cannot be written


@pytest.mark.logs
def test_unwritable_measurements_wait_and_are_written_later(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.file._connection.set_busy_timeout(0)
    with closing(apsw.Connection(str(bench.path))) as other:
        other.execute("BEGIN IMMEDIATE")
        for seq, value in enumerate((1.0, 2.0), 1):
            bench.recorder.record("latency", value)
            with bench.recorder.counting(seq, bench.clock.now) as second:
                second.hear("pump", bench.clock.now, bench.clock.now)
            bench.flush()
            assert bench.failed()
        assert bench.rows() == {}
        other.execute("ROLLBACK")
    bench.recorder.record("latency", 3.0)
    bench.flush()
    assert not bench.failed()
    assert {key: each.sum for key, each in bench.rows().items()} == {
        (NOON, "latency", ""): 1.0,
        (NOON + 1000, "latency", ""): 2.0,
        (NOON + 2000, "latency", ""): 3.0,
    }
    assert bench.progress()["counted_through"] == 2
    with closing(apsw.Connection(str(bench.path))) as connection:
        found = connection.execute("SELECT * FROM sources").fetchall()
    assert found == [("pump", NOON, NOON + 1000)]
    # Once, not once a second.
    assert [record.getMessage() for record in caplog.records] == [
        "measurements cannot be written and wait: database is locked"
    ]


@pytest.mark.logs
def test_full_disk_keeps_rows_waiting_until_there_is_room(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.recorder.record("latency", 1.0)
    bench.flush()
    connection = bench.file._connection
    most = connection.pragma("max_page_count")
    connection.execute("PRAGMA max_page_count = 1")
    recorded = 1
    while not bench.failed():
        bench.recorder.record_many("latency", [*range(1, 3000)])
        recorded += 2999
        bench.flush()
    connection.execute(f"PRAGMA max_page_count = {most}")
    bench.flush()
    assert not bench.failed()
    assert sum(each.count for each in bench.rows().values()) == recorded
    assert [record.getMessage() for record in caplog.records] == [
        "measurements cannot be written and wait: database or disk is full"
    ]


@pytest.mark.logs
@pytest.mark.slow
def test_waiting_measurements_become_coarser_without_loss(bench: Bench) -> None:
    connection = bench.file._connection
    connection.execute("PRAGMA query_only = ON")
    seconds, metrics = 120, 200
    waiting = []
    for _ in range(seconds):
        for number in range(metrics):
            bench.recorder.record(f"metric {number}", number)
        bench.flush()
        waiting.append(len(bench.recorder.pending))
    assert max(waiting) <= MAX_PENDING
    assert seconds * metrics > 2 * MAX_PENDING
    connection.execute("PRAGMA query_only = OFF")
    bench.flush(HOUR)
    found = bench.rows()
    for number in range(metrics):
        name = f"metric {number}"
        total = merged(each for (_, metric, _), each in found.items() if metric == name)
        assert (total.count, total.sum) == (seconds, seconds * number)
    hours = bench.rows("hours")
    assert sum(each.count for each in hours.values()) == seconds * metrics


# Logs that are to be counted again


class Lost:
    """Logs that another process left uncounted, and what becomes of counting them."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.recorder = MetricsRecorder(self.clock)
        self.file = RollupStore(path)
        self.asked: list[tuple[int, int]] = []
        self.error: Exception | None = None
        self.is_stopped = False
        self.rollups = RollupThread(self.file, self.recorder, LONG, self.recount, self.clock)

    def recount(self, after: int, through: int) -> bool:
        self.asked.append((after, through))
        if self.error is not None:
            raise self.error
        if not self.is_stopped:
            self.count(through, NOON - HOUR)
        return not self.is_stopped

    def count(self, through: int, at: int) -> None:
        with self.recorder.counting(through, at):
            self.recorder.count("logs", 1, {"type": "a"}, at=at)

    def failed(self) -> bool:
        return self.rollups.failed

    def flush(self) -> None:
        self.clock.now += 1000
        self.rollups._flush(self.clock.now)


@pytest.fixture
def lost(path: Path) -> Iterator[Lost]:
    made = Lost(path)
    yield made
    made.rollups.stop()


def test_uncounted_logs_are_counted_once_in_their_own_second(lost: Lost, path: Path) -> None:
    lost.rollups.recount(0, 5)
    lost.rollups.recount(5, 7)
    lost.count(9, NOON)
    for _ in range(2):
        lost.flush()
    assert lost.asked == [(0, 5), (5, 7)]
    assert {key[0]: each.count for key, each in rows(path).items()} == {NOON - HOUR: 2, NOON: 1}
    assert progress(path)["counted_through"] == 9


@pytest.mark.slow
def test_many_uncounted_seconds_stay_seconds(bench: Bench) -> None:
    for second in range(MAX_PENDING + 1):
        bench.recorder.count("logs", 1, at=NOON - second * 1000)
    bench.flush()
    assert len(bench.rows()) == MAX_PENDING + 1


@pytest.mark.logs
def test_later_logs_wait_until_uncounted_ones_are_counted(lost: Lost, path: Path) -> None:
    lost.error = DataFolderError("logs.db cannot be read")
    lost.rollups.recount(0, 5)
    lost.count(9, NOON)
    lost.flush()
    assert lost.failed()
    assert (rows(path), progress(path)["counted_through"]) == ({}, 0)
    lost.error = None
    lost.flush()
    assert not lost.failed()
    assert lost.asked == [(0, 5), (0, 5)]
    assert {key[0]: each.count for key, each in rows(path).items()} == {NOON - HOUR: 1, NOON: 1}


def test_recount_that_end_interrupts_leaves_all_for_next_start(lost: Lost, path: Path) -> None:
    lost.is_stopped = True
    lost.rollups.recount(0, 5)
    lost.count(9, NOON)
    lost.flush()
    assert not lost.failed()
    assert (rows(path), progress(path)["counted_through"]) == ({}, 0)


# The thread


@pytest.mark.slow
def test_report_has_each_measurement_once_while_they_are_written(bench: Bench) -> None:
    begun = done = 0
    wrong: list[tuple[int, int, int]] = []

    def look(stopping: threading.Event) -> None:
        while not stopping.is_set():
            least = done
            report = cast("dict[str, Any]", bench.recorder.report(NOON, NOON + DAY)["metrics"])
            count = report["latency"]["count"] if report else 0
            if not least <= count <= begun:
                wrong.append((least, count, begun))

    with closing(RollupHistory(bench.path)) as bench.recorder.history, meanwhile(look):
        for _ in range(300):
            begun += 1
            bench.recorder.record("latency", 1.0)
            done += 1
            bench.flush()
    assert wrong == []


@pytest.mark.logs
def test_report_has_what_cannot_be_written_too(bench: Bench) -> None:
    with closing(RollupHistory(bench.path)) as bench.recorder.history:
        bench.file._connection.execute("PRAGMA query_only = ON")
        bench.recorder.record("latency", 1.0)
        bench.flush()
        assert bench.failed()
        report = cast("dict[str, Any]", bench.recorder.report(NOON, NOON + DAY))
        assert report["metrics"]["latency"]["count"] == 1
        assert report["historical"] == []


def test_stopping_writes_what_is_left_and_can_be_done_twice(path: Path) -> None:
    recorder = MetricsRecorder()
    rollups = RollupThread(RollupStore(path), recorder, LONG)
    rollups.start()
    recorder.record("latency", 1.0)
    rollups.stop()
    rollups.stop()
    assert sum(each.count for each in rows(path).values()) == 1


def test_rollups_that_were_never_started_can_be_stopped(path: Path) -> None:
    Bench(path).rollups.stop()


def test_after_restart_same_second_goes_on(path: Path) -> None:
    for value in (1.0, 2.0):
        bench = Bench(path)
        bench.recorder.record("latency", value)
        bench.flush()
        bench.rollups.stop()
    assert plainly(rows(path)) == {(NOON, "latency", ""): plain(summary_of(1.0, 2.0))}


def test_series_are_known_by_their_dimension_too(bench: Bench) -> None:
    bench.recorder.count("logs", 1, {"type": "a", "source": "a"})
    bench.flush()
    with closing(apsw.Connection(str(bench.path))) as connection:
        found = connection.execute("SELECT metric, dimension, label FROM series").fetchall()
    assert found == [("logs", "type", "a"), ("logs", "source", "a")]
