"""The monitor: what it reports of what was recorded, from one thread or from many."""

import threading
from typing import cast

import pytest

from tests.support.clock import NOON, Clock
from waterline.metrics.recorder import MAX_LABELS, OTHER, PerformanceMonitor, Second, Series
from waterline.metrics.summary import Packed, Summary

Figures = dict[str, float | None]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def monitor(clock: Clock) -> PerformanceMonitor:
    return PerformanceMonitor(clock)


def report(
    monitor: PerformanceMonitor, since: int = 0, until: int = 2 * NOON
) -> dict[str, Figures]:
    return cast("dict[str, Figures]", monitor.report(since, until)["metrics"])


def counts(seconds: dict[int, Second]) -> dict[tuple[int, str, str, str], int]:
    return {
        (begin, *series): summary.count
        for begin, second in seconds.items()
        for series, summary in second.summaries.items()
    }


# What was recorded


def test_a_metric_that_was_never_recorded_has_no_average_and_no_percentiles(
    monitor: PerformanceMonitor,
) -> None:
    assert monitor.average("latency") is None
    assert monitor.percentile("latency", 95) is None
    assert monitor.counts("latency", "type") == {}
    assert monitor.names() == []
    assert monitor.report(0, 2 * NOON) == {"metrics": {}, "historical": []}


def test_recording_no_values_leaves_no_trace(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 5.0, times=0)
    monitor.record_many("latency", [])
    monitor.count("events", 0)
    assert monitor.names() == []
    assert monitor.take() == {}


def test_the_average_is_over_all_values_and_labels(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 1.0, {"type": "a"})
    monitor.record_many("latency", [2.0, 3.0], {"type": "b"})
    monitor.record("latency", 10.0, {"type": "c"})
    monitor.record("other", 1000.0)
    assert monitor.average("latency") == 4.0


def test_a_report_tells_what_the_values_were(monitor: PerformanceMonitor) -> None:
    monitor.record_many("latency", [*range(1, 101)])
    found = report(monitor)["latency"]
    assert (found["average"], found["sum"]) == (50.5, 5050.0)
    assert (found["min"], found["max"], found["count"]) == (1.0, 100.0, 100)
    assert found["p50"] == pytest.approx(50, rel=1 / 128)
    assert found["p95"] == pytest.approx(95, rel=1 / 128)
    assert found["p99"] == pytest.approx(99, rel=1 / 128)


def test_a_value_recorded_several_times_at_once_counts_as_often(
    monitor: PerformanceMonitor,
) -> None:
    monitor.record("latency", 2.0, {"type": "x"}, times=99)
    monitor.record("latency", 102.0, {"type": "x"})
    found = report(monitor)["latency"]
    assert (found["count"], found["average"]) == (100, 3.0)
    assert found["p50"] == found["p99"] == pytest.approx(2.0, rel=1 / 128)
    assert monitor.percentile("latency", 100) == 102.0


def test_a_percentile_is_never_outside_what_was_seen(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 7.3)
    found = report(monitor)["latency"]
    assert found["p50"] == found["p95"] == found["p99"] == 7.3
    assert monitor.percentile("latency", 0) == monitor.percentile("latency", 100) == 7.3


def test_counts_of_events_have_sums_and_no_percentiles(monitor: PerformanceMonitor) -> None:
    monitor.count("bytes", 3, amount=300)
    monitor.count("bytes", 1, amount=50)
    found = report(monitor)["bytes"]
    assert (found["count"], found["sum"], found["average"]) == (4, 350.0, 87.5)
    assert [found[each] for each in ("p50", "p95", "p99", "min", "max")] == [None] * 5


def test_any_one_dimension_holds_all_of_a_metric(monitor: PerformanceMonitor) -> None:
    monitor.count("logs", 2, {"type": "info", "source": "pump"})
    monitor.take()
    monitor.count("logs", 1, {"type": "error", "source": "pump"})
    monitor.count("logs", 5, {"type": "info", "source": "valve"})
    assert monitor.counts("logs", "type") == {"info": 7, "error": 1}
    assert monitor.counts("logs", "source") == {"pump": 3, "valve": 5}
    # The report adds no two of them up.
    assert report(monitor)["logs"]["count"] == 6


