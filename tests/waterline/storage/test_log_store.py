"""The table of logs on a real file: what is stored reads back, and what is known is told."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import NOON
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.records import MAX_DEPTH
from waterline.storage.log_store import LogStore, StoreResult
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, transaction

WINDOW = 1_000
Given = tuple[str, str]
"""A source and an id."""


class Bench:
    """The table on a real file; seqs and time go on as the writer's do."""

    def __init__(self, path: Path) -> None:
        self.connection = open_writer(path, LOGS, "FULL")
        self.table = LogStore(self.connection, WINDOW)
        self.now = NOON
        self.next_seq = 1

    def store(self, *logs: Given) -> list[tuple[int, bool]]:
        """Store logs and return the seq of each and whether it was known."""
        return self.store_rows([[log_id, "info", None, name, "m", {}] for name, log_id in logs])

    def store_rows(self, rows: Sequence[object]) -> list[tuple[int, bool]]:
        encoded = msgspec.json.encode(rows)
        stored = self.table.store(encoded, len(rows), self.next_seq, self.now)
        assert not self.connection.in_transaction
        if stored.last_new is not None:
            self.next_seq = stored.last_new + 1
        known = stored.known or [False] * len(stored.seqs)
        return list(zip(stored.seqs, known, strict=True))

    def archive(self, through: int, *, clear: bool = True) -> None:
        """Archive logs as the archive does; what is cleared leaves its id behind for a while."""
        with transaction(self.connection):
            self.connection.execute("UPDATE seam SET archived_through = ?", (through,))
            if clear:
                self.connection.execute(
                    "INSERT OR REPLACE INTO archived_ids "
                    "SELECT source, id, seq, received_at FROM logs WHERE seq <= ?",
                    (through,),
                )
                self.connection.execute("DELETE FROM logs WHERE seq <= ?", (through,))

    def rows(self) -> list[tuple[object, ...]]:
        return self.connection.execute("SELECT * FROM logs ORDER BY seq").fetchall()

    def hot(self) -> list[tuple[int, str]]:
        """Return seq and id of what is in the table."""
        return cast("list[tuple[int, str]]", [row[:2] for row in self.rows()])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "logs.db")
    yield made
    made.connection.close()


# What is stored reads back


texts = st.text() | st.sampled_from(
    ["\x00", "a\x00b", '"', "\\", "'", "💧", "\x1f\x7f\u2028", "\\u0000", "null", "1", "NaN", "]}"]
)
numbers = (
    st.integers()
    | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, -(10**400)])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1e300, 5e-324, 1e16, 0.1])
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)
attributes = st.dictionaries(texts, anything)
timestamps = st.none() | st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP)
given_rows = st.lists(
    st.tuples(texts, texts, timestamps, texts, texts, attributes),
    min_size=1,
    max_size=5,
    unique_by=lambda row: (row[0], row[3]),
)


@given(rows=given_rows)
def test_stored_rows_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, int | None, str, str, dict[str, object]]],
) -> None:
    bench = Bench(tmp_path_factory.mktemp("table") / "logs.db")
    with closing(bench.connection):
        assert bench.store_rows(rows) == [(seq, False) for seq in range(1, len(rows) + 1)]
        found = bench.rows()
    assert found == [
        (
            seq,
            log_id,
            log_type,
            NOON if timestamp is None else timestamp,
            NOON,
            source,
            message,
            msgspec.json.encode(members).decode(),  # compact, and no digit is lost
        )
        for seq, (log_id, log_type, timestamp, source, message, members) in enumerate(rows, 1)
    ]
    assert [json.loads(str(row[-1])) for row in found] == [row[-1] for row in rows]


def test_attributes_are_stored_as_they_come_however_deep_they_are(bench: Bench) -> None:
    deep: list[object] = []
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    bench.store_rows([["a", "info", None, "web", "m", {"k": deep}]])
    assert bench.rows()[0][-1] == '{"k":' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "}"


