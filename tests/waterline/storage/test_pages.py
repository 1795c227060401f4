"""Committed logs by seq, page by page, beside the writer of the file."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.table import Table
from waterline.errors import DataFolderError
from waterline.records import StoredLog
from waterline.storage.pages import MAX_PAGE_LOGS, LogPages

PLENTY = 2**30


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    with closing(Table(tmp_path / "logs.db")) as opened:
        yield opened


@pytest.fixture
def pages(table: Table) -> Iterator[LogPages]:
    with closing(LogPages(table.path)) as opened:
        yield opened


def seqs(logs: Sequence[StoredLog]) -> list[int]:
    return [log.seq for log in logs]


def test_log_comes_back_as_it_was_stored(table: Table, pages: LogPages) -> None:
    table.store('grüße \x00 "\n"')
    (log,) = pages.read(0, 1, PLENTY).logs
    expected = StoredLog(
        1, "id 1", "info", 1, 2, "web", 'grüße \x00 "\n"', msgspec.Raw(b'{"k":[1,null]}')
    )
    assert msgspec.json.encode(log) == msgspec.json.encode(expected)


def test_page_has_logs_between_its_bounds(table: Table, pages: LogPages) -> None:
    table.store(*"abcdef")
    page = pages.read(2, 5, PLENTY)
    assert (page.begin, page.end, seqs(page.logs)) == (2, 5, [3, 4, 5])


def test_page_without_logs_reaches_to_its_end(table: Table, pages: LogPages) -> None:
    table.store("a")
    page = pages.read(1, 9, PLENTY)
    assert (page.begin, page.end, page.logs) == (1, 9, [])


def test_page_sees_what_was_committed_after_one_before(table: Table, pages: LogPages) -> None:
    table.store("a")
    assert seqs(pages.read(0, 9, PLENTY).logs) == [1]
    table.store("b")
    assert seqs(pages.read(0, 9, PLENTY).logs) == [1, 2]


def test_page_ends_with_log_that_fills_it(table: Table, pages: LogPages) -> None:
    table.store(*["x" * 1_000] * 9)
    page = pages.read(0, 9, 2_500)
    assert (page.end, seqs(page.logs)) == (3, [1, 2, 3])


def test_log_larger_than_page_is_page(table: Table, pages: LogPages) -> None:
    table.store("x" * 100_000, "y")
    assert seqs(pages.read(0, 2, 10).logs) == [1]
    assert seqs(pages.read(0, 2, 0).logs) == [1]


def test_page_of_small_logs_is_bounded_too(table: Table, pages: LogPages) -> None:
    table.store(*[""] * (MAX_PAGE_LOGS + 1))
    page = pages.read(0, table.last_seq, PLENTY)
    assert (page.end, len(page.logs)) == (MAX_PAGE_LOGS, MAX_PAGE_LOGS)


def test_archived_logs_do_not_come_although_their_rows_are_there(
    table: Table, pages: LogPages
) -> None:
    table.store(*"abcdef")
    table.archive_through(4)
    page = pages.read(1, 6, PLENTY)
    assert (page.begin, page.end, seqs(page.logs)) == (4, 6, [5, 6])
    assert pages.read(5, 6, PLENTY).begin == 5


def test_page_never_begins_behind_its_end(table: Table, pages: LogPages) -> None:
    table.store(*"abcdef")
    table.archive_through(6)
    page = pages.read(1, 3, PLENTY)
    assert (page.begin, page.end, page.logs) == (3, 3, [])


def test_no_transaction_stays_open_between_pages(table: Table, pages: LogPages) -> None:
    table.store("a", "b")
    for size in (0, PLENTY):
        pages.read(0, 2, size)
        # A checkpoint that cuts the WAL waits for every reader.
        table.connection.set_busy_timeout(0)
        busy, _, _ = table.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
        assert busy == 0


def test_pages_cannot_write(pages: LogPages) -> None:
    assert pages._connection is not None
    with pytest.raises(apsw.ReadOnlyError):
        pages._connection.execute("DELETE FROM logs")


def test_closed_pages_say_so_and_may_be_closed_again(pages: LogPages) -> None:
    assert pages.is_open
    pages.close()
    pages.close()
    assert not pages.is_open


def test_missing_or_damaged_file_is_told_in_our_words(tmp_path: Path) -> None:
    with pytest.raises(DataFolderError, match="cannot be opened"):
        LogPages(tmp_path / "none.db")
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"no database" * 1_000)
    with closing(LogPages(bad)) as pages, pytest.raises(DataFolderError, match="damaged"):
        pages.read(0, 1, PLENTY)


@given(
    st.lists(st.integers(0, 400), max_size=30),
    st.integers(0, 30),
    st.integers(0, 35),
    st.integers(0, 2_000),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_one_after_other_have_every_log_once(
    table: Table, pages: LogPages, lengths: list[int], archived: int, after: int, size: int
) -> None:
    table.store(*["x" * length for length in lengths] or ["x"])
    first = table.last_seq - (len(lengths) or 1)
    table.archive_through(first + archived)
    begin = after = min(first + after, table.last_seq)
    found: list[int] = []
    while after < table.last_seq:
        page = pages.read(after, table.last_seq, size)
        assert page.end > after
        found += seqs(page.logs)
        after = page.end
    assert found == list(range(max(begin, first + archived) + 1, table.last_seq + 1))