def test_names_are_in_order_and_each_once(monitor: PerformanceMonitor) -> None:
    monitor.record("b", 1.0)
    monitor.take()
    monitor.record("b", 1.0, {"type": "x"})
    monitor.record("a", 1.0)
    assert monitor.names() == ["a", "b"]


# Seconds


def test_what_is_recorded_lies_in_its_second(monitor: PerformanceMonitor, clock: Clock) -> None:
    monitor.record("latency", 1.0)
    clock.now = NOON + 1999
    monitor.record_packed("latency", [Packed.of([1.0, 2.0]), Packed.of([3.0])])
    monitor.count("logs", 4, {"type": "a"}, at=NOON + 999)
    assert counts(monitor.take()) == {
        (NOON, "latency", "", ""): 1,
        (NOON, "logs", "type", "a"): 4,
        (NOON + 1000, "latency", "", ""): 3,
    }


def test_only_seconds_that_have_ended_are_taken_where_a_time_is_given(
    monitor: PerformanceMonitor,
) -> None:
    for at in (NOON, NOON + 999, NOON + 1000):
        monitor.record("latency", 1.0, at=at)
    assert counts(monitor.take(NOON + 1000)) == {(NOON, "latency", "", ""): 2}
    assert counts(monitor.take(NOON + 1000)) == {}
    assert counts(monitor.take()) == {(NOON + 1000, "latency", "", ""): 1}


def test_what_was_taken_comes_once_and_stays_in_the_totals(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 1.0)
    first = monitor.take()
    monitor.record_many("latency", [2.0, 3.0])
    second = monitor.take()
    assert counts(first) == {(NOON, "latency", "", ""): 1}
    assert counts(second) == {(NOON, "latency", "", ""): 2}
    total = monitor.totals()[Series("latency", "", "")]
    assert (total.count, total.sum, total.min, total.max) == (3, 6.0, 1.0, 3.0)


def test_totals_do_not_change_later(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 1.0)
    monitor.take()
    monitor.record("latency", 1.0)
    totals = monitor.totals()
    monitor.record("latency", 1.0)
    assert [each.count for each in totals.values()] == [2]


def test_a_second_tells_up_to_which_log_it_counts_and_who_was_heard(
    monitor: PerformanceMonitor,
) -> None:
    with monitor.counting(7, NOON + 5) as second:
        second.hear("pump", NOON + 5, NOON + 5)
    with monitor.counting(9, NOON + 900) as second:
        second.hear("pump", NOON + 900, NOON + 900)
        second.hear("valve", NOON + 900, NOON + 900)
    (taken,) = monitor.take().values()
    assert taken.counted_through == 9
    assert taken.heard == {"pump": (NOON + 5, NOON + 900), "valve": (NOON + 900, NOON + 900)}


def test_nothing_is_taken_in_the_middle_of_counting(monitor: PerformanceMonitor) -> None:
    taken: list[dict[int, Second]] = []
    taker = threading.Thread(target=lambda: taken.append(monitor.take()))
    with monitor.counting(3, NOON):
        monitor.count("logs", 2, {"type": "a"}, at=NOON)
        taker.start()
        taker.join(0.05)  # it must not get through
        assert not taken
        monitor.count("logs", 1, {"type": "b"}, at=NOON)
    taker.join()
    assert sum(counts(taken[0]).values()) == 3
    assert taken[0][NOON].counted_through == 3


def test_what_another_monitor_gave_away_is_taken_in(monitor: PerformanceMonitor) -> None:
    other = PerformanceMonitor()
    with other.counting(5, NOON - 60_000) as second:
        other.count("logs", 2, {"type": "a", "source": "x"}, at=NOON - 60_000)
        second.hear("x", NOON - 60_000, NOON - 60_000)
    other.record("latency", 3.0, at=NOON)
    monitor.record("latency", 1.0)
    monitor.add(other.take())
    seconds = monitor.take()
    assert counts(seconds) == {
        (NOON - 60_000, "logs", "type", "a"): 2,
        (NOON - 60_000, "logs", "source", "x"): 2,
        (NOON, "latency", "", ""): 2,
    }
    assert seconds[NOON - 60_000].counted_through == 5
    assert seconds[NOON - 60_000].heard == {"x": (NOON - 60_000, NOON - 60_000)}


