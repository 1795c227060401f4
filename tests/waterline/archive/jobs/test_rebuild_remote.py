"""Rebuilding from object storage: what was uploaded comes back, with or without files here."""

import shutil
from pathlib import Path

import pytest

from tests.support.archive_runs import (
    LATER,
    Row,
    all_rows,
    archive,
    assert_clean,
    catalog,
    lose_logs,
    manifest_key,
)
from tests.support.archives import path_of
from tests.support.object_store import ObjectStore
from waterline.archive.jobs.rebuild import rebuild_catalog
from waterline.archive.jobs.upload import Destination
from waterline.archive.object_store.client import Bucket
from waterline.errors import (
    ArchiveError,
    RemoteError,
)
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder


@pytest.fixture
def uploaded(
    data: Path, rows: list[Row], address: str, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> list[ArchivedBatch]:
    """In object storage only."""
    assert rows
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    archive(data, destination=Destination(address=address, keep_local=False))
    return catalog(data)


def test_batches_are_found_in_object_storage(
    tmp_path: Path, rows: list[Row], address: str, uploaded: list[ArchivedBatch]
) -> None:
    fresh = tmp_path / "fresh"
    done = rebuild_catalog(DataFolder(fresh), origin=address)
    assert (done.batches, done.logs, done.faults, done.skipped) == (4, 6, [], [])
    assert catalog(fresh) == uploaded
    assert all_rows(fresh) == rows
    assert_clean(fresh)


def test_files_that_are_here_go_before_those_in_object_storage(
    data: Path, rows: list[Row], address: str, uploaded: list[ArchivedBatch], another: Bucket
) -> None:
    path_of(data, uploaded[0]).write_bytes(another.get(uploaded[0].file))
    shutil.rmtree(path_of(data, uploaded[3]).parent)
    lose_logs(data)
    rebuild_catalog(DataFolder(data), origin=address, clock=lambda: LATER)
    assert [each.local_removed_at is None for each in catalog(data)] == [True, False, False, False]
    assert {each.uploaded_to for each in catalog(data)} == {address}
    assert all_rows(data) == rows
    assert_clean(data)


def test_batch_that_manifest_here_says_is_elsewhere_is_looked_for_there(
    data: Path, rows: list[Row], uploaded: list[ArchivedBatch], another: Bucket
) -> None:
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert (catalog(data), all_rows(data)) == (uploaded, rows)
    lose_logs(data)
    another.delete(uploaded[0].file)
    another.put(uploaded[1].file, b"x")
    with pytest.raises(ArchiveError) as raised:
        rebuild_catalog(DataFolder(data))
    assert f"{another.url(uploaded[0].file)} is missing" in str(raised.value)
    assert f"{another.url(uploaded[1].file)} is damaged: it has 1 bytes" in str(raised.value)


def test_object_storage_that_refuses_is_no_damage(
    data: Path, uploaded: list[ArchivedBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert uploaded
    lose_logs(data)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(RemoteError):
        rebuild_catalog(DataFolder(data), skip_damaged=True)
    assert not DataFolder(data).logs.exists()


def test_copy_whose_local_file_is_lost_is_known_by_where_it_lies(
    data: Path,
    rows: list[Row],
    address: str,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    archive(data, destination=Destination(address=address, keep_local=True))
    batch = catalog(data)[0]
    path_of(data, batch).unlink()
    lose_logs(data)
    rebuild_catalog(DataFolder(data), clock=lambda: LATER + 1)
    assert catalog(data)[0].local_removed_at == LATER + 1
    assert all_rows(data) == rows


def test_rebuild_takes_numbers_from_sound_object_over_wrong_manifest(
    data: Path, address: str, uploaded: list[ArchivedBatch], another: Bucket
) -> None:
    key = manifest_key(uploaded[3])
    wrong = another.get(key).decode().replace('"error"', '"errpr"')
    another.put(key, wrong.encode())
    other = data.with_name("other")
    done = rebuild_catalog(DataFolder(other), origin=address)
    assert [each.partition(": ")[0] for each in done.corrected] == [another.url(uploaded[3].file)]
    assert [each.types for each in catalog(other)] == [each.types for each in uploaded]


def test_manifest_there_that_tells_of_another_file_is_refused(
    data: Path, address: str, uploaded: list[ArchivedBatch], another: Bucket
) -> None:
    key = manifest_key(uploaded[3])
    there = another.get(key).decode()
    another.put(key, there.replace(uploaded[3].sha256, "0" * 64).encode())
    lose_logs(data)
    with pytest.raises(ArchiveError, match=f"{another.url(key)} tells of another"):
        rebuild_catalog(DataFolder(data), origin=address)
    assert not DataFolder(data).logs.exists()
