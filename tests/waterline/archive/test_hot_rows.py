"""Hot rows: read as they are stored, and cut into batches where day, size and neighbours say."""

from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.archive_runs import Row, rows_of
from tests.support.archived import batch
from waterline.archive import hot_rows
from waterline.archive.columns import SCHEMA
from waterline.archive.hot_rows import DAY, HotRows, RowRange
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.storage.catalog import add_batches
from waterline.storage.schema import LOGS

INSERT = "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
FAR = 10**6
"""A seq behind all others."""

texts = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["", "\x00", "a\x00", "\x00\x00b", ",", "'", '"', "\\", "\n", "1,2", "水💧", "\ufeff"]
)
moments = st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP)


def memory() -> apsw.Connection:
    """Return an empty logs.db that lies in memory."""
    connection = apsw.Connection(":memory:")
    for step in LOGS.steps:
        connection.execute(step)
    return connection


def store(connection: apsw.Connection, *received: tuple[int, int], size: int = 1) -> None:
    """Store logs, for each a seq and when it was received, with messages of some length."""
    connection.executemany(
        INSERT,
        [(seq, f"{seq:04d}", "info", 0, moment, "x", "m" * size, "{}") for seq, moment in received],
    )


def ranges(rows: HotRows, through: int, most: int, after: int = 0) -> list[RowRange]:
    """Return one range after the other, as a run asks for them."""
    found = []
    while wanted := rows.next_range(after, through, most):
        found.append(wanted)
        after = wanted.last
    return found


@given(
    values=st.lists(
        st.tuples(texts, texts, moments, moments, texts, texts, texts), min_size=1, max_size=12
    ),
    gap=st.integers(1, 2**40),
    bounds=st.tuples(st.integers(0, 12), st.integers(0, 12)),
)
@example(values=[("", "", -1, -1, "", "", "")] * 3, gap=1, bounds=(0, 12))
@example(values=[("\x00", "", 0, 0, "", "\x00" * 3, "{}")] * 2, gap=1, bounds=(0, 12))
def test_rows_come_as_plain_select_gives_them(
    values: Sequence[tuple[str, str, int, int, str, str, str]], gap: int, bounds: tuple[int, int]
) -> None:
    with closing(memory()) as connection:
        connection.execute("DROP INDEX logs_source_id")  # any texts, also the same twice
        expected: list[Row] = [(gap * (at + 1), *row) for at, row in enumerate(values)]
        connection.executemany(INSERT, expected)
        first, last = sorted(min(each, len(expected) - 1) for each in bounds)
        wanted = RowRange(after=gap * first, last=gap * (last + 1), day=0)
        table = HotRows(connection).read(wanted)
    assert table.schema == SCHEMA
    assert rows_of(table) == expected[first : last + 1]


