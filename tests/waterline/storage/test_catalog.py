"""The catalog: a batch and the watermark move together or not at all, and every row comes back."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import apsw
import pytest

from tests.support.archived import batch
from waterline.errors import ArchiveError, DataFolderError
from waterline.storage.catalog import (
    COLUMNS,
    ArchivedBatch,
    add_batches,
    archive_batch,
    batch_of,
    change_batches,
    count_generation,
    read_batches,
)
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer
from waterline.storage.watermark import Watermark, read_watermark


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(open_writer(tmp_path / "logs.db", LOGS, "FULL")) as opened:
        yield opened


def new(number: int) -> ArchivedBatch:
    """Return a batch that has no number yet."""
    return replace(batch(number), batch=0)


FULL = batch(
    1,
    types={"b": 2, "a": 1, "水": 3, '"': 4},
    sources={},
    pruned_at=1,
    adopted_from="f" * 64,
    uploaded_to="s3://logs/a",
    uploaded_at=2,
    local_removed_at=3,
    rewritten_at=4,
    rewritten_from="e" * 64,
)


def test_columns_are_those_of_table_in_its_order(connection: apsw.Connection) -> None:
    found = connection.execute("SELECT name FROM pragma_table_info('archive_batches')")
    assert tuple(name for (name,) in found) == COLUMNS
    assert tuple(each.name for each in fields(ArchivedBatch)) == COLUMNS


def test_batch_and_watermark_move_together(connection: apsw.Connection) -> None:
    before = read_watermark(connection)
    first = archive_batch(connection, new(1), 0)
    assert first == batch(1)
    second = archive_batch(connection, new(2), 1000)
    assert read_batches(connection) == [first, second]
    assert read_watermark(connection) == Watermark(before.folder_id, before.incarnation, 2, 2000)


@pytest.mark.parametrize("after", [0, 999, 1001, 5000])
def test_batch_is_refused_when_watermark_is_elsewhere(
    connection: apsw.Connection, after: int
) -> None:
    archive_batch(connection, new(1), 0)
    before = read_watermark(connection)
    with pytest.raises(ArchiveError, match=f"^logs.db was archived beyond seq {after} by"):
        archive_batch(connection, new(2), after)
    assert read_watermark(connection) == before
    assert read_batches(connection) == [batch(1)]
    assert not connection.in_transaction


def test_seam_stays_when_batch_is_refused(connection: apsw.Connection) -> None:
    archive_batch(connection, new(1), 0)
    before = read_watermark(connection)
    same_file = replace(new(2), file=batch(1).file)
    with pytest.raises(apsw.ConstraintError):
        archive_batch(connection, same_file, 1000)
    assert read_watermark(connection) == before
    assert read_batches(connection) == [batch(1)]
    archive_batch(connection, new(2), 1000)
    assert read_watermark(connection).archived_through == 2000


def test_batches_come_by_their_seqs(connection: apsw.Connection) -> None:
    add_batches(connection, [new(3), new(1), new(2)])
    assert [each.first_seq for each in read_batches(connection)] == [1, 1001, 2001]


def test_added_batches_leave_watermark_where_it_is(connection: apsw.Connection) -> None:
    add_batches(connection, [new(1), new(2)])
    watermark = read_watermark(connection)
    assert (watermark.archived_through, watermark.generation) == (0, 1)
    assert read_batches(connection) == [batch(1), batch(2)]


def test_all_batches_are_added_or_none(connection: apsw.Connection) -> None:
    with pytest.raises(apsw.ConstraintError):
        add_batches(connection, [new(1), replace(new(2), file=batch(1).file)])
    assert read_batches(connection) == []
    assert read_watermark(connection).generation == 0


def test_batch_row_reads_back(connection: apsw.Connection) -> None:
    add_batches(connection, [FULL])
    (found,) = read_batches(connection)
    assert found == FULL
    assert list(found.types) == ["b", "a", "水", '"']


def test_every_column_but_number_can_be_changed(connection: apsw.Connection) -> None:
    add_batches(connection, [replace(FULL, file="other", types={}), batch(2)])
    change_batches(connection, [FULL])
    assert read_batches(connection) == [FULL, batch(2)]
    assert read_watermark(connection).generation == 2


def test_all_changes_are_made_or_none(connection: apsw.Connection) -> None:
    add_batches(connection, [batch(1), batch(2)])
    with pytest.raises(apsw.ConstraintError):
        change_batches(connection, [replace(batch(1), pruned_at=5), batch(2, file=batch(1).file)])
    assert read_batches(connection) == [batch(1), batch(2)]
    assert read_watermark(connection).generation == 1


def test_generation_counts_every_change(connection: apsw.Connection) -> None:
    generations = [read_watermark(connection).generation]
    archive_batch(connection, new(1), 0)
    generations.append(read_watermark(connection).generation)
    add_batches(connection, [new(2)])
    generations.append(read_watermark(connection).generation)
    change_batches(connection, [replace(batch(1), pruned_at=5)])
    generations.append(read_watermark(connection).generation)
    count_generation(connection)
    generations.append(read_watermark(connection).generation)
    assert generations == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("column", ["types", "sources"])
@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": "b"}', '{"a": 1.5}', "null", '{"a"'])
def test_damaged_row_is_told(connection: apsw.Connection, column: str, text: str) -> None:
    add_batches(connection, [batch(1)])
    connection.execute(f"UPDATE archive_batches SET {column} = ?", (text,))
    with pytest.raises(DataFolderError, match=r"^logs\.db holds a batch that is damaged: "):
        read_batches(connection)
    row = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM archive_batches").fetchall()[0]
    with pytest.raises(DataFolderError):
        batch_of(row)


def test_ratio_and_saved_are_told_of_raw_and_stored_bytes() -> None:
    each = batch(1, raw_bytes=1000, stored_bytes=100)
    assert each.ratio == 10
    assert each.saved == pytest.approx(0.9)
    assert batch(1, raw_bytes=100, stored_bytes=150).saved == pytest.approx(-0.5)


def test_batch_is_kept_until_it_is_pruned() -> None:
    assert batch(1).is_kept
    assert batch(1, local_removed_at=5, uploaded_to="s3://logs", uploaded_at=5).is_kept
    assert not batch(1, pruned_at=0).is_kept
