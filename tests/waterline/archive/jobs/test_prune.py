"""Pruning: what is old goes, here and in object storage; its record stays, and so does the rest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.archive_runs import (
    Row,
    archive,
    catalog,
    fill_three_days,
    manifest_key,
    manifest_path,
    rows_of,
    watermark_of,
)
from tests.support.faulty_files import Fault as FileFault
from tests.support.faulty_files import FaultySystem
from tests.support.faulty_proxy import Fault, answer
from tests.support.folders import DAY, NOON, Batch, fill_batches
from tests.support.object_store import ObjectStore
from waterline.archive.files import Files
from waterline.archive.jobs.prune import Pruned, plan_prune, prune
from waterline.archive.jobs.upload import Destination
from waterline.archive.jobs.verify import verify
from waterline.archive.manifest import parse_manifest
from waterline.archive.object_store.client import Bucket
from waterline.archive.reader import BatchReader
from waterline.errors import ArchiveError, ArchiveInUse, DataFolderError, RemoteError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import ArchiveLock, DataFolder

LATER = NOON + 500 * DAY


@pytest.fixture
def rows(data: Path) -> list[Row]:
    """Six logs of three days, stored in a folder that is not archived yet."""
    return fill_three_days(data)


@pytest.fixture
def batches(data: Path, rows: list[Row]) -> list[ArchivedBatch]:
    """Their batches: two of the first day, one of each other."""
    assert len(rows) == 6
    archive(data)
    return catalog(data)


@pytest.fixture
def uploaded(
    data: Path, rows: list[Row], address: str, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> list[ArchivedBatch]:
    """The same, kept here and in object storage."""
    assert len(rows) == 6
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    archive(data, destination=Destination(address=address, keep_local=True))
    return catalog(data)


def path_of(data: Path, batch: ArchivedBatch) -> Path:
    return DataFolder(data).archives / batch.file


def test_plan_has_batches_that_are_old_throughout(data: Path, batches: list[ArchivedBatch]) -> None:
    watermark = watermark_of(data)
    assert plan_prune(DataFolder(data), NOON) == []
    assert plan_prune(DataFolder(data), NOON + 1) == batches[:1]
    assert plan_prune(DataFolder(data), NOON + DAY) == batches[:2]
    assert plan_prune(DataFolder(data), NOON + 9 * DAY) == batches
    assert watermark_of(data) == watermark, "a plan changes nothing"


def test_batch_with_a_younger_log_is_kept(data: Path) -> None:
    log = {"type": "info", "message": ""}
    fill_batches(data, [Batch([log], "pump", NOON), Batch([log], "pump", NOON + 1_000)])
    archive(data, batch_rows=2)
    (batch,) = catalog(data)
    assert plan_prune(DataFolder(data), NOON + 1) == []
    assert plan_prune(DataFolder(data), NOON + 1_000) == []
    assert plan_prune(DataFolder(data), NOON + 1_001) == [batch]


def test_plan_needs_logs(tmp_path: Path) -> None:
    with pytest.raises(DataFolderError, match="there are no logs"):
        plan_prune(DataFolder(tmp_path), NOON)


def test_pruned_batch_is_gone_and_its_row_stays(
    data: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    generation = watermark_of(data).generation
    plan = plan_prune(DataFolder(data), NOON + DAY)
    done = prune(DataFolder(data), plan, clock=lambda: LATER)
    size = sum(each.stored_bytes for each in batches[:2])
    assert done == Pruned(batches=2, logs=3, size=size)
    assert [each.pruned_at for each in catalog(data)] == [LATER, LATER, None, None]
    assert [path_of(data, each).exists() for each in batches] == [False, False, True, True]
    assert watermark_of(data).generation == generation + 1
    manifest = manifest_path(data, batches[0].day)
    told = parse_manifest(manifest.read_bytes(), "it")
    assert told.batches == catalog(data)[:2]
    assert (told.total_batches, told.total_files, told.total_logs) == (2, 0, 0)
    reader = BatchReader(DataFolder(data))
    assert [row for each in batches[2:] for row in rows_of(reader.read(each))] == rows[3:]
    found = verify(DataFolder(data))
    assert (found.batches, found.faults, found.warnings) == (2, [], [])


def test_pruning_again_changes_nothing(data: Path, batches: list[ArchivedBatch]) -> None:
    prune(DataFolder(data), batches[:2], clock=lambda: LATER)
    before, watermark = catalog(data), watermark_of(data)
    assert plan_prune(DataFolder(data), LATER) == before[2:]
    done = prune(DataFolder(data), batches[:2], clock=lambda: LATER + 1)
    assert done == Pruned(batches=0, logs=0, size=0)
    assert (catalog(data), watermark_of(data)) == (before, watermark)


def test_pruned_batch_gives_its_file_name_to_no_other(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    prune(DataFolder(data), batches)
    archive(data)
    assert [each.file for each in catalog(data)] == [each.file for each in batches]
    assert not path_of(data, batches[0]).exists()


# Before the record three folders are synced, in case an earlier job was cut off.
@pytest.mark.parametrize(
    ("operation", "call"), [("remove", 1), ("rename", 1), ("sync_folder", 4), ("create", 1)]
)
def test_failed_prune_is_completed_by_next_prune(
    data: Path, batches: list[ArchivedBatch], operation: str, call: int
) -> None:
    files = Files(FaultySystem(data, FileFault(operation), call))
    with pytest.raises(ArchiveError, match="cannot "):
        prune(DataFolder(data), batches[:2], files=files, clock=lambda: LATER)
    assert [each.is_kept for each in catalog(data)] == [False, False, True, True]
    prune(DataFolder(data), [], clock=lambda: LATER + 1)
    found = verify(DataFolder(data))
    assert (found.batches, found.faults, found.warnings) == (2, [], [])
    assert not path_of(data, batches[0]).exists()


def test_failed_prune_is_completed_by_next_archive_run(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    with pytest.raises(ArchiveError, match="cannot remove"):
        prune(DataFolder(data), batches[:2], files=Files(FaultySystem(data, FileFault("remove"))))
    archive(data)
    found = verify(DataFolder(data))
    assert (found.batches, found.faults, found.warnings) == (2, [], [])


def test_prune_is_refused_while_another_job_runs(data: Path, batches: list[ArchivedBatch]) -> None:
    with ArchiveLock(DataFolder(data)), pytest.raises(ArchiveInUse):
        prune(DataFolder(data), batches)
    assert catalog(data) == batches


def test_copies_in_object_storage_go_and_manifest_there_says_so(
    data: Path, uploaded: list[ArchivedBatch], another: Bucket
) -> None:
    told: list[tuple[str, int, int]] = []
    prune(
        DataFolder(data),
        uploaded[:1],
        clock=lambda: LATER,
        progress=lambda *given: told.append(given),
    )
    assert told == [("removed from object storage", 1, 1)]
    assert [another.head(each.file) is None for each in uploaded] == [True, False, False, False]
    gone, *kept = catalog(data)
    assert (gone.pruned_at, gone.uploaded_to) == (LATER, None)
    assert kept == uploaded[1:]
    day = gone.day
    there = another.get(manifest_key(gone))
    assert parse_manifest(there, "it").batches == catalog(data)[:2]
    assert there == manifest_path(data, day).read_bytes()
    found = verify(DataFolder(data), all_copies=True)
    assert (found.batches, found.faults, found.warnings) == (3, [], [])


def test_plan_made_before_upload_removes_copies_too(
    data: Path,
    batches: list[ArchivedBatch],
    address: str,
    store: ObjectStore,
    another: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    plan = plan_prune(DataFolder(data), NOON + DAY)
    archive(data, destination=Destination(address=address, keep_local=False))
    assert prune(DataFolder(data), plan).batches == 2
    assert [another.head(each.file) is None for each in batches] == [True, True, False, False]


def test_no_manifest_in_object_storage_promises_what_may_be_gone(
    data: Path, uploaded: list[ArchivedBatch], store: ObjectStore, another: Bucket
) -> None:
    store.proxy.faults.append(Fault(method="DELETE", answer=answer("403 Forbidden")))
    with pytest.raises(RemoteError, match="cannot remove s3://"):
        prune(DataFolder(data), uploaded[:2], clock=lambda: LATER)
    told = parse_manifest(another.get(manifest_key(uploaded[0])), "it")
    assert [each.pruned_at for each in told.batches] == [LATER, LATER]


def prune_nothing(data: Path) -> None:
    prune(DataFolder(data), [], clock=lambda: LATER + 1)


def archive_nothing(data: Path) -> None:
    archive(data, now=0, destination=None)


@pytest.mark.parametrize("go_on", [prune_nothing, archive_nothing])
def test_bucket_that_refuses_is_told_and_next_job_goes_on(
    data: Path,
    uploaded: list[ArchivedBatch],
    another: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    go_on: Callable[[Path], None],
) -> None:
    with monkeypatch.context() as wrong:
        wrong.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(RemoteError, match="s3://"):
            prune(DataFolder(data), uploaded[:2], clock=lambda: LATER)
    assert not path_of(data, uploaded[0]).exists()
    assert another.head(uploaded[0].file) is not None
    found = verify(DataFolder(data))
    assert (found.batches, found.faults) == (2, [])
    assert [each.partition(": ")[0] for each in found.warnings] == [
        another.url(each.file) for each in uploaded[:2]
    ]
    go_on(data)
    assert another.head(uploaded[0].file) is None
    assert [each.uploaded_to for each in catalog(data)[:2]] == [None, None]
    assert [each.pruned_at for each in catalog(data)[:2]] == [LATER, LATER]
    found = verify(DataFolder(data), all_copies=True)
    assert (found.faults, found.warnings) == ([], [])