@given(
    steps=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=30),
    after=st.integers(0, 3),
    moment=st.integers(-2, 60),
)
def test_last_received_by_moment_is_one_walk_through_all_finds(
    steps: Sequence[tuple[int, int]], after: int, moment: int
) -> None:
    seq = received_at = 0
    rows = []
    for gap, pause in steps:
        seq, received_at = seq + gap, received_at + pause
        rows.append((seq, received_at))
    begin = rows[after - 1][0] if 0 < after <= len(rows) else 0
    with closing(memory()) as connection:
        store(connection, *rows)
        found = HotRows(connection).last_received(moment, begin)
    walked = [each for each, at in rows if each > begin and at <= moment]
    assert found == max(walked, default=begin)


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from([0, 1, DAY // 2, DAY])), max_size=20
    ),
    through=st.integers(0, 40),
    most=st.integers(1, 5),
)
def test_ranges_take_every_row_once_and_never_two_days_or_too_many(
    steps: Sequence[tuple[int, int]], through: int, most: int
) -> None:
    seq, received_at = 0, -DAY
    rows = []
    for gap, pause in steps:
        seq, received_at = seq + gap, received_at + pause
        rows.append((seq, received_at))
    with closing(memory()) as connection:
        store(connection, *rows)
        found = ranges(HotRows(connection), through, most)
    taken = []
    for each in found:
        days = [at // DAY for seq, at in rows if each.after < seq <= each.last]
        assert set(days) == {each.day}
        assert len(days) <= most
        taken += [seq for seq, _ in rows if each.after < seq <= each.last]
    assert taken == [seq for seq, _ in rows if seq <= through]
    # None is cut short without a reason.
    for each, following in pairwise(found):
        is_full = sum(each.after < seq <= each.last for seq, _ in rows) == most
        assert is_full or each.day != following.day


def test_empty_table_has_no_next_range() -> None:
    with closing(memory()) as connection:
        rows = HotRows(connection)
        assert rows.last_received(10**15, 0) == 0
        assert rows.last_received(10**15, 7) == 7
        assert rows.next_range(0, FAR, 10) is None


def test_day_ends_with_its_last_millisecond() -> None:
    with closing(memory()) as connection:
        store(connection, (1, 3 * DAY), (2, 4 * DAY - 1), (3, 4 * DAY))
        assert ranges(HotRows(connection), FAR, 10) == [RowRange(0, 2, 3), RowRange(2, 3, 4)]


def test_rows_behind_watermark_that_were_not_removed_yet_are_not_taken_again() -> None:
    with closing(memory()) as connection:
        store(connection, *((seq, 0) for seq in range(1, 9)))
        rows = HotRows(connection)
        assert rows.last_received(0, 5) == 8
        assert ranges(rows, FAR, 10, after=5) == [RowRange(5, 8, 0)]
        assert rows.next_range(8, FAR, 10) is None


def test_batch_of_long_logs_has_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(memory()) as connection:
        # An id of 4 bytes and attributes of 2: 100 bytes a log.
        store(connection, *((seq, 0) for seq in range(1, 8)), size=94)
        rows = HotRows(connection)
        monkeypatch.setattr(hot_rows, "MAX_BATCH_SIZE", 300)
        assert [each.last for each in ranges(rows, FAR, 10)] == [3, 6, 7]
        monkeypatch.setattr(hot_rows, "MAX_BATCH_SIZE", 301)
        assert [each.last for each in ranges(rows, FAR, 10)] == [4, 7]
        assert [each.last for each in ranges(rows, FAR, 2)] == [2, 4, 6, 7]


def test_log_longer_than_batch_may_be_is_one_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hot_rows, "MAX_BATCH_SIZE", 10)
    with closing(memory()) as connection:
        store(connection, (1, 0), (2, 0), size=1000)
        assert [each.last for each in ranges(HotRows(connection), FAR, 10)] == [1, 2]


def test_size_is_counted_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_rows, "MAX_BATCH_SIZE", 30)
    with closing(memory()) as connection:
        for seq in (1, 2, 3):
            connection.execute(INSERT, (seq, str(seq), "t", 0, 0, "x", "水" * 9, "{}"))
        assert [each.last for each in ranges(HotRows(connection), FAR, 10)] == [1, 2, 3]


def test_batch_ends_before_adopted_block_and_next_begins_behind_it() -> None:
    with closing(memory()) as connection:
        store(connection, *((seq, 0) for seq in (1, 2, 3, 21, 22)))
        adopted = batch(1, first_seq=4, last_seq=20, file="adopted")
        add_batches(connection, [adopted])
        found = ranges(HotRows(connection), FAR, 10)
    assert [each.last for each in found] == [3, 22]


def test_two_adopted_blocks_side_by_side_are_passed_over() -> None:
    with closing(memory()) as connection:
        store(connection, *((seq, 0) for seq in (3, 21, 40)))
        blocks = [(1, 2), (4, 12), (13, 20), (30, 35)]
        add_batches(
            connection,
            [
                batch(at, first_seq=first, last_seq=last, file=f"adopted-{at}")
                for at, (first, last) in enumerate(blocks, 1)
            ],
        )
        found = ranges(HotRows(connection), FAR, 10)
    assert [each.last for each in found] == [3, 21, 40]
