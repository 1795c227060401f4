"""Removal: archived rows go and their space comes back; a log sent again is still recognised."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw
import pytest

from tests.support.archive_runs import hot_rows, opened
from tests.support.folders import DAY, NOON, Batch, alter, alter_elsewhere, fill, fill_batches
from tests.support.looking import number
from waterline.archive.jobs import pace
from waterline.archive.jobs import remove as removal
from waterline.archive.jobs.pace import Pace
from waterline.archive.jobs.remove import FIRST_SLICE, Removed, RowRemover
from waterline.archive.progress import silent
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer


def remove(data: Path, now: int = NOON, window: int = DAY) -> Removed:
    """Remove what is archived, at a moment, as beside a server that stores logs."""
    with closing(open_writer(DataFolder(data).logs, LOGS, "FULL")) as connection:
        removal = RowRemover(connection, window, lambda: now, silent, Pace(connection))
        removal.run()
    return removal.removed


def archive_through(data: Path, seq: int) -> None:
    """Move the watermark; whether there is a batch makes no difference here."""
    alter(DataFolder(data).logs, f"UPDATE seam SET archived_through = {seq}")


def archived_ids(data: Path) -> list[tuple[str, str, int, int]]:
    with opened(data) as connection:
        found = connection.execute("SELECT source, id, seq, received_at FROM archived_ids")
        return [(str(a), str(b), int(str(c)), int(str(d))) for a, b, c, d in found]


def logs(number: int, size: int = 1) -> list[dict[str, object]]:
    return [{"id": f"{each}", "type": "t", "message": "m" * size} for each in range(number)]


def test_rows_below_watermark_go_and_others_stay(data: Path) -> None:
    fill(data, logs(10))
    archive_through(data, 7)
    assert remove(data).rows == 7
    assert [row[0] for row in hot_rows(data)] == [8, 9, 10]
    assert remove(data).rows == 0
    assert [row[0] for row in hot_rows(data)] == [8, 9, 10]


def test_rows_above_watermark_stay(data: Path) -> None:
    fill(data, logs(10))
    removed = remove(data)
    assert (removed.rows, removed.size) == (0, 0)
    assert len(hot_rows(data)) == 10


def test_many_rows_go_in_slices_to_last_one(data: Path) -> None:
    number = 7 * FIRST_SLICE + 3
    fill(data, logs(number))
    archive_through(data, number - 1)
    assert remove(data).rows == number - 1
    assert [row[0] for row in hot_rows(data)] == [number]


def test_logs_within_window_are_recognised_and_older_ones_are_not(data: Path) -> None:
    fill_batches(
        data,
        [
            Batch([{"id": "old", "type": "t", "message": ""}], "a", NOON),
            Batch([{"id": "edge", "type": "t", "message": ""}], "a", NOON + 1),
            Batch([{"id": "new", "type": "t", "message": ""}], "b", NOON + 2),
            Batch([{"id": "hot", "type": "t", "message": ""}], "b", NOON + 3),
        ],
    )
    archive_through(data, 3)
    remove(data, now=NOON + 1 + DAY)
    assert archived_ids(data) == [("a", "edge", 2, NOON + 1), ("b", "new", 3, NOON + 2)]


def test_ids_are_forgotten_when_their_window_has_passed(data: Path) -> None:
    number = 3 * FIRST_SLICE
    fill(data, logs(number))
    fill(data, [{"id": "later", "type": "t", "message": ""}], received_at=NOON + 1)
    archive_through(data, number + 1)
    remove(data)
    assert len(archived_ids(data)) == number + 1
    remove(data, now=NOON + DAY)
    assert len(archived_ids(data)) == number + 1
    remove(data, now=NOON + DAY + 1)
    assert [each[1] for each in archived_ids(data)] == ["later"]
    remove(data, now=NOON + DAY + 2)
    assert archived_ids(data) == []


def test_log_sent_again_within_window_is_duplicate_and_new_one_after_it(
    data: Path,
) -> None:
    (first,) = fill(data, [{"id": "a", "type": "t", "message": "first"}])
    archive_through(data, 1)
    remove(data)
    again = {"id": "a", "type": "t", "message": "again"}
    assert fill(data, [again], received_at=NOON + DAY) == [("a", first[1], True)]
    assert hot_rows(data) == []
    assert fill(data, [again], received_at=NOON + DAY + 1) == [("a", 2, False)]
    # It is archived in its turn, and the id stands for its new seq.
    archive_through(data, 2)
    remove(data, now=NOON + DAY + 1)
    assert archived_ids(data) == [("test", "a", 2, NOON + DAY + 1)]


# Alone, after a silence


SILENCE: Final = 60.0


class Clearings:
    """Whether all rows went at once: SQLite then tells its update hook of none of them."""

    def __init__(self) -> None:
        self.deleted = 0

    def update(self, kind: int, _: str, table: str, __: int) -> None:
        self.deleted += kind == apsw.SQLITE_DELETE and table == "logs"


def removed_alone(data: Path, now: int = NOON) -> tuple[Removed, int]:
    """Remove after a silence; return what went, and how many rows of it one by one."""
    rows = Clearings()
    with closing(open_writer(DataFolder(data).logs, LOGS, "FULL")) as connection:
        connection.set_update_hook(rows.update)
        removal = RowRemover(connection, DAY, lambda: now, silent, Pace(connection, SILENCE))
        removal.run()
    return removal.removed, rows.deleted


def remove_alone(data: Path, now: int = NOON) -> tuple[int, int]:
    """Remove after a silence; return how many rows went, and how many of them one by one."""
    removed, one_by_one = removed_alone(data, now)
    return removed.rows, one_by_one


def test_all_rows_go_at_once_after_a_silence(data: Path) -> None:
    fill(data, logs(1000, size=1000))
    before, _ = look_at_pages(data)
    archive_through(data, 1000)
    assert remove_alone(data, now=NOON + 10 * DAY) == (1000, 0)
    assert hot_rows(data) == []
    after, free = look_at_pages(data)
    assert free == 0
    assert after < before / 10


@pytest.mark.parametrize("few", [0, 2**8], ids=["page by page", "written anew"])
def test_file_shrinks_after_a_silence_by_what_is_said_also_while_another_reads(
    data: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(removal, "MOST_REWRITTEN", few)
    fill(data, logs(1000, size=1000))
    before, _ = look_at_pages(data)
    archive_through(data, 1000)
    with reading(data) as connection:
        removed, _ = removed_alone(data, now=NOON + 10 * DAY)
        assert connection.execute("SELECT count(*) FROM logs").get == 1000
    after, free = look_at_pages(data)
    assert free == 0
    assert after < before / 10
    assert before - after - 3 * 4096 <= removed.size <= before - after
    with opened(data) as connection:
        assert connection.pragma("auto_vacuum") == 2, "later runs shrink it too"


def test_rows_go_in_slices_after_a_silence_while_others_stay(data: Path) -> None:
    fill(data, logs(1000))
    archive_through(data, 999)
    assert remove_alone(data) == (999, 999)
    assert [row[0] for row in hot_rows(data)] == [1000]


def test_rows_of_a_large_table_go_in_slices_until_few_are_left(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, logs(1000, size=1000))
    archive_through(data, 1000)
    monkeypatch.setattr(removal, "MOST_CLEARED", 200)
    monkeypatch.setattr(removal, "LARGEST_SLICE", 50)
    rows, one_by_one = remove_alone(data, now=NOON + 10 * DAY)
    assert rows == 1000
    assert 0 < one_by_one < 1000


def test_young_logs_are_recognised_after_all_rows_went_at_once(data: Path) -> None:
    fill(data, [{"id": "old", "type": "t", "message": ""}], received_at=NOON)
    fill(data, logs(3 * FIRST_SLICE), received_at=NOON + 1)
    archive_through(data, 3 * FIRST_SLICE + 1)
    assert remove_alone(data, now=NOON + 1 + DAY) == (3 * FIRST_SLICE + 1, 0)
    assert [each[2] for each in archived_ids(data)] == [
        seq for _, seq in sorted((f"{each}", each + 2) for each in range(3 * FIRST_SLICE))
    ]
    again = fill(data, [{"id": "7", "type": "t", "message": ""}], received_at=NOON + 2)
    assert again == [("7", 9, True)]


def test_seqs_go_on_after_all_rows_went_at_once(data: Path) -> None:
    fill(data, logs(5))
    archive_through(data, 5)
    assert remove_alone(data, now=NOON + 10 * DAY) == (5, 0)
    assert fill(data, [{"id": "x", "type": "t", "message": ""}], received_at=NOON + 11 * DAY) == [
        ("x", 6, False)
    ]


def test_log_that_comes_before_rows_are_cleared_stays(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, logs(500))
    archive_through(data, 500)
    remember_all = RowRemover._remember_all

    def and_a_log_comes(remover: RowRemover, through: int) -> None:
        remember_all(remover, through)
        alter_elsewhere(
            DataFolder(data).logs,
            "INSERT INTO logs SELECT seq + 1, 'new', type, timestamp, received_at, source, "
            "message, attributes FROM logs ORDER BY seq DESC LIMIT 1",
        )

    monkeypatch.setattr(RowRemover, "_remember_all", and_a_log_comes)
    assert remove_alone(data) == (500, 500)
    assert [row[:2] for row in hot_rows(data)] == [(501, "new")]


@contextmanager
def reading(data: Path) -> Iterator[apsw.Connection]:
    """Hold a read transaction that began before anything goes."""
    with opened(data) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM logs").fetchall()
        yield connection
        connection.execute("COMMIT")


def look_at_pages(data: Path) -> tuple[int, int]:
    """Return the file's size after a checkpoint, and how many of its pages are free."""
    with opened(data) as connection:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        free = connection.pragma("freelist_count")
        assert isinstance(free, int)
        assert connection.pragma("integrity_check") == "ok"
    return DataFolder(data).logs.stat().st_size, free


