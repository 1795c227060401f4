"""The recorder: what it reports of what was recorded, from one thread or from many."""

import threading
from typing import cast

import pytest

from tests.support.clock import NOON, Clock
from waterline.metrics.recorder import MAX_LABELS, OTHER, MetricsRecorder, Second, Series
from waterline.metrics.summary import Packed, Summary

Figures = dict[str, float | None]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(clock: Clock) -> MetricsRecorder:
    return MetricsRecorder(clock)


def report(recorder: MetricsRecorder, since: int = 0, until: int = 2 * NOON) -> dict[str, Figures]:
    return cast("dict[str, Figures]", recorder.report(since, until)["metrics"])


def counts(seconds: dict[int, Second]) -> dict[tuple[int, str, str, str], int]:
    return {
        (begin, *series): summary.count
        for begin, second in seconds.items()
        for series, summary in second.summaries.items()
    }


# What was recorded


def test_metric_that_was_never_recorded_has_no_average_and_no_percentiles(
    recorder: MetricsRecorder,
) -> None:
    assert recorder.average("latency") is None
    assert recorder.percentile("latency", 95) is None
    assert recorder.counts("latency", "type") == {}
    assert recorder.names() == []
    assert recorder.report(0, 2 * NOON) == {"metrics": {}, "historical": []}


def test_recording_no_values_leaves_no_trace(recorder: MetricsRecorder) -> None:
    recorder.record("latency", 5.0, times=0)
    recorder.record_many("latency", [])
    recorder.count("events", 0)
    assert recorder.names() == []
    assert recorder.take() == {}


def test_average_is_over_all_values_and_labels(recorder: MetricsRecorder) -> None:
    recorder.record("latency", 1.0, {"type": "a"})
    recorder.record_many("latency", [2.0, 3.0], {"type": "b"})
    recorder.record("latency", 10.0, {"type": "c"})
    recorder.record("other", 1000.0)
    assert recorder.average("latency") == 4.0


def test_report_tells_what_values_were(recorder: MetricsRecorder) -> None:
    recorder.record_many("latency", [*range(1, 101)])
    found = report(recorder)["latency"]
    assert (found["average"], found["sum"]) == (50.5, 5050.0)
    assert (found["min"], found["max"], found["count"]) == (1.0, 100.0, 100)
    assert found["p50"] == pytest.approx(50, rel=1 / 128)
    assert found["p95"] == pytest.approx(95, rel=1 / 128)
    assert found["p99"] == pytest.approx(99, rel=1 / 128)


def test_value_recorded_several_times_at_once_counts_as_often(
    recorder: MetricsRecorder,
) -> None:
    recorder.record("latency", 2.0, {"type": "x"}, times=99)
    recorder.record("latency", 102.0, {"type": "x"})
    found = report(recorder)["latency"]
    assert (found["count"], found["average"]) == (100, 3.0)
    assert found["p50"] == found["p99"] == pytest.approx(2.0, rel=1 / 128)
    assert recorder.percentile("latency", 100) == 102.0


def test_percentile_is_never_outside_what_was_seen(recorder: MetricsRecorder) -> None:
    recorder.record("latency", 7.3)
    found = report(recorder)["latency"]
    assert found["p50"] == found["p95"] == found["p99"] == 7.3
    assert recorder.percentile("latency", 0) == recorder.percentile("latency", 100) == 7.3


def test_counts_of_events_have_sums_and_no_percentiles(recorder: MetricsRecorder) -> None:
    recorder.count("bytes", 3, amount=300)
    recorder.count("bytes", 1, amount=50)
    found = report(recorder)["bytes"]
    assert (found["count"], found["sum"], found["average"]) == (4, 350.0, 87.5)
    assert [found[each] for each in ("p50", "p95", "p99", "min", "max")] == [None] * 5


def test_any_one_dimension_holds_all_of_metric(recorder: MetricsRecorder) -> None:
    recorder.count("logs", 2, {"type": "info", "source": "pump"})
    recorder.take()
    recorder.count("logs", 1, {"type": "error", "source": "pump"})
    recorder.count("logs", 5, {"type": "info", "source": "valve"})
    assert recorder.counts("logs", "type") == {"info": 7, "error": 1}
    assert recorder.counts("logs", "source") == {"pump": 3, "valve": 5}
    # The report adds no two of them up.
    assert report(recorder)["logs"]["count"] == 6


