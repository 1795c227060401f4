"""Sources that go quiet: the rule against a plain one, and what is seen in metrics.db."""

import logging
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.folders import NOON, alter
from tests.support.processes import serving
from tests.support.waiting import wait_until
from waterline.clock import now_ms
from waterline.metrics.quiet_sources import (
    LEAST_MINUTES,
    REMEMBERED,
    Habit,
    QuietSources,
    is_quiet,
)
from waterline.metrics.recorder import Series
from waterline.metrics.registry import LOGS_STORED, SOURCE, TYPE
from waterline.metrics.rollup_store import RollupStore
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from waterline.metrics.summary import Summary

QUIET_AFTER = 10 * MINUTE


def plainly_quiet(minutes: list[int], last_seen: int, now: int, quiet_after: int) -> bool:
    """Say by the rule's own words whether a source is quiet."""
    of_late = [each for each in minutes if now - REMEMBERED <= each <= now]
    gaps = [later - earlier for earlier, later in pairwise(of_late)]
    silence = now - last_seen
    return (
        len(of_late) >= LEAST_MINUTES
        and silence <= REMEMBERED
        and silence > quiet_after
        and silence > 2 * max(gaps)
    )


# Of late it may send more often than long ago, or the other way round, or hardly ever.
rare, frequent = st.integers(1, 6000), st.integers(1, 300)
gaps_in_minutes = st.one_of(
    st.lists(rare, max_size=20),
    st.tuples(st.lists(rare, max_size=3), st.lists(frequent, min_size=9, max_size=30)).map(
        lambda parts: [*parts[0], *parts[1]]
    ),
    st.tuples(st.lists(frequent, max_size=30), st.lists(rare, max_size=3)).map(
        lambda parts: [*parts[0], *parts[1]]
    ),
)


@given(gaps_in_minutes, st.lists(st.integers(0, 9 * 24 * 60), max_size=4), st.integers(0, 100))
def test_habit_tells_what_all_minutes_would_tell(
    gaps: list[int], looks: list[int], quiet_after: int
) -> None:
    minutes = [NOON + MINUTE * sum(gaps[: place + 1]) for place in range(len(gaps))]
    end = minutes[-1] if minutes else NOON
    # It is looked in between as well: what is forgotten then must not be missed later.
    moments = [NOON, *minutes, *(end + MINUTE * sum(looks[: place + 1]) for place in range(4))]
    habit, sent = Habit(), set[int]()
    for now in sorted(set(moments)):
        for minute in minutes:
            if minute <= now and minute not in sent:
                sent.add(minute)
                habit.sent(minute)
        known = sorted(sent)
        last_seen = known[-1] if known else NOON
        gap = habit.longest_gap(now - REMEMBERED)
        found = is_quiet(now - last_seen, gap, quiet_after * MINUTE)
        assert found == plainly_quiet(known, last_seen, now, quiet_after * MINUTE)
        assert habit.is_over(now - REMEMBERED) == (not known or known[-1] < now - REMEMBERED)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RollupStore]:
    """A metrics.db that is written beside its reader."""
    opened = RollupStore(tmp_path / "metrics.db")
    yield opened
    opened.close()