def test_file_shrinks_by_what_is_said(data: Path) -> None:
    fill(data, logs(1000, size=1000))
    before, _ = look_at_pages(data)
    archive_through(data, 1000)
    removed = remove(data, now=NOON + 10 * DAY)
    after, free = look_at_pages(data)
    assert free == 0
    assert after < before / 10
    # Pages that hold where each page belongs go as well, and are not counted.
    assert before - after - 3 * 4096 <= removed.size <= before - after


def test_file_shrinks_also_while_another_connection_reads(data: Path) -> None:
    fill(data, logs(1000, size=1000))
    before, _ = look_at_pages(data)
    archive_through(data, 1000)
    with reading(data) as connection:
        assert remove(data, now=NOON + 10 * DAY).rows == 1000
        assert connection.execute("SELECT count(*) FROM logs").get == 1000
    after, free = look_at_pages(data)
    assert free == 0
    assert after < before / 10


def test_file_without_incremental_vacuum_keeps_its_size_and_run_ends(data: Path) -> None:
    fill(data, logs(300, size=1000))
    alter(DataFolder(data).logs, "PRAGMA journal_mode = DELETE", "PRAGMA auto_vacuum = NONE")
    alter(DataFolder(data).logs, "PRAGMA auto_vacuum = NONE", "VACUUM")
    archive_through(data, 300)
    removed = remove(data, now=NOON + 10 * DAY)
    assert (removed.rows, removed.size) == (300, 0)
    _, free = look_at_pages(data)
    assert free > 0