def test_names_are_in_order_and_each_once(recorder: MetricsRecorder) -> None:
    recorder.record("b", 1.0)
    recorder.take()
    recorder.record("b", 1.0, {"type": "x"})
    recorder.record("a", 1.0)
    assert recorder.names() == ["a", "b"]


# Seconds


def test_value_is_recorded_in_its_second(recorder: MetricsRecorder, clock: Clock) -> None:
    recorder.record("latency", 1.0)
    clock.now = NOON + 1999
    recorder.record_packed("latency", [Packed.of([1.0, 2.0]), Packed.of([3.0])])
    recorder.count("logs", 4, {"type": "a"}, at=NOON + 999)
    assert counts(recorder.take()) == {
        (NOON, "latency", "", ""): 1,
        (NOON, "logs", "type", "a"): 4,
        (NOON + 1000, "latency", "", ""): 3,
    }


def test_only_seconds_that_have_ended_are_taken_where_time_is_given(
    recorder: MetricsRecorder,
) -> None:
    for at in (NOON, NOON + 999, NOON + 1000):
        recorder.record("latency", 1.0, at=at)
    assert counts(recorder.take(NOON + 1000)) == {(NOON, "latency", "", ""): 2}
    assert counts(recorder.take(NOON + 1000)) == {}
    assert counts(recorder.take()) == {(NOON + 1000, "latency", "", ""): 1}


def test_taken_values_come_once_and_stay_in_totals(recorder: MetricsRecorder) -> None:
    recorder.record("latency", 1.0)
    first = recorder.take()
    recorder.record_many("latency", [2.0, 3.0])
    second = recorder.take()
    assert counts(first) == {(NOON, "latency", "", ""): 1}
    assert counts(second) == {(NOON, "latency", "", ""): 2}
    total = recorder.totals()[Series("latency", "", "")]
    assert (total.count, total.sum, total.min, total.max) == (3, 6.0, 1.0, 3.0)


def test_totals_do_not_change_later(recorder: MetricsRecorder) -> None:
    recorder.record("latency", 1.0)
    recorder.take()
    recorder.record("latency", 1.0)
    totals = recorder.totals()
    recorder.record("latency", 1.0)
    assert [each.count for each in totals.values()] == [2]


def test_second_has_counted_seq_and_heard_sources(
    recorder: MetricsRecorder,
) -> None:
    with recorder.counting(7, NOON + 5) as second:
        second.hear("pump", NOON + 5, NOON + 5)
    with recorder.counting(9, NOON + 900) as second:
        second.hear("pump", NOON + 900, NOON + 900)
        second.hear("valve", NOON + 900, NOON + 900)
    (taken,) = recorder.take().values()
    assert taken.counted_through == 9
    assert taken.heard == {"pump": (NOON + 5, NOON + 900), "valve": (NOON + 900, NOON + 900)}


def test_take_waits_for_end_of_counting(recorder: MetricsRecorder) -> None:
    taken: list[dict[int, Second]] = []
    taker = threading.Thread(target=lambda: taken.append(recorder.take()))
    with recorder.counting(3, NOON):
        recorder.count("logs", 2, {"type": "a"}, at=NOON)
        taker.start()
        taker.join(0.05)  # it must not get through
        assert not taken
        recorder.count("logs", 1, {"type": "b"}, at=NOON)
    taker.join()
    assert sum(counts(taken[0]).values()) == 3
    assert taken[0][NOON].counted_through == 3


def test_seconds_of_another_recorder_are_added(recorder: MetricsRecorder) -> None:
    other = MetricsRecorder()
    with other.counting(5, NOON - 60_000) as second:
        other.count("logs", 2, {"type": "a", "source": "x"}, at=NOON - 60_000)
        second.hear("x", NOON - 60_000, NOON - 60_000)
    other.record("latency", 3.0, at=NOON)
    recorder.record("latency", 1.0)
    recorder.add(other.take())
    seconds = recorder.take()
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

    def sums(self, name: str, dimension: str, since: int, until: int) -> dict[str, float]:
        self.asked.append((since, until))
        return {"a": 2.0, f"{name} by {dimension}": 1.0}


