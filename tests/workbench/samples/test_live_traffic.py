"""The sample day as live traffic, paced by a clock that only moves when it is told to."""

import math
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

import pytest

from workbench.samples import INCIDENT, day, live
from workbench.samples.story import minute_of

pytestmark = pytest.mark.slow

Log = dict[str, object]

STARTED = 1_790_000_000.0
CAUSE = "Maintenance started: rebuild of index readings_by_station"


class Clock:
    """Stands still but for sleeps and for what a test adds."""

    def __init__(self) -> None:
        self.now = STARTED
        self.longest_sleep = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.longest_sleep = max(self.longest_sleep, seconds)
        self.now += seconds

    @property
    def passed(self) -> float:
        return self.now - STARTED


def playing(clock: Clock, *, speed: float = 30.0, seed: int = 7) -> Iterator[Log]:
    return live(seed=seed, speed=speed, clock=clock.time, sleep=clock.sleep)


def during(seconds: float, *, speed: float = 30.0) -> Sequence[Log]:
    """What comes in so many seconds when the reader is never late."""
    clock = Clock()
    return list(takewhile(lambda _: clock.passed < seconds, playing(clock, speed=speed)))


def details(logs: Sequence[Log]) -> Sequence[Log]:
    return [
        {name: value for name, value in log.items() if name not in ("id", "timestamp")}
        for log in logs
    ]


def test_each_log_has_the_current_time_and_no_id() -> None:
    clock = Clock()
    for log in islice(playing(clock), 2_000):
        assert log["timestamp"] == int(clock.now * 1000)
        assert "id" not in log


def test_whole_day_takes_48_minutes_at_the_default_speed_35_logs_a_second() -> None:
    assert len(during(24 * 60 * 60 / 30)) == 100_000


def test_no_second_is_without_logs_and_none_brings_a_burst() -> None:
    seconds = [0] * 60
    for log in during(60):
        timestamp = log["timestamp"]
        assert isinstance(timestamp, int)
        seconds[int(timestamp / 1000 - STARTED)] += 1
    assert min(seconds) > 15
    assert max(seconds) < 70


def test_incident_comes_about_three_minutes_after_the_start() -> None:
    clock = Clock()
    logs = playing(clock)
    while next(logs)["message"] != CAUSE:
        assert clock.passed < 180
    assert clock.passed > 175


def test_another_speed_plays_the_same_logs_in_another_time() -> None:
    assert details(during(30, speed=60)) == details(during(60, speed=30))


def test_live_plays_the_logs_of_the_sample_day() -> None:
    start = minute_of(INCIDENT.began) - 90
    of_day = [log for log in day() if minute_in_sample(log) >= start]
    assert details(list(islice(playing(Clock()), 3_000))) == details(of_day[:3_000])


def minute_in_sample(log: Log) -> int:
    timestamp = log["timestamp"]
    assert isinstance(timestamp, int)
    return timestamp // 60_000 % (24 * 60)


def test_next_day_brings_the_incident_again_with_other_details() -> None:
    logs = during(2 * 24 * 60 * 60 / 30)
    causes = [place for place, log in enumerate(logs) if log["message"] == CAUSE]
    assert len(causes) == 2
    assert causes[1] - causes[0] == 100_000
    requests = [log["request_id"] for log in logs if "request_id" in log]
    assert len(set(requests)) == len(requests)


def test_another_seed_plays_other_details() -> None:
    one, other = (list(islice(playing(Clock(), seed=seed), 20)) for seed in (7, 8))
    assert details(one) != details(other)


def test_reader_who_is_a_second_late_misses_nothing() -> None:
    clock = Clock()
    logs = playing(clock)
    read = list(islice(logs, 200))
    clock.now += 1.0
    read += islice(logs, 200)
    assert details(read) == details(list(islice(playing(Clock()), 400)))


@pytest.mark.parametrize("pause", [2.5, 60.0, 3600.0, 7 * 24 * 3600.0])
def test_live_leaves_out_what_a_long_pause_missed(
    pause: float,
) -> None:
    clock = Clock()
    logs = playing(clock)
    list(islice(logs, 100))
    clock.now += pause
    resumed = clock.passed
    after = list(islice(logs, 300))
    assert 4.0 < clock.passed - resumed < 20.0
    if pause < 1000:
        timely = during(clock.passed + 1)
        expected = [log for log in timely if due(log) >= resumed][:300]
        assert details(after) == details(expected)


def due(log: Log) -> float:
    timestamp = log["timestamp"]
    assert isinstance(timestamp, int)
    return timestamp / 1000 - STARTED


def test_reader_who_is_always_too_slow_is_never_more_than_two_seconds_late() -> None:
    clock = Clock()
    timely = {log["request_id"]: due(log) for log in during(300) if "request_id" in log}
    for log in islice(playing(clock), 500):
        if "request_id" in log:
            assert due(log) - timely[log["request_id"]] < 2.1
        clock.now += 0.5


def test_clock_set_back_does_not_stop_the_traffic() -> None:
    clock = Clock()
    logs = playing(clock)
    list(islice(logs, 100))
    clock.now -= 3600.0
    list(islice(logs, 100))
    assert clock.longest_sleep < 1.0


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, math.inf])
def test_speed_that_is_no_positive_number_is_refused_at_once(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        live(speed=speed)