@dataclass
class _Counted:
    """What transactions did, told by SQLite's own hooks."""

    deleted: int = 0
    slices: list[int] = field(default_factory=list)

    def update(self, kind: int, _: str, table: str, __: int) -> None:
        self.deleted += kind == apsw.SQLITE_DELETE and table == "logs"

    def commit(self) -> bool:
        if self.deleted:
            self.slices.append(self.deleted)
        self.deleted = 0
        return False


def slices_of(data: Path, silent_for: float = 0.0) -> list[int]:
    """Remove what is archived and return how many rows went by each transaction."""
    counted = _Counted()
    with closing(open_writer(DataFolder(data).logs, LOGS, "FULL")) as connection:
        connection.set_update_hook(counted.update)
        connection.set_commit_hook(counted.commit)
        kept = Pace(connection, silent_for)
        RowRemover(connection, DAY, lambda: NOON + 10 * DAY, silent, kept).run()
    return counted.slices


def test_no_transaction_removes_more_rows_than_slice_may_have(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SHARED_SECONDS", 3600.0)
    monkeypatch.setattr(removal, "LARGEST_SLICE", 500)
    fill(data, logs(2000))
    archive_through(data, 2000)
    assert slices_of(data) == [200, 400, 500, 500, 400]


def test_slices_that_take_too_long_become_smaller_down_to_single_row(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SHARED_SECONDS", 0.0)
    fill(data, logs(205))
    archive_through(data, 205)
    assert slices_of(data) == [200, 1, 1, 1, 1, 1]


def test_rows_with_a_trigger_go_in_slices_also_after_a_silence(data: Path) -> None:
    fill(data, logs(500))
    archive_through(data, 500)
    alter(
        DataFolder(data).logs,
        "CREATE TABLE gone (seq)",
        "CREATE TRIGGER note AFTER DELETE ON logs BEGIN INSERT INTO gone VALUES (old.seq); END",
    )
    slices = slices_of(data, SILENCE)
    assert (slices[0], sum(slices)) == (FIRST_SLICE, 500)
    assert number(data, "SELECT count(*) FROM gone") == 500


def test_commits_are_durable_again_after_removal(data: Path) -> None:
    fill(data, logs(1))
    with closing(open_writer(DataFolder(data).logs, LOGS, "FULL")) as connection:
        RowRemover(connection, DAY, lambda: NOON, silent, Pace(connection)).run()
        assert connection.pragma("synchronous") == 2
