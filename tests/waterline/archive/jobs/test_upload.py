"""Uploading: what is recorded is there, whatever the store does; the next run does the rest."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.archive_runs import (
    LATER,
    all_rows,
    archive,
    assert_complete,
    catalog,
    files_below,
    fill_three_days,
    hot_rows,
    manifest_key,
    manifest_path,
    options_for,
    watermark_of,
)
from tests.support.faulty_files import Fault as FileFault
from tests.support.faulty_files import FaultySystem
from tests.support.faulty_proxy import Fault, answer
from tests.support.folders import DAY, NOON
from tests.support.object_store import QUICK, ObjectStore
from waterline.archive.jobs.run import ArchiveJob
from waterline.archive.jobs.upload import Destination
from waterline.archive.manifest import days_of, manifest_of
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.errors import ArchiveError, RemoteError
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow

ACCESS_DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
TROUBLES: Mapping[str, dict[str, Any]] = {
    "refused": {"answer": answer("403 Forbidden", ACCESS_DENIED)},
    "busy": {"answer": answer("503 Service Unavailable")},
    "cut": {"cut_upload_at": 0},
}
# Where in the requests of a run: a batch is looked for, put and checked, a manifest put and
# checked; the first day has two batches.
PLACES = {
    "before the first batch": ("HEAD", 1),
    "at the first batch": ("PUT", 1),
    "at its check": ("HEAD", 2),
    "at the second batch": ("PUT", 2),
    "at the manifest": ("PUT", 3),
    "at its check too": ("HEAD", 5),
    "at the next day": ("PUT", 4),
    "at the last manifest": ("PUT", 7),
}
keeping = pytest.mark.parametrize("keep_local", [True, False], ids=["kept", "not-kept"])


@pytest.fixture(autouse=True)
def settle(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run find the store, and not wait long for it."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    quick = partial(open_bucket, patience=QUICK)
    monkeypatch.setattr("waterline.archive.jobs.upload.open_bucket", quick)


def assert_records_are_true(data: Path, another: Bucket) -> None:
    """See that all that is recorded as uploaded is there, and the manifest of its day too."""
    watermark = watermark_of(data)
    for day, batches in days_of(catalog(data)).items():
        for batch in batches:
            if batch.uploaded_to is not None:
                assert batch.uploaded_to == another.address
                assert another.get(batch.file) == stored(data, batch.file)
        if any(batch.uploaded_to for batch in batches):
            assert all(batch.uploaded_to for batch in batches)
            assert another.get(manifest_key(batches[0])) == manifest_of(day, batches, watermark)


def stored(data: Path, file: str) -> bytes:
    """Return what a local file holds, as it was before any run removed it."""
    return (data.with_name("before") / file).read_bytes()


def archive_first(data: Path) -> None:
    """Archive without object storage, and keep a copy of every file."""
    archive(data)
    before = data.with_name("before")
    for file in files_below(data):
        (before / file).parent.mkdir(parents=True, exist_ok=True)
        (before / file).write_bytes((data / "archives" / file).read_bytes())


@keeping
def test_batches_and_manifests_are_uploaded_and_recorded(
    data: Path, address: str, another: Bucket, keep_local: bool
) -> None:
    expected = fill_three_days(data)
    archive_first(data)
    done = archive(data, destination=Destination(address=address, keep_local=keep_local))
    batches = catalog(data)
    assert done.batches == []
    assert done.uploaded.batches == len(batches) == 4
    assert done.uploaded.size == sum(each.stored_bytes for each in batches)
    assert {each.uploaded_to for each in batches} == {address}
    assert {each.uploaded_at for each in batches} == {LATER}
    assert {each.local_removed_at for each in batches} == {None if keep_local else LATER}
    manifests = {manifest_key(each): each for each in batches}
    assert set(another.names()) == {each.file for each in batches} | set(manifests)
    assert files_below(data) == ({each.file for each in batches} if keep_local else set())
    assert_records_are_true(data, another)
    for key, batch in manifests.items():
        assert manifest_path(data, batch.day).read_bytes() == another.get(key)
    assert all_rows(data) == expected


@keeping
def test_second_run_asks_nothing_of_store(
    data: Path, address: str, store: ObjectStore, keep_local: bool
) -> None:
    fill_three_days(data)
    destination = Destination(address=address, keep_local=keep_local)
    archive(data, destination=destination)
    before = watermark_of(data)
    store.proxy.reset()
    assert archive(data, destination=destination).uploaded.batches == 0
    assert store.proxy.requests == []
    assert watermark_of(data) == before


@keeping
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_store_that_fails_is_named_nothing_is_lost_and_next_run_completes(
    data: Path,
    address: str,
    store: ObjectStore,
    another: Bucket,
    keep_local: bool,
    place: str,
    trouble: str,
) -> None:
    expected = fill_three_days(data)
    archive_first(data)
    destination = Destination(address=address, keep_local=keep_local)
    method, number = PLACES[place]
    store.proxy.reset()
    store.proxy.faults += [
        Fault(method=method, times=number - 1),
        Fault(method=method, **TROUBLES[trouble]),
    ]
    with pytest.raises(
        RemoteError, match=rf"^cannot (write|look for) {address}/(_manifests/)?2026-03-1"
    ) as told:
        archive(data, destination=destination)
    assert "; " in str(told.value)
    assert store.proxy.count(method) >= number
    store.proxy.reset()

    assert_records_are_true(data, another)
    assert all_rows(data) == expected
    for batch in catalog(data):
        assert batch.uploaded_to is not None or batch.local_removed_at is None
        if batch.local_removed_at is None:
            assert (data / "archives" / batch.file).read_bytes() == stored(data, batch.file)

    archive(data, destination=destination)
    batches = catalog(data)
    assert {each.uploaded_to for each in batches} == {address}
    assert_records_are_true(data, another)
    assert files_below(data) == ({e.file for e in batches} if keep_local else set())
    assert all_rows(data) == expected


def test_store_that_refuses_leaves_local_archives_complete_and_rows_removed(
    data: Path, address: str, store: ObjectStore
) -> None:
    expected = fill_three_days(data)
    store.proxy.faults.append(Fault(method="HEAD", **TROUBLES["refused"]))
    with pytest.raises(RemoteError, match=r"^cannot look for .*access denied \(403\)"):
        archive(data, destination=Destination(address=address, keep_local=False))
    assert_complete(data, expected)
    assert {each.uploaded_to for each in catalog(data)} == {None}


def test_run_that_failed_says_what_it_has_uploaded(
    data: Path, address: str, store: ObjectStore
) -> None:
    fill_three_days(data)
    store.proxy.faults += [
        Fault(method="PUT", times=4),
        Fault(method="PUT", **TROUBLES["refused"]),
    ]
    options = options_for(destination=Destination(address=address, keep_local=True))
    job = ArchiveJob(DataFolder(data), options, clock=lambda: LATER)
    with pytest.raises(RemoteError):
        job.run()
    assert job.outcome.uploaded.batches == 3
    assert job.outcome.uploaded.size == sum(each.stored_bytes for each in catalog(data)[:3])


def test_damaged_local_file_is_not_uploaded(data: Path, address: str, another: Bucket) -> None:
    fill_three_days(data)
    archive(data)
    damaged = data / "archives" / catalog(data)[1].file
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    destination = Destination(address=address, keep_local=False)
    with pytest.raises(ArchiveError, match=f"^{damaged} is damaged: "):
        archive(data, destination=destination)
    assert catalog(data)[1].file not in another.names()
    assert {each.uploaded_to for each in catalog(data)} == {None}
    damaged.write_bytes(content)
    assert archive(data, destination=destination).uploaded.batches == 4
    assert_is_only_there(data, another)


@pytest.mark.parametrize("operation", ["remove", "sync_folder"])
def test_local_file_that_cannot_be_removed_is_removed_by_next_run(
    data: Path, address: str, another: Bucket, operation: str
) -> None:
    expected = fill_three_days(data)
    archive(data)
    destination = Destination(address=address, keep_local=False)
    system = FaultySystem(data, FileFault(operation))
    with pytest.raises(ArchiveError) as told:
        archive(data, system=system, destination=destination)
    assert system.hit is not None
    assert str(told.value).startswith(FileFault(operation).sentence(system.hit))
    assert all_rows(data) == expected
    archive(data, destination=destination)
    assert_is_only_there(data, another)
    assert all_rows(data) == expected


def assert_is_only_there(data: Path, another: Bucket) -> None:
    """See that object storage has all batches, and this disk the manifests only."""
    batches = catalog(data)
    assert {each.file for each in batches} < set(another.names())
    assert files_below(data) == set()
    assert all(manifest_path(data, each.day).exists() for each in batches)


def test_day_that_grows_goes_there_again_with_new_manifest(
    data: Path, address: str, store: ObjectStore, another: Bucket
) -> None:
    fill_three_days(data)
    destination = Destination(address=address, keep_local=True)
    # Of the first day only the two logs that came at noon are due.
    archive(data, now=NOON + 30 * DAY, destination=destination)
    (first,) = catalog(data)
    store.proxy.reset()
    assert archive(data, destination=destination).uploaded.batches == 3
    assert not any(first.file in each for each in store.proxy.requests)
    days = days_of(catalog(data))
    assert len(days[first.day]) == 2
    assert another.get(manifest_key(first)) == manifest_of(
        first.day, days[first.day], watermark_of(data)
    )


def test_another_folder_that_uploads_to_same_place_is_refused_and_overwrites_nothing(
    tmp_path: Path, address: str, another: Bucket
) -> None:
    destination = Destination(address=address, keep_local=False)
    for name in ("one", "two"):
        fill_three_days(tmp_path / name)
    archive(tmp_path / "one", destination=destination)
    there = {name: another.get(name) for name in another.names()}
    with pytest.raises(RemoteError, match="the address belongs to another data folder"):
        archive(tmp_path / "two", destination=destination)
    assert {name: another.get(name) for name in another.names()} == there
    assert hot_rows(tmp_path / "two") == []
    assert {each.local_removed_at for each in catalog(tmp_path / "two")} == {None}


def test_batches_move_to_new_address_also_when_only_old_one_has_them(
    data: Path, address: str, store: ObjectStore
) -> None:
    expected = fill_three_days(data)
    archive(data, destination=Destination(address=f"{address}/old", keep_local=False))
    assert files_below(data) == set()
    archive(data, destination=Destination(address=f"{address}/new", keep_local=False))
    assert {each.uploaded_to for each in catalog(data)} == {f"{address}/new"}
    assert_is_only_there(data, open_bucket(f"{address}/new", store.direct, QUICK))
    assert all_rows(data) == expected
