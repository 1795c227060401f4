"""The rollups: one row a second, metric and label in a real metrics.db, whatever the clock does."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import apsw
import pytest

from server.monitor.performance import PerformanceMonitor
from server.monitor.rollups import MAX_PENDING, Rollups
from server.monitor.sketch import Sketch
from tests.support.clock import NOON, Clock

DAY = 86_400_000
Key = tuple[int, str, str]


class Bench:
    """A monitor, its rollups on a real file, and a clock in the test's hand."""

    def __init__(self, path: Path, retention: int = DAY) -> None:
        self.path = path
        self.clock = Clock()
        self.monitor = PerformanceMonitor()
        self.rollups = Rollups(path, self.monitor, retention, self.clock)

    def record(self, *values: float, label: str = "") -> None:
        """Take values of one metric."""
        for value in values:
            self.monitor.record("latency", value, label)

    def flush(self, after: int = 1000) -> None:
        """Let some milliseconds pass and write."""
        self.clock.now += after
        self.rollups._flush()

    def rows(self) -> dict[Key, tuple[object, ...]]:
        """Return what the file holds, by key; a repeated key cannot be."""
        statement = "SELECT * FROM rollups ORDER BY second, metric, label"
        with closing(apsw.Connection(str(self.path))) as connection:
            found = connection.execute(statement).fetchall()
        return {cast("Key", row[:3]): row[3:] for row in found}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "metrics.db")
    yield made
    made.rollups.stop()


def test_a_second_is_one_row_a_metric_and_label(bench: Bench) -> None:
    bench.record(1.0, 2.0, 6.0)
    bench.monitor.count("logs_stored", 2, "info")
    bench.monitor.count("logs_stored", 1, "error")
    bench.flush()
    rows = bench.rows()
    assert list(rows) == [
        (NOON, "latency", ""),
        (NOON, "logs_stored", "error"),
        (NOON, "logs_stored", "info"),
    ]
    assert rows[NOON, "latency", ""][:4] == (3, 9.0, 1.0, 6.0)
    assert rows[NOON, "logs_stored", "info"][:4] == (2, 2.0, 1.0, 1.0)


def test_the_row_holds_the_sketch_of_its_second(bench: Bench) -> None:
    bench.record(*range(1, 101))
    bench.flush()
    data = bench.rows()[NOON, "latency", ""][4]
    assert isinstance(data, bytes)
    assert Sketch.from_bytes(data).quantile(0.95) == pytest.approx(95, rel=0.01)


def test_a_second_in_which_nothing_was_measured_has_no_row(bench: Bench) -> None:
    bench.flush()
    bench.monitor.record("latency", 1.0)
    bench.flush()
    bench.flush()
    assert list(bench.rows()) == [(NOON + 1000, "latency", "")]


def test_each_second_has_its_own_rows(bench: Bench) -> None:
    for value in (1.0, 2.0, 3.0):
        bench.monitor.record("latency", value)
        bench.flush()
    assert {key: row[1] for key, row in bench.rows().items()} == {
        (NOON, "latency", ""): 1.0,
        (NOON + 1000, "latency", ""): 2.0,
        (NOON + 2000, "latency", ""): 3.0,
    }


def test_a_clock_that_is_set_back_gives_no_second_twice(bench: Bench) -> None:
    for after in (1000, -500, -3_600_000, 0, 0, 1000):
        bench.monitor.record("latency", 1.0)
        bench.flush(after)
    seconds = [second for second, _, _ in bench.rows()]
    assert seconds == [NOON + 1000 * number for number in range(6)]


def test_a_clock_that_is_set_back_before_a_restart_gives_no_second_twice(bench: Bench) -> None:
    bench.monitor.record("latency", 1.0)
    bench.flush()
    bench.rollups.stop()
    again = Bench(bench.path)
    again.clock.now = NOON - DAY // 2
    again.monitor.record("latency", 2.0)
    again.flush()
    again.rollups.stop()
    assert {key: row[1] for key, row in again.rows().items()} == {
        (NOON, "latency", ""): 1.0,
        (NOON + 1000, "latency", ""): 2.0,
    }