def test_types_of_columns_are_those_of_values(bench: Bench) -> None:
    # A text that looks like a number stays one.
    bench.store_rows([["1", "2", 3, "4", "5", {}]])
    assert bench.rows() == [(1, "1", "2", 3, NOON, "4", "5", "{}")]


# What is known


def test_new_logs_get_next_seqs_in_their_order(bench: Bench) -> None:
    assert bench.store(("x", "c"), ("x", "a"), ("x", "b")) == [(1, False), (2, False), (3, False)]
    assert bench.hot() == [(1, "c"), (2, "a"), (3, "b")]
    assert bench.store(("x", "d")) == [(4, False)]


def test_duplicate_of_earlier_call_gets_first_seq(bench: Bench) -> None:
    bench.store(("x", "a"), ("x", "b"))
    assert bench.store(("x", "b"), ("x", "c"), ("x", "a")) == [(2, True), (4, False), (1, True)]
    assert bench.hot() == [(1, "a"), (2, "b"), (4, "c")]


def test_duplicate_within_call_gets_first_seq(bench: Bench) -> None:
    found = bench.store(("x", "a"), ("x", "a"), ("x", "b"), ("x", "a"))
    assert found == [(1, False), (1, True), (3, False), (1, True)]


def test_first_of_duplicates_is_kept(bench: Bench) -> None:
    bench.store_rows([["a", "info", 1, "x", "first", {}], ["a", "error", 2, "x", "second", {}]])
    bench.store_rows([["a", "error", 3, "x", "third", {"k": 1}]])
    assert bench.rows() == [(1, "a", "info", 1, NOON, "x", "first", "{}")]


def test_id_is_known_within_its_source_only(bench: Bench) -> None:
    assert bench.store(("x", "a"), ("y", "a")) == [(1, False), (2, False)]
    assert bench.store(("y", "a"), ("x", "a"), ("z", "a")) == [(2, True), (1, True), (5, False)]


def test_ids_that_differ_in_case_or_by_zero_character_are_different(bench: Bench) -> None:
    found = bench.store(("x", "a"), ("x", "A"), ("x", "a\x00"), ("x", "a\x00b"), ("x", "a "))
    assert [known for _, known in found] == [False] * 5


def test_duplicates_alone_have_no_last_new_seq(bench: Bench) -> None:
    bench.store(("x", "a"))
    stored = bench.table.store(b'[["a","info",null,"x","m",{}]]', 1, 2, NOON)
    assert (stored.seqs, stored.known, stored.last_new) == ([1], [True], None)


@pytest.mark.parametrize(
    ("stored", "last_new"),
    [
        (StoreResult(range(4, 7), None), 6),
        (StoreResult([4, 4, 6, 2], [False, True, False, True]), 6),
        (StoreResult([4, 1], [False, True]), 4),
        (StoreResult([3, 1], [True, True]), None),
    ],
)
def test_last_new_seq_is_that_of_last_log_that_is_new(
    stored: StoreResult, last_new: int | None
) -> None:
    assert stored.last_new == last_new


# What is archived


def test_archived_log_is_known_within_window_and_not_after(bench: Bench) -> None:
    bench.store(("x", "a"), ("x", "b"))
    bench.archive(2)
    bench.now = NOON + WINDOW
    assert bench.store(("x", "b"), ("x", "c"), ("y", "a")) == [(2, True), (4, False), (5, False)]
    bench.now += 1
    assert bench.store(("x", "d"), ("x", "a")) == [(6, False), (7, False)]
    # From its new receipt on it is known anew.
    assert bench.store(("x", "a"), ("x", "b")) == [(7, True), (9, False)]


def test_archived_log_that_comes_twice_after_window_is_stored_once(bench: Bench) -> None:
    bench.store(("x", "a"))
    bench.archive(1)
    bench.now += WINDOW + 1
    assert bench.store(("x", "a"), ("x", "b"), ("x", "a")) == [(2, False), (3, False), (2, True)]