def test_report_joins_file_and_memory(
    recorder: MetricsRecorder,
) -> None:
    recorder.history = past = Past()
    recorder.record("latency", 1.0, at=NOON)
    recorder.record("latency", 100.0, at=NOON + 1000)  # too late
    recorder.record("latency", 100.0, at=NOON - 1000)  # too early
    found = recorder.report(NOON, NOON + 1000)
    metrics = cast("dict[str, Figures]", found["metrics"])
    assert (metrics["latency"]["count"], metrics["latency"]["sum"]) == (2, 10.0)
    assert found["historical"] == [{"metric_name": "latency", "avg": 9.0, "count": 1}]
    assert past.asked == [(NOON, NOON + 1000)]
    recorder.count("logs_stored", 3, {"type": "x", "source": "a"}, at=NOON)
    assert recorder.report(NOON, NOON + 1000, by_source=True)["sources"] == {
        "a": 5.0,
        "logs_stored by source": 1.0,
    }


# Labels


def test_labels_beyond_bound_are_counted_as_other(recorder: MetricsRecorder) -> None:
    for number in range(MAX_LABELS + 50):
        recorder.count("logs", 1, {"type": f"type {number}", "source": "one"})
    found = recorder.counts("logs", "type")
    assert len(found) == MAX_LABELS + 1
    assert (found[OTHER], found["type 0"]) == (50, 1)
    assert recorder.counts("logs", "source") == {"one": MAX_LABELS + 50}


def test_label_that_is_known_stays_itself_in_later_seconds(
    recorder: MetricsRecorder, clock: Clock
) -> None:
    for number in range(MAX_LABELS + 1):
        recorder.count("logs", 1, {"type": f"type {number}"})
    recorder.take()
    clock.now += 1000
    recorder.count("logs", 1, {"type": "type 5"})
    recorder.count("logs", 1, {"type": "new"})
    found = recorder.counts("logs", "type")
    assert (found["type 5"], found[OTHER]) == (2, 2)
    assert "new" not in found


def test_each_metric_and_dimension_has_bound_of_its_own(recorder: MetricsRecorder) -> None:
    for number in range(MAX_LABELS + 1):
        recorder.count("logs", 1, {"type": f"type {number}"})
    recorder.count("commits", 1, {"type": "new"})
    recorder.count("logs", 1, {"source": "new"})
    assert recorder.counts("commits", "type") == {"new": 1}
    assert recorder.counts("logs", "source") == {"new": 1}


def test_labels_of_another_recorder_are_bounded(recorder: MetricsRecorder) -> None:
    for begin in range(3):
        other = MetricsRecorder()
        for number in range(50):
            other.count("logs", 1, {"type": f"{begin} {number}"}, at=NOON)
        recorder.add(other.take())
    found = recorder.counts("logs", "type")
    assert (len(found), found[OTHER], sum(found.values())) == (MAX_LABELS + 1, 50, 150)


# Threads


@pytest.mark.slow
def test_threads_that_record_at_once_lose_nothing(recorder: MetricsRecorder) -> None:
    threads, times = 8, 2_000
    begin = threading.Barrier(threads + 1)
    taken = 0

    def work() -> None:
        begin.wait()
        for _ in range(times):
            recorder.record("latency", 1.0)
            recorder.count("events", 2)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for each in workers:
        each.start()
    begin.wait()
    while any(each.is_alive() for each in workers):
        taken += sum(counts(recorder.take()).values())
    for each in workers:
        each.join()
    taken += sum(counts(recorder.take()).values())
    assert taken == threads * times * 3
    totals = recorder.totals()
    assert totals[Series("latency", "", "")].count == threads * times
    assert totals[Series("events", "", "")].count == threads * times * 2
    assert recorder.average("latency") == 1.0
