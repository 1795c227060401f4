"""Whether the archive has something to do: each reason by itself, and none."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.archived import ROWS, batch, record
from tests.support.folders import NOON, Batch, alter, fill, fill_batches
from waterline.errors import DataFolderError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.due import Duties, is_due
from waterline.storage.folder import DataFolder

BUCKET = "s3://bucket/logs"
OTHER_BUCKET = "s3://bucket/other"
LOG = {"type": "info", "message": "m"}
ID = f"INSERT INTO archived_ids VALUES ('test', 'a', 1, {NOON})"


def due(data: Path, **changes: Any) -> bool:  # noqa: ANN401 - any member of the duties
    """Ask with duties by which nothing is due but what the changes say."""
    members: dict[str, Any] = {
        "received_by": 0,
        "recognised_since": 0,
        "destination": None,
        "keep_local": True,
    }
    return is_due(DataFolder(data).logs, Duties(**(members | changes)))


def with_batch(data: Path, **changes: Any) -> ArchivedBatch:  # noqa: ANN401 - any of its members
    """Make a folder with one batch, and nothing else to do."""
    fill(data)
    only = batch(1, **changes)
    record(data, only, through=only.last_seq)
    return only


def test_new_folder_has_nothing_due(data: Path) -> None:
    fill(data)
    assert not due(data, received_by=NOON, recognised_since=NOON)


def test_hot_log_is_due_once_it_is_old_enough(data: Path) -> None:
    fill(data, [LOG], received_at=NOON)
    assert not due(data, received_by=NOON - 1)
    assert due(data, received_by=NOON)


def test_oldest_hot_log_decides(data: Path) -> None:
    fill_batches(data, [Batch([LOG], received_at=NOON), Batch([LOG], received_at=NOON + 9)])
    assert due(data, received_by=NOON)


def test_timestamps_of_producers_make_nothing_due(data: Path) -> None:
    fill(data, [LOG | {"timestamp": 0}], received_at=NOON)
    assert not due(data, received_by=NOON - 1)


def test_young_log_behind_archived_ones_is_not_due(data: Path) -> None:
    with_batch(data)
    fill(data, [LOG], received_at=NOON + ROWS)
    assert not due(data, received_by=NOON + ROWS - 1)
    assert due(data, received_by=NOON + ROWS)


def test_archived_rows_that_were_left_are_due_however_young(data: Path) -> None:
    fill(data, [LOG, LOG])
    record(data, batch(1, first_seq=1, last_seq=1, rows=1), through=1)
    assert due(data)
    alter(DataFolder(data).logs, "DELETE FROM logs WHERE seq = 1")
    assert not due(data)


def test_remembered_ids_are_due_once_none_needs_to_be_recognised(data: Path) -> None:
    only = with_batch(data)
    alter(DataFolder(data).logs, ID)
    assert not due(data, recognised_since=only.archived_at)
    assert due(data, recognised_since=only.archived_at + 1)


def test_last_batch_decides_whether_ids_need_to_be_recognised(data: Path) -> None:
    first, second = with_batch(data), batch(2)
    record(data, second, through=second.last_seq)
    alter(DataFolder(data).logs, ID)
    assert not due(data, recognised_since=first.archived_at + 1)
    assert due(data, recognised_since=second.archived_at + 1)


def test_old_archive_without_remembered_ids_is_not_due(data: Path) -> None:
    only = with_batch(data)
    assert not due(data, recognised_since=only.archived_at + 1)


@pytest.mark.parametrize(
    ("uploaded_to", "destination"),
    [(None, BUCKET), (OTHER_BUCKET, BUCKET)],
    ids=["nowhere", "elsewhere"],
)
def test_batch_that_is_not_in_its_destination_is_due(
    data: Path, uploaded_to: str | None, destination: str
) -> None:
    with_batch(data, uploaded_to=uploaded_to)
    assert due(data, destination=destination)
    assert not due(data, destination=None)


def test_batch_in_its_destination_is_not_due_while_its_file_may_stay(data: Path) -> None:
    with_batch(data, uploaded_to=BUCKET, uploaded_at=NOON)
    assert not due(data, destination=BUCKET, keep_local=True)
    assert due(data, destination=BUCKET, keep_local=False)


def test_batch_whose_file_has_gone_to_object_storage_is_not_due(data: Path) -> None:
    with_batch(data, uploaded_to=BUCKET, uploaded_at=NOON, local_removed_at=NOON)
    assert not due(data, destination=BUCKET, keep_local=False)


def test_pruned_batch_is_not_due(data: Path) -> None:
    with_batch(data, pruned_at=NOON)
    assert not due(data, destination=BUCKET, keep_local=False)


def test_folder_without_database_is_told(data: Path) -> None:
    with pytest.raises(DataFolderError, match=r"logs\.db"):
        due(data)
