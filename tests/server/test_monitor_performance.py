"""The monitor: what it reports of what was recorded, from one thread or from many."""

import threading

import pytest

from server.monitor.performance import MAX_LABELS, OTHER, PerformanceMonitor


@pytest.fixture
def monitor() -> PerformanceMonitor:
    return PerformanceMonitor()


def record_all(monitor: PerformanceMonitor, *values: float, label: str = "") -> None:
    for value in values:
        monitor.record("latency", value, label)


def test_a_metric_that_was_never_recorded_has_no_average_and_no_percentiles(
    monitor: PerformanceMonitor,
) -> None:
    assert monitor.average("latency") is None
    assert monitor.percentile("latency", 95) is None
    assert monitor.counts("latency") == {}
    assert monitor.names() == []
    assert monitor.report() == {}


def test_recording_no_values_leaves_no_trace(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 5.0, times=0)
    monitor.count("events", 0)
    assert monitor.report() == {}
    assert monitor.take() == {}


def test_the_average_is_over_all_values_and_labels(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 1.0)
    record_all(monitor, 2.0, 3.0, label="a")
    monitor.record("latency", 10.0, "b")
    monitor.record("other", 1000.0)
    assert monitor.average("latency") == 4.0


def test_a_report_tells_what_the_values_were(monitor: PerformanceMonitor) -> None:
    record_all(monitor, *range(1, 101))
    report = monitor.report()["latency"]
    assert report["average"] == 50.5
    assert (report["min"], report["max"], report["count"]) == (1.0, 100.0, 100)
    assert report["p50"] == pytest.approx(50, rel=0.01)
    assert report["p95"] == pytest.approx(95, rel=0.01)
    assert report["p99"] == pytest.approx(99, rel=0.01)


def test_a_value_recorded_several_times_at_once_counts_as_often(
    monitor: PerformanceMonitor,
) -> None:
    monitor.record("latency", 2.0, "x", times=99)
    monitor.record("latency", 102.0, "x")
    report = monitor.report()["latency"]
    assert report["count"] == 100
    assert report["average"] == 3.0
    assert (report["min"], report["max"]) == (2.0, 102.0)
    assert report["p50"] == report["p99"] == pytest.approx(2.0, rel=0.01)
    assert monitor.percentile("latency", 100) == 102.0


def test_a_percentile_is_never_outside_what_was_seen(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 7.3)
    report = monitor.report()["latency"]
    assert report["p50"] == report["p95"] == report["p99"] == 7.3
    assert monitor.percentile("latency", 0) == monitor.percentile("latency", 100) == 7.3


def test_counts_of_events_have_no_percentiles(monitor: PerformanceMonitor) -> None:
    monitor.count("logs_rejected", 3)
    monitor.count("logs_rejected", 1)
    report = monitor.report()["logs_rejected"]
    assert report["count"] == 4
    assert (report["p50"], report["p95"], report["p99"]) == (None, None, None)


def test_counts_are_told_by_label(monitor: PerformanceMonitor) -> None:
    monitor.count("logs_stored", 2, "info")
    monitor.count("logs_stored", 1, "error")
    monitor.take()
    monitor.count("logs_stored", 5, "info")
    assert monitor.counts("logs_stored") == {"info": 7, "error": 1}


def test_names_are_in_order_and_each_once(monitor: PerformanceMonitor) -> None:
    monitor.record("b", 1.0)
    monitor.take()
    monitor.record("b", 1.0, "x")
    monitor.record("a", 1.0)
    assert monitor.names() == ["a", "b"]


def test_what_was_taken_comes_once_and_stays_in_the_report(monitor: PerformanceMonitor) -> None:
    monitor.record("latency", 1.0, "x")
    first = monitor.take()
    assert {key: summary.count for key, summary in first.items()} == {("latency", "x"): 1}
    assert monitor.take() == {}
    record_all(monitor, 2.0, 3.0, label="x")
    second = monitor.take()
    assert {key: summary.count for key, summary in second.items()} == {("latency", "x"): 2}
    assert first["latency", "x"].count == 1
    report = monitor.report()["latency"]
    assert (report["count"], report["min"], report["max"]) == (3, 1.0, 3.0)


def test_labels_beyond_the_bound_are_counted_as_other(monitor: PerformanceMonitor) -> None:
    for number in range(MAX_LABELS + 50):
        monitor.count("logs_stored", 1, f"type {number}")
    counts = monitor.counts("logs_stored")
    assert len(counts) == MAX_LABELS + 1
    assert counts[OTHER] == 50
    assert counts["type 0"] == 1


def test_a_label_that_is_known_stays_itself_beyond_the_bound(monitor: PerformanceMonitor) -> None:
    for number in range(MAX_LABELS + 1):
        monitor.count("logs_stored", 1, f"type {number}")
    monitor.take()
    monitor.count("logs_stored", 1, "type 5")
    assert monitor.counts("logs_stored")["type 5"] == 2


def test_each_metric_has_a_bound_of_its_own(monitor: PerformanceMonitor) -> None:
    for number in range(MAX_LABELS + 1):
        monitor.count("logs_stored", 1, f"type {number}")
    monitor.count("commits", 1, "new label")
    assert monitor.counts("commits") == {"new label": 1}


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
        taken += sum(summary.count for summary in monitor.take().values())
    for each in workers:
        each.join()
    taken += sum(summary.count for summary in monitor.take().values())
    assert taken == threads * times * 3
    report = monitor.report()
    assert report["latency"]["count"] == threads * times
    assert report["events"]["count"] == threads * times * 2
    assert monitor.average("latency") == 1.0