def test_archived_row_not_removed_yet_is_known_within_window(bench: Bench) -> None:
    bench.store(("x", "a"))
    bench.archive(1, clear=False)
    bench.now = NOON + WINDOW
    assert bench.store(("x", "a"), ("x", "b")) == [(1, True), (3, False)]
    assert bench.hot() == [(1, "a"), (3, "b")]


def test_archived_row_not_removed_yet_is_stored_anew_after_window(bench: Bench) -> None:
    bench.store(("x", "a"), ("y", "a"), ("x", "b"))
    bench.archive(2, clear=False)
    bench.now = NOON + WINDOW + 1
    found = bench.store(("x", "new"), ("x", "a"), ("x", "b"), ("x", "a"), ("x", "newer"))
    assert found == [(4, False), (5, False), (3, True), (5, True), (8, False)]
    assert bench.hot() == [(2, "a"), (3, "b"), (4, "new"), (5, "a"), (8, "newer")]


def test_old_hot_row_is_known(bench: Bench) -> None:
    bench.store(("x", "a"), ("x", "b"))
    bench.archive(1)
    bench.now = NOON + 1_000 * WINDOW
    assert bench.store(("x", "b")) == [(2, True)]


moments = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("abcde")), max_size=6),
        st.sampled_from([0, 1, WINDOW // 2, WINDOW, WINDOW + 1]),
        st.sampled_from(["nothing", "archive", "archive but not clear"]),
        st.integers(0, 10),
    ),
    max_size=10,
)


@given(steps=moments)
def test_each_log_is_stored_once_while_it_is_hot_or_within_window(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[list[Given], int, str, int]],
) -> None:
    bench = Bench(tmp_path_factory.mktemp("table") / "logs.db")
    with closing(bench.connection):
        stored: dict[Given, tuple[int, int]] = {}  # seq and receipt of the latest
        archived_through = 0
        for logs, later, action, share in steps:
            bench.now += later
            expected = []
            for at, log in enumerate(logs):
                seq, received_at = stored.get(log, (0, 0))
                is_hot = seq > archived_through
                known = seq > 0 and (is_hot or received_at >= bench.now - WINDOW)
                if not known:
                    seq = bench.next_seq + at
                    stored[log] = (seq, bench.now)
                expected.append((seq, known))
            if logs:
                assert bench.store(*logs) == expected
            if action != "nothing":
                last = bench.next_seq - 1
                archived_through = max(archived_through, last * share // 10)
                bench.archive(archived_through, clear=action == "archive")
        hot = {seq for seq, _ in bench.hot() if seq > archived_through}
        assert hot == {seq for seq, _ in stored.values() if seq > archived_through}


# What fails


def large(log_id: str) -> list[object]:
    return [log_id, "info", None, "x", "x" * 100_000, {}]


def test_full_disk_leaves_nothing(bench: Bench) -> None:
    bench.store(("x", "a"))
    connection = bench.connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    with pytest.raises(apsw.FullError):
        bench.store_rows([["b", "info", None, "x", "m", {}], large("c")])
    assert bench.hot() == [(1, "a")]
    assert not connection.in_transaction
    connection.pragma("max_page_count", 1_000_000)
    assert bench.store_rows([large("c"), large("a")]) == [(2, False), (1, True)]


def test_full_disk_leaves_what_would_have_been_forgotten(bench: Bench) -> None:
    bench.store(("x", "a"))
    bench.archive(1, clear=False)
    bench.now += WINDOW + 1
    connection = bench.connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    with pytest.raises(apsw.FullError):
        bench.store_rows([["b", "info", None, "x", "m", {}], large("a")])
    assert bench.hot() == [(1, "a")]


def test_statement_that_fails_leaves_nothing(bench: Bench) -> None:
    bench.store(("x", "a"))
    # The message is missing from the second, as in no row that is checked.
    with pytest.raises(apsw.ConstraintError):
        bench.store_rows([["b", "info", None, "x", "m", {}], ["c", "info", None, "x", None, {}]])
    assert bench.hot() == [(1, "a")]
    assert bench.store(("x", "b")) == [(2, False)]
