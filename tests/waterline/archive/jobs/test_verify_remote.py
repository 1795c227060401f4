"""Verifying what is in object storage: copies, and batches that are only there."""

from pathlib import Path

import pytest

from tests.support.archive_runs import archive, catalog, fill_three_days, manifest_key, watermark_of
from tests.support.object_store import ObjectStore
from waterline.archive.files import Files, System
from waterline.archive.jobs.upload import Destination
from waterline.archive.jobs.verify import Verdict, verify
from waterline.archive.manifest import days_of, manifest_of
from waterline.archive.object_store.client import Bucket
from waterline.errors import UsageError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder


def path_of(data: Path, batch: ArchivedBatch) -> Path:
    return DataFolder(data).archives / batch.file


@pytest.fixture
def uploaded(
    data: Path, address: str, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> list[ArchivedBatch]:
    """Batches that are in object storage, and no longer here."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    fill_three_days(data)
    archive(data, destination=Destination(address=address, keep_local=False))
    return catalog(data)


class _UploadMeanwhile(System):
    """The operating system, and a job that moves all batches before the first file is read."""

    def __init__(self, data: Path, address: str) -> None:
        self._data = data
        self._address: str | None = address

    def read(self, path: Path) -> bytes:
        address, self._address = self._address, None
        if address is not None:
            archive(self._data, destination=Destination(address=address, keep_local=False))
        return super().read(path)


def test_batch_that_goes_to_object_storage_meanwhile_is_read_there(
    data: Path, address: str, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    fill_three_days(data)
    archive(data)
    found = verify(DataFolder(data), files=Files(_UploadMeanwhile(data, address)))
    assert (found.batches, found.logs, found.faults, found.warnings) == (4, 6, [], [])


def test_batches_that_are_only_in_object_storage_are_read_there(
    data: Path, uploaded: list[ArchivedBatch]
) -> None:
    assert not path_of(data, uploaded[0]).exists()
    found = verify(DataFolder(data))
    assert found == Verdict(batches=4, logs=6, size=sum(each.stored_bytes for each in uploaded))


def test_file_that_is_still_here_although_it_was_let_go_is_warning(
    data: Path, uploaded: list[ArchivedBatch], another: Bucket
) -> None:
    path = path_of(data, uploaded[0])
    path.write_bytes(another.get(uploaded[0].file))
    found = verify(DataFolder(data))
    assert found.faults == []
    assert found.warnings == [
        f"{path}: it is in object storage; the next archive run removes it here"
    ]


def test_damaged_or_missing_object_is_named_by_its_url(
    data: Path, uploaded: list[ArchivedBatch], another: Bucket
) -> None:
    content = bytearray(another.get(uploaded[0].file))
    content[100] ^= 1
    another.put(uploaded[0].file, bytes(content))
    another.delete(uploaded[1].file)
    one, other = verify(DataFolder(data)).faults
    assert one.startswith(f"{another.url(uploaded[0].file)} is damaged: its SHA-256")
    assert other.startswith(f"{another.url(uploaded[1].file)}: cannot read ")


def test_copies_in_object_storage_are_read_when_all_are_asked_for(
    data: Path, address: str, store: ObjectStore, another: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    fill_three_days(data)
    archive(data, destination=Destination(address=address, keep_local=True))
    assert verify(DataFolder(data), all_copies=True).faults == []
    batch = catalog(data)[0]
    another.put(batch.file, b"x")
    assert verify(DataFolder(data)).faults == []
    (fault,) = verify(DataFolder(data), all_copies=True).faults
    assert fault.startswith(f"{another.url(batch.file)} is damaged")


def test_manifest_in_object_storage_that_does_not_tell_of_batch_is_fault(
    data: Path, uploaded: list[ArchivedBatch], another: Bucket
) -> None:
    day = uploaded[0].day
    without = [each for each in uploaded[1:] if each.day == day]
    key = manifest_key(uploaded[0])
    another.put(key, manifest_of(day, without, watermark_of(data)))
    (fault,) = verify(DataFolder(data)).faults
    assert fault == f"{another.url(key)}: it does not tell of {uploaded[0].file}"


def test_without_credentials_object_storage_cannot_be_verified(
    data: Path, uploaded: list[ArchivedBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert days_of(uploaded)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UsageError, match="AWS_SECRET_ACCESS_KEY"):
        verify(DataFolder(data))
