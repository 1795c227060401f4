"""The simulation of many nodes: what it must say where the answer can be worked out by hand."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale.assumptions import Assumptions, Event, Lost, Refusing, Slow, Stopped
from benchmarks.scale.simulation import Simulation

HOUR = 3_600.0
NODE = Assumptions(
    nodes=2,
    rate=1_000.0,
    most_rate=3_000.0,
    hot_bytes=300.0,
    stored_bytes=30.0,
    disk=1e12,
    archive_after=600.0,
    archive_every=300.0,
    batch_rows=100_000,
    record_rate=1e6,
    bucket_rate=1e9,
    request_seconds=0.01,
)


def test_nodes_without_events_upload_all_but_the_newest_and_keep_nobody_waiting() -> None:
    for node in Simulation(NODE, (), 4 * HOUR).run():
        assert node.acked == pytest.approx(4 * HOUR * 1_000, rel=1e-3)
        assert node.most_waiting <= 1_000  # within a step
        assert 600 * 1_000 <= node.left <= 900 * 1_000
        full = node.uploaded / 100_000 * 3
        assert full <= node.requests <= full + 3 * 48  # each run has a last batch that is not full


def test_producers_of_a_node_that_was_down_catch_up_at_the_rate_that_is_left() -> None:
    stopped, other = Simulation(NODE, (Stopped(0, HOUR, HOUR / 2),), 4 * HOUR).run()
    assert stopped.most_waiting == pytest.approx(HOUR / 2 * 1_000, rel=1e-2)
    # 1,800,000 logs, of which 3,000 a second are taken while 1,000 come.
    assert stopped.caught_up_at == pytest.approx(1.5 * HOUR + 900, rel=1e-2)
    assert (stopped.lost, other.most_waiting <= 1_000) == (0, True)


def test_lost_disk_loses_what_was_not_uploaded_and_nothing_else() -> None:
    lost, other = Simulation(NODE, (Lost(0, 2 * HOUR, HOUR),), 6 * HOUR).run()
    assert 600 * 1_000 <= lost.lost <= 900 * 1_000 + 100_000
    assert other.lost == 0


def test_bucket_that_refuses_fills_the_disk_and_loses_nothing() -> None:
    small = replace(NODE, disk=5e8)
    for node in Simulation(small, (Refusing(HOUR, 12 * HOUR),), 16 * HOUR).run():
        assert node.most_disk == pytest.approx(5e8, rel=1e-2)
        assert node.refused > 2 * HOUR
        assert node.most_waiting > 2 * HOUR * 1_000
        assert node.lost == 0


def test_slow_bucket_leaves_more_on_the_disk_alone() -> None:
    # As it is, it takes twice what comes; a tenth of that is too little.
    narrow = replace(NODE, bucket_rate=60_000.0)
    (as_ever, _), (slow, _) = (
        Simulation(narrow, events, 8 * HOUR).run() for events in ((), (Slow(HOUR, 2 * HOUR, 10),))
    )
    assert slow.most_behind > as_ever.most_behind + HOUR * 1_000


times = st.floats(0.0, 5 * HOUR)
lengths = st.floats(1.0, 2 * HOUR)
numbers = st.sampled_from([0, 1])
events = st.one_of(
    st.builds(Stopped, numbers, times, lengths),
    st.builds(Lost, numbers, times, lengths),
    st.builds(Refusing, times, lengths),
    st.builds(Slow, times, lengths, st.floats(1.0, 50.0)),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(events, max_size=4))
def test_every_acked_log_is_uploaded_lost_or_still_there(happened: list[Event]) -> None:
    for node in Simulation(NODE, happened, 6 * HOUR).run():
        assert node.acked == pytest.approx(node.uploaded + node.lost + node.left, rel=1e-6)
        if not any(isinstance(each, Lost) for each in happened):
            assert node.lost == 0