def test_rows_older_than_the_retention_go(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "metrics.db", retention=10_000)
    for _ in range(15):
        bench.monitor.record("latency", 1.0)
        bench.flush()
    bench.rollups.stop()
    seconds = [second for second, _, _ in bench.rows()]
    newest = NOON + 14_000
    assert seconds == list(range(newest - 10_000, newest + 1, 1000))


def test_rows_go_also_while_nothing_is_measured(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "metrics.db", retention=10_000)
    bench.monitor.record("latency", 1.0)
    bench.flush()
    bench.flush(after=60_000)
    bench.rollups.stop()
    assert bench.rows() == {}


def test_many_old_rows_go_in_slices(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "metrics.db", retention=10_000)
    for number in range(2_500):
        bench.monitor.count(f"metric {number}", 1)
    bench.flush()
    remaining = [len(bench.rows())]
    for _ in range(3):
        bench.flush(after=60_000)
        remaining.append(len(bench.rows()))
    bench.rollups.stop()
    assert remaining == [2_500, 1_500, 500, 0]


@pytest.mark.logs
def test_what_cannot_be_written_waits_and_is_written_later(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.rollups._connection.set_busy_timeout(0)
    with closing(apsw.Connection(str(bench.path))) as other:
        other.execute("BEGIN IMMEDIATE")
        for value in (1.0, 2.0):
            bench.monitor.record("latency", value)
            bench.flush()
            assert bench.rollups.failed
        assert bench.rows() == {}
        other.execute("ROLLBACK")
    bench.monitor.record("latency", 3.0)
    bench.flush()
    assert not bench.rollups.failed
    assert {key: row[1] for key, row in bench.rows().items()} == {
        (NOON, "latency", ""): 1.0,
        (NOON + 1000, "latency", ""): 2.0,
        (NOON + 2000, "latency", ""): 3.0,
    }
    # Once, not once a second.
    assert [record.getMessage() for record in caplog.records] == [
        "measurements cannot be written and wait: database is locked"
    ]


@pytest.mark.logs
@pytest.mark.slow
def test_what_waits_is_bounded_and_the_newest_stays(bench: Bench) -> None:
    bench.rollups._connection.execute("PRAGMA query_only = ON")
    metrics = 4_000
    for _ in range(3):
        for number in range(metrics):
            bench.monitor.count(f"metric {number}", 1)
        bench.flush()
    bench.rollups._connection.execute("PRAGMA query_only = OFF")
    bench.flush()
    rows = bench.rows()
    assert len(rows) == MAX_PENDING
    assert sum(1 for second, _, _ in rows if second == NOON + 2000) == metrics


def test_history_tells_average_and_count_between_two_times(bench: Bench) -> None:
    for value in (1.0, 2.0, 30.0):
        bench.record(value, value + 1)
        bench.monitor.count("logs_stored", 1, f"type {value}")
        bench.flush()
    assert bench.rollups.history(NOON, NOON + 1000) == [
        {"metric_name": "latency", "avg": 2.0, "count": 4},
        {"metric_name": "logs_stored", "avg": 1.0, "count": 2},
    ]
    assert bench.rollups.history(NOON - DAY, NOON - 1) == []


def test_the_view_has_the_columns_of_the_source_document(bench: Bench) -> None:
    bench.record(1.0, 3.0, label="x")
    bench.flush()
    with closing(apsw.Connection(str(bench.path))) as connection:
        cursor = connection.execute("SELECT * FROM performance_metrics")
        names = [name for name, *_ in cursor.get_description()]
        (row,) = cursor.fetchall()
    assert names == ["id", "metric_name", "value", "timestamp", "metadata"]
    assert row == (
        1,
        "latency",
        2.0,
        NOON,
        '{"label":"x","count":2,"sum":4.0,"min":1.0,"max":3.0}',
    )


def test_stopping_writes_what_is_left_and_can_be_done_twice(bench: Bench) -> None:
    bench.rollups.start()
    bench.monitor.record("latency", 1.0)
    bench.rollups.stop()
    bench.rollups.stop()
    assert sum(row[0] for row in bench.rows().values() if isinstance(row[0], int)) == 1


def test_rollups_that_were_never_started_can_be_stopped(tmp_path: Path) -> None:
    Bench(tmp_path / "metrics.db").rollups.stop()