def send(file: RollupStore, source: str, minutes: Iterable[int], within: int = 0) -> None:
    """Note that a source sent in some minutes, as the rollups would."""
    label = Series(LOGS_STORED, SOURCE, source)
    rows = {(minute + within // SECOND * SECOND, label): Summary(1, 1.0) for minute in minutes}
    times = [begin for begin, _ in rows]
    file.write(rows, {source: (min(times) + within % SECOND, max(times) + within % SECOND)}, 0)


def every(step: int, since: int, until: int) -> list[int]:
    return list(range(since, until, step))


class Watch:
    """Looks at metrics.db at moments of the test's own."""

    def __init__(
        self, path: Path, file: RollupStore, quiet_after: int | None = QUIET_AFTER
    ) -> None:
        self.now = NOON
        self.file = file
        self.sources = QuietSources(path, quiet_after, lambda: self.now)

    def look(self, now: int) -> list[str]:
        self.file.close_steps(now)
        self.now = now
        self.sources.look()
        return self.sources.warnings()


@pytest.fixture
def watch(tmp_path: Path, file: RollupStore) -> Iterator[Watch]:
    """A watch over the file."""
    made = Watch(tmp_path / "metrics.db", file)
    yield made
    made.sources.close()


def test_source_that_goes_quiet_is_named_with_its_habit(file: RollupStore, watch: Watch) -> None:
    send(file, "web-1", every(3 * MINUTE, NOON - HOUR, NOON + 1))
    send(file, "web-2", every(3 * MINUTE, NOON - HOUR, NOON + 25 * MINUTE))
    assert watch.look(NOON + 10 * MINUTE) == []
    assert watch.look(NOON + 25 * MINUTE) == [
        "source web-1 has sent nothing for 25 min; usually it sends at least every 3 min"
    ]


def test_sources_are_named_in_order_and_long_times_by_hours_and_days(
    file: RollupStore, watch: Watch
) -> None:
    send(file, "slow", every(5 * HOUR, NOON - 120 * HOUR, NOON + 1))
    send(file, "fast", every(MINUTE, NOON - HOUR, NOON + 1))
    send(file, "calm", every(7 * MINUTE, NOON - 100 * MINUTE, NOON + 1))
    assert watch.look(NOON + 50 * HOUR) == [
        "source calm has sent nothing for 2 days; usually it sends at least every 7 min",
        "source fast has sent nothing for 2 days; usually it sends at least every 1 min",
        "source slow has sent nothing for 2 days; usually it sends at least every 5 h",
    ]


def test_silence_is_measured_from_last_log_and_not_from_its_minute(
    file: RollupStore, watch: Watch
) -> None:
    send(file, "web", every(MINUTE, NOON - HOUR, NOON + 1), within=59_999)
    heard = NOON + 59_999
    assert watch.look(heard + QUIET_AFTER) == []
    assert len(watch.look(heard + QUIET_AFTER + 1)) == 1


def test_silence_of_twice_longest_gap_is_nothing_unusual(file: RollupStore, watch: Watch) -> None:
    pause = every(MINUTE, NOON - 60 * MINUTE, NOON - 29 * MINUTE)
    send(file, "web", [*pause, *every(MINUTE, NOON, NOON + 5 * MINUTE)])
    last = NOON + 4 * MINUTE
    assert watch.look(last + 60 * MINUTE) == []
    assert len(watch.look(last + 60 * MINUTE + 1)) == 1


def test_source_with_few_minutes_never_goes_quiet(file: RollupStore, watch: Watch) -> None:
    send(file, "file", every(MINUTE, NOON - (LEAST_MINUTES - 2) * MINUTE, NOON + 1))
    send(file, "habit", every(MINUTE, NOON - (LEAST_MINUTES - 1) * MINUTE, NOON + 1))
    (found,) = watch.look(NOON + HOUR)
    assert found.startswith("source habit ")


def test_pause_of_long_ago_makes_no_silence_usual(file: RollupStore, watch: Watch) -> None:
    paused = NOON - 6 * 24 * HOUR
    send(file, "web", [paused, *every(MINUTE, NOON - HOUR, NOON + 1)])
    assert watch.look(paused + REMEMBERED) == []
    assert len(watch.look(paused + REMEMBERED + 1)) == 1


def test_habit_fades_with_its_minutes(file: RollupStore, watch: Watch) -> None:
    first = NOON - (LEAST_MINUTES - 1) * HOUR
    send(file, "web", every(HOUR, first, NOON + 1))
    assert len(watch.look(first + REMEMBERED)) == 1
    assert watch.look(first + REMEMBERED + 1) == []


def test_source_is_forgotten_after_seven_days(file: RollupStore, watch: Watch) -> None:
    # Of a habit that spans all the seven days, the older half is forgotten while it is silent.
    send(file, "web", every(10 * MINUTE, NOON - REMEMBERED, NOON + 1))
    assert len(watch.look(NOON + REMEMBERED - 100 * MINUTE)) == 1
    assert watch.look(NOON + REMEMBERED + 1) == []
    assert watch.sources._habits == {}


def test_new_minutes_are_read_after_first_reading(file: RollupStore, watch: Watch) -> None:
    send(file, "web", every(MINUTE, NOON - HOUR, NOON + 1))
    assert len(watch.look(NOON + 20 * MINUTE)) == 1
    send(file, "web", [NOON + 21 * MINUTE])
    assert watch.look(NOON + 22 * MINUTE) == []
    # It has been silent for 21 minutes before, so that this one is usual by now.
    assert watch.look(NOON + (21 + 42) * MINUTE) == []
    assert watch.look(NOON + (21 + 43) * MINUTE) == [
        "source web has sent nothing for 43 min; usually it sends at least every 21 min"
    ]


def test_minutes_are_read_once(file: RollupStore, watch: Watch) -> None:
    send(file, "file", every(MINUTE, NOON - (LEAST_MINUTES - 2) * MINUTE, NOON + 1))
    for later in range(3):
        assert watch.look(NOON + HOUR + later * MINUTE) == []


def test_minutes_by_type_are_of_no_source(file: RollupStore, watch: Watch) -> None:
    minutes = every(MINUTE, NOON - HOUR, NOON + 1)
    rows = {(minute, Series(LOGS_STORED, TYPE, "web")): Summary(1, 1.0) for minute in minutes}
    file.write(rows, {"web": (NOON - HOUR, NOON)}, 0)
    assert watch.look(NOON + HOUR) == []


def test_quiet_after_never_warns_of_no_source(tmp_path: Path, file: RollupStore) -> None:
    send(file, "web", every(MINUTE, NOON - HOUR, NOON + 1))
    watch = Watch(tmp_path / "metrics.db", file, None)
    assert watch.look(NOON + HOUR) == []
    watch.sources.close()


def test_file_that_cannot_be_read_leaves_what_was_seen_and_is_told_once(
    tmp_path: Path, file: RollupStore, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    send(file, "web", every(MINUTE, NOON - HOUR, NOON + 1))
    seen = watch.look(NOON + HOUR)
    alter(tmp_path / "metrics.db", "ALTER TABLE sources RENAME TO gone")
    for _ in range(2):
        watch.sources.look()
    assert watch.sources.warnings() == seen
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "quiet sources cannot be checked" in caplog.text
    caplog.clear()
    alter(tmp_path / "metrics.db", "ALTER TABLE gone RENAME TO sources")
    send(file, "web", [NOON + HOUR])
    assert watch.look(NOON + HOUR + 2 * MINUTE) == []


@pytest.mark.slow
def test_server_warns_of_quiet_source_and_is_healthy(data: Path) -> None:
    with serving(data) as server:
        token = server.token
    heard = now_ms() // MINUTE * MINUTE - 30 * MINUTE
    file = RollupStore(data / "metrics.db")
    send(file, "web-1", every(MINUTE, heard - HOUR, heard + 1))
    send(file, "web-2", every(MINUTE, heard - HOUR, heard + 15 * MINUTE))
    send(file, "once", [heard])
    file.close_steps(now_ms())
    file.close()
    with serving(data, "--quiet-after", "25min", token=token) as server:
        wait_until(lambda: server.get("/health")[1]["warnings"] != [])
        status, page = server.get("/health")
    assert (status, page["status"], page["reasons"]) == (200, "healthy", [])
    (warning,) = msgspec.convert(page["warnings"], list[str])
    assert re.fullmatch(
        r"source web-1 has sent nothing for 3\d min; usually it sends at least every 1 min", warning
    )
