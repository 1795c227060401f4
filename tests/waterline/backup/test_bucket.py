"""Backups in object storage: taken, listed, verified, thinned out and restored."""

from pathlib import Path

import pytest

from tests.support.archive_runs import all_rows, archive, fill_three_days
from tests.support.backups import Take
from tests.support.faulty_proxy import Fault
from tests.support.folders import DAY, NOON, fill
from tests.support.object_store import ObjectStore
from waterline.archive.jobs.upload import Destination
from waterline.archive.object_store.client import Bucket
from waterline.backup.place import BucketPlace
from waterline.backup.repository import Repository
from waterline.backup.restore import restore_backup
from waterline.backup.verify import verify_backup
from waterline.errors import ArchiveError

pytestmark = pytest.mark.slow


@pytest.fixture
def remote(bucket: Bucket) -> Repository:
    return Repository(BucketPlace(bucket))


def test_backup_in_a_bucket_is_whole(
    data: Path, take: Take, remote: Repository, tmp_path: Path
) -> None:
    fill_three_days(data)
    take(1, into=remote)
    archive(data, now=NOON + 30 * DAY + 2)
    record = take(2, keep=1, into=remote).record
    assert remote.names() == [record.name]
    assert {*remote.files()} == {*record.files()}
    assert not verify_backup(remote, record).faults
    restore_backup(remote, record, tmp_path / "restored")
    assert all_rows(tmp_path / "restored") == all_rows(data)


def test_batches_that_are_only_in_a_bucket_stay_there(
    data: Path,
    take: Take,
    repository: Repository,
    store: ObjectStore,
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    fill_three_days(data)
    archive(data, destination=Destination(address=address, keep_local=False))
    record = take().record
    assert not record.held
    restore_backup(repository, record, tmp_path / "restored")
    assert all_rows(tmp_path / "restored") == all_rows(data)


def test_refusing_store_leaves_earlier_backups(
    data: Path, take: Take, remote: Repository, store: ObjectStore
) -> None:
    fill_three_days(data)
    first = take(1, into=remote).record
    fill(data, [{"id": "new", "type": "info", "message": "m"}])
    store.proxy.faults.append(Fault(method="PUT", cut_upload_at=0, times=20))
    with pytest.raises(ArchiveError, match="cannot write s3://"):
        take(2, into=remote)
    store.proxy.reset()
    assert remote.names() == [first.name]
    assert not verify_backup(remote, first).faults
    assert take(3, into=remote).record.rows == 7
