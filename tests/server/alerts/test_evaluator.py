"""Rules are evaluated alike from measurements and from logs, from the past and as logs come."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.alerts.evaluator import GRACE, SETTLED, Evaluator
from server.alerts.feed import LogFeed
from server.alerts.measured import measured_rule
from server.recount import Recount
from tests.support.archives import archive
from tests.support.folders import NOON, Batch, fill_batches
from waterline.alerts.rules import AlertRule, parse_rules
from waterline.alerts.state import read_alerts
from waterline.encoding import PARQUET
from waterline.metrics.recorder import MAX_LABELS, MetricsRecorder
from waterline.metrics.rollup_store import Retention, RollupStore
from waterline.metrics.rollup_thread import RollupThread
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder

KEPT = Retention(10**12, 10**12, 10**12)
# One term more, which every log meets: such a query is not in the measurements.
EVERY = '-"no message has this"'


class Clock:
    """A clock that stands where it is put."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def rule(name: str, kind: str, **members: object) -> AlertRule:
    (made,) = parse_rules([{"name": name, "kind": kind, **members}], "x")
    return made


def measure(data: Path, logs: int) -> None:
    """Write the measurements of all logs, as a server does."""
    settings = Settings(data=data)
    recorder = MetricsRecorder()
    is_new = not DataFolder(data).metrics.exists()
    store = RollupStore(DataFolder(data).metrics)
    if is_new:
        # What was there before is not counted.
        store.begin("incarnation", 0, NOON)
    store.begin("incarnation", logs, NOON)
    recount = Recount(settings, recorder)
    thread = RollupThread(store, recorder, KEPT, recount.record)
    thread.recount(store.counted_through, logs)
    thread.start()
    thread.stop()
    recount.stop()


def batch(second: float, *types: str, source: str = "web", **attributes: object) -> Batch:
    logs = [{"type": each, "message": "m", **attributes} for each in types]
    return Batch(logs, source, NOON + int(second * 1000))


BATCHES = [
    batch(0, "error", "error", duration_ms=10),
    batch(20, "info", source="db", duration_ms=300),
    batch(40, "error", "info", duration_ms=20),
    batch(55, "error", duration_ms=50),
]
PAIRS: list[tuple[str, dict[str, Any]]] = [
    ("count", {"query": "type:error", "above": 100}),
    ("count", {"query": "-source:db", "above": 100}),
    ("rate", {"query": "", "below": 100}),
    ("share", {"query": "type:error", "of": "-type:debug", "above": 0.9}),
    ("share", {"query": "", "of": "source:db", "above": 0.9}),
    ("share", {"query": "source:db", "of": "", "above": 0.9}),
    ("percentile", {"query": "type:error", "attribute": "duration_ms", "q": 50, "above": 1e6}),
    ("absence", {"query": "type:debug"}),
]


@pytest.mark.parametrize("end", [41, 56, 75, 105, 500])
def test_measurements_tell_what_the_logs_tell(data: Path, end: int) -> None:
    fill_batches(data, BATCHES)
    measure(data, 6)
    rules = []
    for number, (kind, members) in enumerate(PAIRS):
        told = rule(f"{number} measured", kind, over="60s", **members)
        other: dict[str, Any] = {
            name: f"{members[name]} {EVERY}" for name in ("query", "of") if name in members
        }
        seen = rule(f"{number} matched", kind, over="60s", **{**members, **other})
        assert measured_rule(told, ["duration_ms"]) is not None
        assert measured_rule(seen, ["duration_ms"]) is None
        rules += [told, seen]
    clock = Clock(NOON + end * 1000 + SETTLED)
    with closing(Evaluator(rules, Settings(data=data), clock)) as evaluator:
        evaluator.book.watched_since = NOON - 10**9
        evaluator._started = NOON - 10**9
        for _ in evaluator.look():
            pass
        values = {each.alert: each.value for each in evaluator.book.states().states}
    assert values.keys() == {each.name for each in rules}
    for number in range(len(PAIRS)):
        told_value, seen_value = values[f"{number} measured"], values[f"{number} matched"]
        assert (told_value is None) == (seen_value is None)
        if seen_value is not None:
            assert told_value == pytest.approx(seen_value, rel=0.02)


def test_measurements_do_not_tell_of_types_that_are_one_series(data: Path) -> None:
    many = [f"t{number}" for number in range(MAX_LABELS + 10)]
    fill_batches(data, [batch(0, *many)])
    measure(data, len(many))
    rules = [
        rule("last", "count", query=f"type:{many[-1]}", above=0, over="60s"),
        rule("all", "count", above=0, over="60s"),
    ]
    clock = Clock(NOON + 5_000)
    with closing(Evaluator(rules, Settings(data=data), clock)) as evaluator:
        assert [each.rule.name for each in evaluator._tallies] == ["last"]
        for _ in evaluator.look():
            pass
        values = {each.alert: each.value for each in evaluator.book.states().states}
    assert values == {"last": 1.0, "all": float(len(many))}


def test_rule_of_measurements_waits_until_they_are_written(data: Path) -> None:
    fill_batches(data, BATCHES)
    measure(data, 3)
    rules = [rule("x", "count", above=0, over="60s")]
    clock = Clock(NOON + 60_000)
    with closing(Evaluator(rules, Settings(data=data), clock)) as evaluator:
        for _ in evaluator.look():
            pass
        assert evaluator.book.states().states == []
        measure(data, 6)
        clock.now += 1000
        for _ in evaluator.look():
            pass
        assert [each.value for each in evaluator.book.states().states] == [6.0]


