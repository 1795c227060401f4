"""The compression report: a row a batch, as the catalog has it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.archived import batch, record
from tests.support.folders import NOON, alter, fill
from waterline.errors import DataFolderError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.schema import LOGS
from workbench.query.database import Database
from workbench.reports.compression import compression, place_of

MOMENT = "datetime64[us, UTC]"
DTYPES = {
    "day": "str",
    "file": "str",
    "format": "str",
    "rows": "int64",
    "raw_bytes": "int64",
    "stored_bytes": "int64",
    "ratio": "float64",
    "saved": "float64",
    "first_seq": "int64",
    "last_seq": "int64",
    "first_timestamp": MOMENT,
    "last_timestamp": MOMENT,
    "archived_at": MOMENT,
    "place": "str",
    "pruned_at": MOMENT,
}
UPLOADED: dict[str, Any] = {"uploaded_to": "s3://bucket/logs", "uploaded_at": 1}


def report(data: Path) -> pd.DataFrame:
    with Database(data / "logs.db", LOGS) as logs, logs.view() as view:
        return compression(view)


def dtypes(frame: pd.DataFrame) -> Mapping[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}  # type: ignore[misc]


def at(milliseconds: int) -> pd.Timestamp:
    return pd.Timestamp(milliseconds, unit="ms", tz="UTC")


def test_folder_without_archives_has_the_same_columns_and_no_row(data: Path) -> None:
    fill(data)
    empty = report(data)
    assert len(empty) == 0
    assert dtypes(empty) == DTYPES


def test_batch_is_told_as_the_catalog_has_it(data: Path) -> None:
    fill(data)
    record(data, batch(1, raw_bytes=1000, stored_bytes=80, rows=7, last_seq=7))
    told = report(data)
    assert dtypes(told) == DTYPES
    (row,) = told.to_dict("records")
    assert row.pop("pruned_at") is pd.NaT
    assert row == {
        "day": "2026-01-01",
        "file": "2026-01-01/batch-0001.parquet",
        "format": "parquet",
        "rows": 7,
        "raw_bytes": 1000,
        "stored_bytes": 80,
        "ratio": 12.5,
        "saved": 0.92,
        "first_seq": 1,
        "last_seq": 7,
        "first_timestamp": at(NOON),
        "last_timestamp": at(NOON + 999),
        "archived_at": at(NOON + 1),
        "place": "local",
    }


def test_batches_come_in_the_order_of_their_seqs(data: Path) -> None:
    fill(data)
    early = {"first_seq": 2, "last_seq": 3}
    record(data, batch(3), batch(1, first_seq=9), batch(4, **early), batch(2))
    told = report(data)
    assert told["first_seq"].tolist() == [2, 9, 1001, 2001]
    assert told["day"].tolist() == ["2026-01-04", "2026-01-01", "2026-01-02", "2026-01-03"]


def test_moment_of_pruning_is_exact_and_missing_elsewhere(data: Path) -> None:
    fill(data)
    record(data, batch(1, pruned_at=1_795_455_000_123), batch(2))
    told = report(data)
    assert dtypes(told) == DTYPES
    assert told["pruned_at"].iloc[0] == at(1_795_455_000_123)
    assert told["pruned_at"].isna().tolist() == [False, True]
    assert told["place"].tolist() == ["pruned", "local"]


@pytest.mark.parametrize(
    ("became", "place"),
    [
        ({}, "local"),
        (UPLOADED, "local+bucket"),
        (UPLOADED | {"local_removed_at": 2}, "bucket"),
        ({"pruned_at": 3}, "pruned"),
        (UPLOADED | {"local_removed_at": 2, "pruned_at": 3}, "pruned"),
    ],
)
def test_place_is_where_its_logs_lie(became: dict[str, Any], place: str) -> None:
    assert place_of(batch(1, **became)) == place


def test_first_and_last_moment_that_a_log_can_have_are_told(data: Path) -> None:
    fill(data)
    first, last = -62_135_596_800_000, 253_402_300_799_999
    record(data, batch(1, first_timestamp=first, last_timestamp=last))
    told = report(data)
    for column, moment in (("first_timestamp", first), ("last_timestamp", last)):
        assert told[column].dt.as_unit("ms").astype("int64").tolist() == [moment]


def test_change_of_the_last_of_many_batches_is_reported(data: Path) -> None:
    fill(data)
    names = [f"2026-01-01/batch-{number:04d}.parquet" for number in range(1, 1502)]
    batches = [batch(number, day="2026-01-01", file=name) for number, name in enumerate(names, 1)]
    last = replace(batches[-1], adopted_from="f" * 64, pruned_at=7, **UPLOADED)
    record(data, *batches[:-1], last)
    told = report(data)
    assert dtypes(told) == DTYPES
    assert told["file"].tolist() == names
    assert told["place"].tolist() == ["local"] * 1500 + ["pruned"]
    assert told["pruned_at"].notna().sum() == 1


def test_damaged_row_is_an_error_that_says_so(data: Path) -> None:
    fill(data)
    record(data, batch(1))
    alter(data / "logs.db", "UPDATE archive_batches SET types = 'none'")
    with pytest.raises(DataFolderError, match="a batch that is damaged"):
        report(data)


def test_ratio_and_saved_are_those_of_the_batch(data: Path) -> None:
    fill(data)
    kept: list[ArchivedBatch] = [batch(1, stored_bytes=1), batch(2, stored_bytes=299_999)]
    record(data, *kept)
    told = report(data)
    assert told["ratio"].tolist() == [each.ratio for each in kept]
    assert told["saved"].tolist() == [each.saved for each in kept]