# The report


class Past:
    """What metrics.db would tell."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def summaries(self, since: int, until: int) -> dict[str, Summary]:
        self.asked.append((since, until))
        past = Summary()
        past.add(9.0)
        return {"latency": past}


def test_a_report_joins_what_is_in_the_file_and_what_is_not_yet(
    monitor: PerformanceMonitor,
) -> None:
    monitor.history = past = Past()
    monitor.record("latency", 1.0, at=NOON)
    monitor.record("latency", 100.0, at=NOON + 1000)  # too late
    monitor.record("latency", 100.0, at=NOON - 1000)  # too early
    found = monitor.report(NOON, NOON + 1000)
    metrics = cast("dict[str, Figures]", found["metrics"])
    assert (metrics["latency"]["count"], metrics["latency"]["sum"]) == (2, 10.0)
    assert found["historical"] == [{"metric_name": "latency", "avg": 9.0, "count": 1}]
    assert past.asked == [(NOON, NOON + 1000)]


# Labels


def test_labels_beyond_the_bound_are_counted_as_other(monitor: PerformanceMonitor) -> None:
    for number in range(MAX_LABELS + 50):
        monitor.count("logs", 1, {"type": f"type {number}", "source": "one"})
    found = monitor.counts("logs", "type")
    assert len(found) == MAX_LABELS + 1
    assert (found[OTHER], found["type 0"]) == (50, 1)
    assert monitor.counts("logs", "source") == {"one": MAX_LABELS + 50}


def test_a_label_that_is_known_stays_itself_in_later_seconds(
    monitor: PerformanceMonitor, clock: Clock
) -> None:
    for number in range(MAX_LABELS + 1):
        monitor.count("logs", 1, {"type": f"type {number}"})
    monitor.take()
    clock.now += 1000
    monitor.count("logs", 1, {"type": "type 5"})
    monitor.count("logs", 1, {"type": "new"})
    found = monitor.counts("logs", "type")
    assert (found["type 5"], found[OTHER]) == (2, 2)
    assert "new" not in found


def test_each_metric_and_dimension_has_a_bound_of_its_own(monitor: PerformanceMonitor) -> None:
    for number in range(MAX_LABELS + 1):
        monitor.count("logs", 1, {"type": f"type {number}"})
    monitor.count("commits", 1, {"type": "new"})
    monitor.count("logs", 1, {"source": "new"})
    assert monitor.counts("commits", "type") == {"new": 1}
    assert monitor.counts("logs", "source") == {"new": 1}


def test_labels_of_another_monitor_are_bounded_too(monitor: PerformanceMonitor) -> None:
    for begin in range(3):
        other = PerformanceMonitor()
        for number in range(50):
            other.count("logs", 1, {"type": f"{begin} {number}"}, at=NOON)
        monitor.add(other.take())
    found = monitor.counts("logs", "type")
    assert (len(found), found[OTHER], sum(found.values())) == (MAX_LABELS + 1, 50, 150)


# Threads


@pytest.mark.slow
def test_threads_that_record_at_once_lose_nothing(monitor: PerformanceMonitor) -> None:
    threads, times = 8, 2_000
    begin = threading.Barrier(threads + 1)
    taken = 0

    def work() -> None:
        begin.wait()
        for _ in range(times):
            monitor.record("latency", 1.0)
            monitor.count("events", 2)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for each in workers:
        each.start()
    begin.wait()
    while any(each.is_alive() for each in workers):
        taken += sum(counts(monitor.take()).values())
    for each in workers:
        each.join()
    taken += sum(counts(monitor.take()).values())
    assert taken == threads * times * 3
    totals = monitor.totals()
    assert totals[Series("latency", "", "")].count == threads * times
    assert totals[Series("events", "", "")].count == threads * times * 2
    assert monitor.average("latency") == 1.0