def test_logs_that_come_are_seen_and_written_states_are_gone_on_with(data: Path) -> None:
    fill_batches(data, BATCHES)
    measure(data, 6)
    rules = [rule("x", "count", query="duration_ms>=20", above=3, over="60s")]
    clock = Clock(NOON + 57_000)
    with closing(Evaluator(rules, Settings(data=data), clock)) as evaluator:
        for _ in evaluator.look():
            pass
        (state,) = evaluator.book.states().states
        assert (state.value, state.status, state.since) == (3.0, "ok", None)
        fill_batches(data, [batch(58, "info", duration_ms=30)])
        clock.now = NOON + 61_000
        for _ in evaluator.look():
            pass
        (state,) = evaluator.book.states().states
        assert (state.value, state.status, state.since) == (5.0, "firing", NOON + 59_000)
    clock.now += 1000
    with closing(Evaluator(rules, Settings(data=data), clock)) as evaluator:
        for _ in evaluator.look():
            pass
        (again,) = evaluator.book.states().states
    assert again.incident == state.incident
    assert again.since == state.since
    kept = read_alerts(DataFolder(data))
    assert kept is not None
    assert kept.states == [again]
    assert kept.evaluated_at == NOON + 60_000


def test_nothing_counts_as_lacking_before_all_of_a_window_is_known(data: Path) -> None:
    fill_batches(data, BATCHES)
    measure(data, 6)
    rules = [rule("x", "absence", query='~"never"', over="10s")]
    clock = Clock(NOON + 60_000)
    with closing(Evaluator(rules, Settings(data=data), clock)) as evaluator:
        for second in range(20):
            clock.now = NOON + 60_000 + second * 1000
            for _ in evaluator.look():
                pass
            states = evaluator.book.states().states
            assert bool(states) == (second >= 10 + SETTLED / 1000), second
    clock.now += 10**7
    long = [rule("x", "absence", query='~"never"', over="1h")]
    with closing(Evaluator(long, Settings(data=data), clock)) as evaluator:
        for _ in evaluator.look():
            pass
        # It was firing, and nothing is judged before producers had time to come back.
        (state,) = evaluator.book.states().states
        assert state.status == "firing"
        assert state.value == 0.0
        evaluated = state.since
        clock.now += GRACE + SETTLED
        for _ in evaluator.look():
            pass
        assert evaluator.book.states().states[0].since == evaluated


def test_feed_begins_at_a_time_and_reads_on(data: Path) -> None:
    fill_batches(data, BATCHES)
    archive(data, [(2, PARQUET)], clear=True)
    with closing(
        LogFeed(DataFolder(data).logs, None, needs_message=True, needs_attributes=True)
    ) as feed:
        for second, after in ((-1, 2), (0, 2), (20, 2), (20.001, 3), (40, 3), (55, 5), (56, 6)):
            # Of what is archived it does not know.
            known = NOON + int(max(second, 20) * 1000)
            assert feed.begin(NOON + int(second * 1000)) == known
            assert feed.after == after
        assert feed.read() == []
        assert feed.received_behind(3) == NOON + 40_000
        assert feed.received_behind(6) is None
        feed.begin(NOON + 40_000)
        assert [(each.seq, each.type, each.attributes) for each in feed.read()] == [
            (4, "error", {"duration_ms": 20}),
            (5, "info", {"duration_ms": 20}),
            (6, "error", {"duration_ms": 50}),
        ]
    of_types = LogFeed(DataFolder(data).logs, ["info"], needs_message=False, needs_attributes=False)
    with closing(of_types) as feed:
        assert [(each.seq, each.message, each.attributes) for each in feed.read()] == [
            (3, "", {}),
            (5, "", {}),
        ]


def test_feed_of_a_type_does_not_look_twice_and_tells_what_it_missed(data: Path) -> None:
    fill_batches(data, BATCHES)
    path = DataFolder(data).logs
    with closing(LogFeed(path, ["info"], needs_message=False, needs_attributes=False)) as feed:
        assert [each.seq for each in feed.read()] == [3, 5]
        assert (feed.after, feed.missed_through) == (6, 0)
        fill_batches(data, BATCHES)
        archive(data, [(8, PARQUET)], clear=True)
        assert [each.seq for each in feed.read()] == [9, 11]
        assert (feed.after, feed.missed_through) == (12, 8)
        archive(data, [(4, PARQUET)], clear=True)
        assert feed.read() == []
        assert (feed.after, feed.missed_through) == (12, 8)


def test_rules_are_judged_late_where_there_are_more_logs_than_can_be_looked_at(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.alerts.feed.PAGE_LOGS", 2)
    monkeypatch.setattr("server.alerts.evaluator._BEHIND_SECONDS", -1.0)
    fill_batches(data, BATCHES)
    measure(data, 6)
    rules = [rule("x", "count", query=EVERY, above=1, over="60s")]
    clock = Clock(NOON + 60_000)
    evaluated = []
    with closing(Evaluator(rules, Settings(data=data), clock)) as evaluator:
        for _ in range(4):
            for _ in evaluator.look():
                pass
            states = evaluator.book.states()
            evaluated.append((states.evaluated_at - NOON, [each.value for each in states.states]))
    assert evaluated == [(0, [0.0]), (40_000, [3.0]), (55_000, [5.0]), (58_000, [6.0])]
