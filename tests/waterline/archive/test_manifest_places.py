"""Where manifests lie: where no reader of Parquet stumbles over them, and old places are left."""

from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet
import pytest

from tests.support.archive_runs import (
    Row,
    all_rows,
    archive,
    assert_clean,
    assert_complete,
    catalog,
    files_below,
    fill_three_days,
    lose_logs,
    watermark_of,
)
from tests.support.object_store import ObjectStore
from waterline.archive.jobs.rebuild import rebuild_catalog
from waterline.archive.jobs.upload import Destination
from waterline.archive.jobs.verify import verify
from waterline.archive.manifest import manifest_of
from waterline.archive.manifest_places import local_paths, remote_keys
from waterline.archive.object_store.client import Bucket
from waterline.encoding import JSON_GZ
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder


@pytest.fixture
def batches(data: Path, rows: list[Row]) -> list[ArchivedBatch]:
    """The batches of a folder of Parquet."""
    assert rows
    archive(data)
    return catalog(data)


def put_back(data: Path) -> list[Path]:
    """Put the manifests where earlier versions had them, and return where that is."""
    former = []
    for day in sorted({each.day for each in catalog(data)}):
        paths = local_paths(DataFolder(data), day, catalog(data))
        paths.place.rename(paths.former)
        former.append(paths.former)
    DataFolder(data).manifests.rmdir()
    return former


def test_folder_of_day_holds_nothing_but_parquet(data: Path, batches: list[ArchivedBatch]) -> None:
    assert files_below(data) == {each.file for each in batches}
    assert {each.name for each in DataFolder(data).manifests.iterdir()} == {
        f"{each.day}.json" for each in batches
    }
    assert_clean(data)


def test_readers_of_parquet_read_day_and_all_of_them(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    archives = DataFolder(data).archives
    day = archives / batches[0].day
    of_day = sum(each.rows for each in batches if each.day == batches[0].day)
    total = sum(each.rows for each in batches)
    for folder, rows in ((day, of_day), (archives, total)):
        assert len(pd.read_parquet(folder)) == rows
        assert pyarrow.parquet.read_table(folder).num_rows == rows
        assert pyarrow.dataset.dataset(folder).count_rows() == rows
    with duckdb.connect() as connection:
        counted = connection.execute(
            f"SELECT count(*) FROM read_parquet('{archives}/**')"
        ).fetchone()
    assert counted == (total,)


def test_days_of_json_keep_it_beside_them_until_parquet_joins(data: Path) -> None:
    expected = fill_three_days(data)
    archive(data, format=JSON_GZ)
    first = catalog(data)[0]
    manifest = DataFolder(data).archives / first.day / "manifest.json"
    assert manifest.exists()
    assert_complete(data, expected)
    mixed = [first, *(each for each in catalog(data)[1:])]
    assert not DataFolder(data).manifests.exists()
    paths = local_paths(DataFolder(data), first.day, mixed)
    assert paths.place == manifest


def test_old_folder_is_sound_and_moved_by_next_run(
    data: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    former = put_back(data)
    found = verify(DataFolder(data))
    assert (found.batches, found.faults) == (len(batches), [])
    assert found.warnings == [
        f"{path}: it lies where a manifest should not; the next archive run moves it"
        for path in former
    ]
    archive(data)
    assert_complete(data, rows)
    assert_clean(data)


def test_old_folder_that_has_lost_its_logs_is_rebuilt_and_moved(
    data: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    put_back(data)
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert catalog(data) == batches
    assert_complete(data, rows)


@pytest.mark.parametrize("keep_local", [True, False])
def test_old_bucket_is_read_and_moved_by_next_run(
    data: Path,
    rows: list[Row],
    address: str,
    store: ObjectStore,
    another: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    keep_local: bool,
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    destination = Destination(address=address, keep_local=keep_local)
    archive(data, destination=destination)
    put_back(data)
    days = sorted({each.day for each in catalog(data)})
    keys = [remote_keys(day, catalog(data)) for day in days]
    for key in keys:
        another.put(key.former, another.get(key.place))
        another.delete(key.place)
    assert verify(DataFolder(data), all_copies=True).faults == []
    other = data.with_name("other")
    assert rebuild_catalog(DataFolder(other), origin=address).batches == 4
    assert all_rows(other) == rows

    archive(data, destination=destination)
    assert set(another.names()) == {each.file for each in catalog(data)} | {
        each.place for each in keys
    }
    for day, key in zip(days, keys, strict=True):
        of_day = [each for each in catalog(data) if each.day == day]
        assert another.get(key.place) == manifest_of(day, of_day, watermark_of(data))
    assert not list(DataFolder(data).archives.rglob("*.json"))
    store.proxy.reset()
    archive(data, destination=destination)
    assert store.proxy.requests == [], "a bucket that was moved is not asked again"
