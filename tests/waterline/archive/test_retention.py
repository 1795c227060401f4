"""What `archive_keep` lets go: by age, by the age of each type, by size, never a young batch."""

from pathlib import Path

import pytest

from tests.support.archive_runs import archive, catalog
from tests.support.folders import DAY, NOON, Batch, fill_batches
from waterline.archive.jobs.prune import prune
from waterline.archive.retention import (
    NOTICE,
    days_of_receipt,
    due_batches,
    read_notice,
    write_notice,
)
from waterline.settings.keep import parse_keep
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder

NOW = NOON + 10 * DAY


def log(log_type: str) -> dict[str, object]:
    return {"type": log_type, "message": ""}


@pytest.fixture
def batches(data: Path) -> list[ArchivedBatch]:
    """Batches of four days: errors, debug with an error, debug twice."""
    fill_batches(
        data,
        [
            Batch([log("error")], received_at=NOON),
            Batch([log("debug"), log("error")], received_at=NOON + DAY),
            Batch([log("debug")], received_at=NOON + 2 * DAY),
            Batch([log("debug")], received_at=NOON + 3 * DAY),
        ],
    )
    archive(data)
    return catalog(data)


def due(
    batches: list[ArchivedBatch], text: str, now: int = NOW, dedupe_window: int = DAY
) -> list[int]:
    """Return the numbers of the batches that go."""
    keep = parse_keep(text)
    assert keep is not None
    return [each.batch for each in due_batches(batches, keep, now, dedupe_window)]


def test_batch_goes_by_age_once_its_last_log_is_older(batches: list[ArchivedBatch]) -> None:
    assert due(batches, "10d") == []
    assert due(batches, "10d", NOW + 1) == [1]
    assert due(batches, "8d", NOW) == [1, 2]
    assert due(batches, "8d", NOW + 1) == [1, 2, 3]


def test_mixed_batch_goes_by_the_longest_age_of_its_types(batches: list[ArchivedBatch]) -> None:
    assert due(batches, "debug=2d") == [3, 4], "errors have no bound"
    assert due(batches, "debug=2d,error=9d") == [1, 3, 4]
    assert due(batches, "debug=2d,error=8d") == [1, 2, 3, 4]
    assert due(batches, "1d,error=1y") == [3, 4], "a type may be kept for longer than others"


def test_oldest_batches_go_until_the_rest_fits(batches: list[ArchivedBatch]) -> None:
    sizes = [each.stored_bytes for each in batches]
    assert due(batches, f"{sum(sizes)}B") == []
    assert due(batches, f"{sum(sizes) - 1}B") == [1]
    assert due(batches, f"{sizes[3]}B") == [1, 2, 3]
    assert due(batches, "0B") == [1, 2, 3, 4]


def test_what_goes_by_age_makes_room_before_size_counts(batches: list[ArchivedBatch]) -> None:
    size = sum(each.stored_bytes for each in batches[:2])
    assert due(batches, f"debug=2d,{size}B") == [3, 4]


def test_no_batch_goes_within_dedupe_window(batches: list[ArchivedBatch]) -> None:
    window = NOW - (NOON + 2 * DAY)
    assert due(batches, "0B", dedupe_window=window) == [1, 2]
    assert due(batches, "0B", dedupe_window=window - 1) == [1, 2, 3]
    assert due(batches, "1ms", dedupe_window=window) == [1, 2]


def test_pruned_batches_neither_go_nor_count(batches: list[ArchivedBatch], data: Path) -> None:
    prune(DataFolder(data), batches[:1])
    left = catalog(data)
    assert due(left, "1d") == [2, 3, 4]
    assert due(left, f"{sum(each.stored_bytes for each in batches[1:])}B") == []


def test_days_are_those_of_receipt(batches: list[ArchivedBatch]) -> None:
    assert days_of_receipt(batches) == "2026-03-17 to 2026-03-20"
    assert days_of_receipt(batches[:1]) == "2026-03-17"


def test_notice_is_kept_for_the_same_bounds_only(data: Path) -> None:
    folder, keep, other = DataFolder(data), parse_keep("1y"), parse_keep("300d")
    assert keep is not None
    assert other is not None
    folder.create()
    assert read_notice(folder, keep) == 0
    write_notice(folder, keep, NOTICE)
    assert (read_notice(folder, keep), read_notice(folder, other)) == (NOTICE, 0)
    folder.archive_notice.write_text("{")
    assert read_notice(folder, keep) == 0
