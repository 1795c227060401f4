"""The hub alone: what it makes of commits for readers who take what comes, and for others."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from server.live.filters import EVERYTHING, Filter
from server.live.hub import FRAME_SIZE, TICKS_A_POSITION, LiveHub
from tests.support.live import FakeReader, Row, commit, row
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder


class Feed:
    """A hub and the logs that are published to it, each with the next seq."""

    def __init__(self, buffer_size: int = 10_000, last_seq: int = 0) -> None:
        self.recorder = MetricsRecorder()
        self.hub = LiveHub(buffer_size, last_seq, self.recorder)
        self.last = last_seq

    def publish(self, *rows: Row) -> None:
        self.hub.publish(commit(self.last + 1, rows))
        self.last += len(rows)

    def reader(self, wanted: Filter = EVERYTHING) -> FakeReader:
        """Return a new reader that has taken its first position."""
        reader = FakeReader()
        self.hub.subscribe(reader, wanted)
        reader.take_all()
        return reader

    @property
    def skipped(self) -> int:
        """How many logs were counted that readers were too slow for."""
        return self.recorder.counts(metrics.LIVE_SKIPPED, metrics.REASON).get(metrics.SLOW, 0)

    def pass_a_second(self) -> None:
        for _ in range(TICKS_A_POSITION):
            self.hub.tick()


def test_logs_gather_until_next_tick() -> None:
    feed = Feed()
    reader = feed.reader()
    feed.publish(row(), row())
    feed.publish(row())
    assert reader.received.logs == []
    feed.hub.tick()
    assert reader.received.seqs == [1, 2, 3]
    assert reader.received.kinds == ["position", "logs"]
    feed.hub.tick()
    assert reader.received.kinds == ["position", "logs"]


def test_many_logs_do_not_wait_for_tick() -> None:
    feed = Feed(16 * FRAME_SIZE)
    reader = feed.reader()
    feed.publish(*[row(FRAME_SIZE // 4) for _ in range(9)])
    assert reader.received.seqs == list(range(1, 9))
    assert max(map(len, reader.frames)) < FRAME_SIZE * 5 // 4 + 1_000
    feed.hub.tick()
    assert reader.received.seqs == list(range(1, 10))


def test_duplicates_are_not_sent_again() -> None:
    feed = Feed()
    reader = feed.reader()
    feed.hub.publish(commit(1, [row(), row(), row()], known=[False, True, False]))
    feed.hub.tick()
    assert reader.received.seqs == [1, 3]


def test_readers_who_want_same_share_bytes() -> None:
    feed = Feed()
    wanted = [EVERYTHING, EVERYTHING, *[Filter(types=frozenset(["info"])) for _ in range(2)]]
    readers = [feed.reader(each) for each in wanted]
    feed.publish(row())
    feed.hub.tick()
    all_one, all_two, some_one, some_two = (reader.frames[-1] for reader in readers)
    assert all_one is all_two
    assert some_one is some_two


def test_each_reader_gets_what_it_wants_and_position_of_all() -> None:
    feed = Feed()
    errors = feed.reader(Filter(types=frozenset(["error"])))
    pump = feed.reader(Filter(sources=frozenset(["pump"]), contains=frozenset(["dry"])))
    everyone = feed.reader()
    feed.publish(
        row(kind="error"),
        row(source="pump", text="ran dry"),
        row(source="pump", text="Dry"),
        row(kind="error", source="pump", text="dry again"),
        row(),
    )
    feed.pass_a_second()
    assert errors.received.seqs == [1, 4]
    assert pump.received.seqs == [2, 4]
    assert everyone.received.seqs == [1, 2, 3, 4, 5]
    for reader in (errors, pump, everyone):
        assert reader.received.positions == [0, 5]
        assert reader.received.kinds == ["position", "logs", "position"]


def test_position_of_reader_moves_with_logs_that_it_does_not_want() -> None:
    feed = Feed()
    reader = feed.reader(Filter(types=frozenset(["error"])))
    feed.publish(row(), row())
    feed.pass_a_second()
    assert reader.received.kinds == ["position", "position"]
    assert reader.received.positions == [0, 2]


def test_reader_that_comes_between_two_ticks_gets_nothing_from_before() -> None:
    feed = Feed()
    early = feed.reader()
    feed.publish(row())
    late = feed.reader()
    feed.publish(row())
    feed.hub.tick()
    assert (early.received.seqs, late.received.seqs) == ([1, 2], [2])
    assert (early.received.positions, late.received.positions) == ([0], [1])


def test_reader_that_went_gets_nothing_more() -> None:
    feed = Feed()
    reader = feed.reader()
    assert feed.hub.readers == 1
    feed.hub.unsubscribe(reader)
    feed.hub.unsubscribe(reader)
    feed.publish(row())
    feed.pass_a_second()
    feed.hub.announce("client_connect", "c", 5)
    assert reader.received.kinds == ["position"]
    assert feed.hub.readers == 0


def test_one_of_two_who_want_same_may_go() -> None:
    feed = Feed()
    stays, goes = feed.reader(), feed.reader()
    feed.hub.unsubscribe(goes)
    feed.publish(row())
    feed.hub.tick()
    assert (stays.received.seqs, goes.received.seqs) == ([1], [])


def test_position_is_told_at_first_and_each_second_in_which_it_moved() -> None:
    feed = Feed(last_seq=41)
    feed.publish(row())
    reader = feed.reader()
    assert reader.received.positions == [42]
    feed.pass_a_second()
    feed.pass_a_second()
    assert reader.received.kinds == ["position"]
    feed.publish(row())
    feed.pass_a_second()
    feed.pass_a_second()
    assert reader.received.positions == [42, 43]


def test_slow_reader_is_told_whole_range_once_it_reads_again() -> None:
    feed = Feed(1_000)
    reader = feed.reader()
    feed.publish(*[row(500) for _ in range(20)])
    assert (reader.received.seqs, reader.received.skipped) == ([1], [])
    reader.take_all()
    feed.publish(row(500))
    assert reader.received.skipped == [{"type": "skipped", "from": 2, "to": 20, "reason": "slow"}]
    assert reader.received.seqs == [1, 21]


def test_skipped_logs_are_counted_for_each_reader() -> None:
    feed = Feed(1_000)
    slow, slower, quick = feed.reader(), feed.reader(), feed.reader()
    for _ in range(3):
        feed.publish(*[row(500) for _ in range(4)])
        quick.take_all()
        feed.hub.tick()
        quick.take_all()
    skipped = len(slow.received.gone), len(slower.received.gone)
    assert skipped == (0, 0), "they have not been told yet"
    counted = feed.skipped
    assert counted > 0
    for reader in (slow, slower, quick):
        reader.take_all()
    feed.pass_a_second()
    told = [len(reader.received.gone) for reader in (slow, slower, quick)]
    assert min(told[:2]) > 0
    assert feed.skipped == counted == sum(told)


def test_lag_is_that_of_slowest_reader() -> None:
    feed = Feed()
    assert feed.hub.lag == 0
    slow, quick = feed.reader(), feed.reader()
    feed.publish(row(500))
    feed.hub.tick()
    quick.take_all()
    assert feed.hub.lag == slow.unsent > 500
    feed.hub.unsubscribe(slow)
    assert feed.hub.lag == 0


def test_slow_reader_is_told_what_it_missed_also_when_nothing_more_comes() -> None:
    feed = Feed(1_000)
    reader = feed.reader()
    feed.publish(row(500), row(500))
    feed.pass_a_second()
    reader.take_all()
    feed.pass_a_second()
    assert reader.received.kinds == ["position", "logs", "skipped", "position"]
    assert reader.received.gone == [2]


def test_slow_reader_is_told_before_anything_else_also_before_events() -> None:
    feed = Feed(1_000)
    reader = feed.reader()
    for _ in range(2):
        feed.publish(row(900))
        feed.hub.tick()
    reader.take_all()
    feed.hub.announce("client_connect", "c", 5)
    assert reader.received.kinds == ["position", "logs", "skipped", "client_connect"]


def test_skipped_range_of_filtered_reader_begins_and_ends_with_matching_log() -> None:
    feed = Feed(1_000)
    reader = feed.reader(Filter(types=frozenset(["error"])))
    feed.publish(row(), row(900, kind="error"), row())
    feed.publish(row(900, kind="error"), row(), row(900, kind="error"), row())
    reader.take_all()
    feed.pass_a_second()
    assert reader.received.seqs == [2]
    assert reader.received.skipped == [{"type": "skipped", "from": 4, "to": 6, "reason": "slow"}]
    assert reader.received.positions == [0, 7]


def test_one_slow_reader_takes_nothing_from_others() -> None:
    feed = Feed(1_000)
    feed.reader()
    awake = feed.reader()
    for _ in range(50):
        feed.publish(row(400))
        feed.hub.tick()
        awake.take_all()
    assert awake.received.seqs == list(range(1, 51))
    assert awake.received.skipped == []


def test_buffer_of_slow_reader_is_bounded() -> None:
    feed = Feed(10_000)
    reader = feed.reader()
    for _ in range(500):
        feed.publish(row(300))
        feed.hub.announce("client_connect", "c", 5)
        feed.hub.tick()
    assert reader.unsent <= 10_000 + 100  # and the word that it skipped


def test_events_slow_reader_has_no_room_for_are_dropped() -> None:
    feed = Feed(100)
    reader = feed.reader()
    feed.hub.announce("client_connect", "a", 5)
    feed.hub.announce("client_connect", "b", 5)
    reader.take_all()
    feed.hub.announce("client_connect", "c", 5)
    assert [each["clientId"] for each in reader.received.events] == ["a", "c"]


def test_events_reach_readers_with_filter_too() -> None:
    feed = Feed()
    reader = feed.reader(Filter(types=frozenset(["error"])))
    feed.hub.announce("client_connect", "a", 5)
    assert reader.received.events == [{"type": "client_connect", "clientId": "a", "timestamp": 5}]


actions = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.lists(st.integers(0, 600), max_size=6)),
        st.tuples(st.sampled_from(["tick", "take", "announce"]), st.just([])),
    ),
    max_size=60,
)


@given(actions, st.integers(0, 2_000), st.booleans())
def test_each_seq_is_sent_or_skipped_once_by_hub(
    given_actions: Sequence[tuple[str, list[int]]], buffer_size: int, filtered: bool
) -> None:
    feed = Feed(buffer_size)
    reader = feed.reader(Filter(types=frozenset(["info"])) if filtered else EVERYTHING)
    for action, sizes in given_actions:
        if action == "publish":
            feed.publish(*[row(size, kind="error" if size % 3 == 0 else "info") for size in sizes])
        elif action == "tick":
            feed.hub.tick()
        elif action == "announce":
            feed.hub.announce("client_connect", "c", 5)
        else:
            reader.take_all()
    # A reader of no buffer at all takes one frame a second: the logs, then the position.
    for _ in range(3):
        reader.take_all()
        feed.pass_a_second()
    sizes = [size for action, sizes in given_actions if action == "publish" for size in sizes]
    wanted = [seq for seq, size in enumerate(sizes, 1) if not filtered or size % 3]
    told = reader.received
    assert [seq for seq in told.accounted_for if seq in set(wanted)] == wanted
    assert len(set(told.accounted_for)) == len(told.accounted_for)
    assert feed.skipped == len(told.gone)
    assert told.seqs == sorted(told.seqs)
    assert told.positions[-1] == feed.last
    assert told.positions == sorted(told.positions)
