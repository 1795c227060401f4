"""Rebuilding: a folder that has lost logs.db gets its catalog back from what is archived."""

import gzip
import json
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
    fill_three_days,
    lose_logs,
    manifest_path,
    watermark_of,
)
from tests.support.archives import path_of
from tests.support.faulty_files import Fault, FaultySystem
from tests.support.folders import DAY, NOON, fill
from waterline.archive.batch import label_of
from waterline.archive.batch_formats import encode
from waterline.archive.columns import SCHEMA
from waterline.archive.files import Files, System
from waterline.archive.jobs.import_v2 import adopt_files
from waterline.archive.jobs.prune import prune
from waterline.archive.jobs.rebuild import Rebuilt, rebuild_catalog
from waterline.archive.reader import BatchReader
from waterline.encoding import FORMATS, JSON_GZ, PARQUET
from waterline.errors import (
    ArchiveError,
    ArchiveInUse,
    DataFolderError,
    DataFolderInUse,
    UsageError,
)
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock
from waterline.storage.watermark import Watermark


@pytest.fixture(params=list(FORMATS.values()), ids=str)
def batches(data: Path, rows: list[Row], request: pytest.FixtureRequest) -> list[ArchivedBatch]:
    """Archived in either format; logs.db is still there."""
    assert rows
    archive(data, format=request.param)
    return catalog(data)


def test_rebuild_recovers_all_archived_logs(
    data: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    before = watermark_of(data)
    lose_logs(data)
    told: list[tuple[str, int, int]] = []
    done = rebuild_catalog(DataFolder(data), progress=lambda *given: told.append(given))
    assert done == Rebuilt(batches=4, logs=6, size=sum(each.stored_bytes for each in batches))
    assert told[-1] == ("checked", 4, 4)
    assert catalog(data) == batches
    assert all_rows(data) == rows
    watermark = watermark_of(data)
    assert (watermark.folder_id, watermark.archived_through) == (before.folder_id, 6)
    assert watermark.incarnation != before.incarnation
    assert watermark.generation > 0
    assert_clean(data)


def test_logs_go_on_behind_what_was_rebuilt(data: Path, batches: list[ArchivedBatch]) -> None:
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    ((_, seq, _),) = fill(data, [{"type": "info", "message": "new"}], received_at=NOON)
    assert seq == batches[-1].last_seq + 1
    archive(data)
    assert_clean(data)
    assert catalog(data)[-1].last_received_at == batches[-1].last_received_at, "never back"


def test_pruned_and_adopted_batches_are_recorded_as_before(data: Path, tmp_path: Path) -> None:
    fill_three_days(data)
    archive(data)
    path = tmp_path / "old.json.gz"
    metadata = {
        "archiveDate": "2023-11-15T00:00:00.000Z",
        "batch": 1,
        "totalLogs": 1,
        "compression": "gzip",
        "version": "2.0",
    }
    document = {"metadata": metadata, "logs": [{"type": "info", "message": "m"}]}
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    given = {"source": "old", "encoding": JSON_GZ.encoding()}
    adopt_files(DataFolder(data), [path], clock=lambda: LATER, **given)  # type: ignore[arg-type]
    prune(DataFolder(data), catalog(data)[:1], clock=lambda: LATER)
    before = catalog(data)
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert catalog(data) == before
    assert watermark_of(data).archived_through == 7
    assert_clean(data)
    done = adopt_files(DataFolder(data), [path], **given)  # type: ignore[arg-type]
    assert done.skipped == [f"{path} was adopted before"]


def test_batches_that_no_manifest_names_are_taken_too(
    data: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    manifest_path(data, batches[2].day).unlink()
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    found = catalog(data)
    assert [each.file for each in found] == [each.file for each in batches]
    assert found[2].batch == 5, "its number went with the manifest"
    assert found[2].archived_at == batches[2].archived_at
    assert all_rows(data) == rows
    assert_clean(data)


def test_files_alone_are_enough(data: Path, rows: list[Row], batches: list[ArchivedBatch]) -> None:
    folder_id = watermark_of(data).folder_id
    for batch in batches:
        manifest_path(data, batch.day).unlink(missing_ok=True)
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert catalog(data) == batches, "even their numbers, which go by seq"
    assert watermark_of(data).folder_id == folder_id
    assert all_rows(data) == rows
    assert_clean(data)


def test_files_of_other_folders_or_of_seqs_that_are_taken_are_left_out(
    data: Path, tmp_path: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    other = tmp_path / "other"
    fill(other, [{"type": "info", "message": str(each)} for each in range(40)])
    archive(other, format=FORMATS[batches[0].format], batch_rows=40)
    (strange,) = catalog(other)
    suffix = batches[0].format
    day = path_of(data, batches[0]).parent
    foreign, again = (day / f"batch-{each:04d}.{suffix}" for each in (7, 8))
    shutil.copy(path_of(other, strange), foreign)
    shutil.copy(path_of(data, batches[1]), again)
    wrong_day = path_of(data, batches[3]).with_name(f"batch-0007.{suffix}")
    shutil.copy(path_of(data, batches[0]), wrong_day)
    lose_logs(data)
    done = rebuild_catalog(DataFolder(data))
    assert [each.partition(": ")[0] for each in done.skipped] == [
        str(each) for each in (foreign, again, wrong_day)
    ]
    reasons = [each.partition(": ")[2] for each in done.skipped]
    assert reasons == [
        f"it is of another data folder, {watermark_of(other).folder_id}",
        f"its seqs are those of {batches[1].file}",
        "its logs were received on another day",
    ]
    assert catalog(data) == batches
    assert all_rows(data) == rows


def test_files_that_do_not_say_whose_they_are_or_hold_nothing_are_left_out(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    day = path_of(data, batches[0]).parent
    (day / "batch-0007.json.gz").write_bytes(gzip.compress(b'{"logs": []}'))
    label = label_of(
        SCHEMA.empty_table(), PARQUET.encoding(), 8, watermark_of(data).folder_id, LATER
    )
    content = encode(SCHEMA.empty_table(), label, PARQUET.encoding())
    (day / "batch-0008.parquet").write_bytes(content)
    lose_logs(data)
    assert rebuild_catalog(DataFolder(data)).skipped == [
        f"{day}/batch-0007.json.gz: it does not say whose it is",
        f"{day}/batch-0008.parquet: it holds no logs",
    ]
    assert catalog(data) == batches


def test_manifest_in_folder_of_another_day_is_damaged(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    manifest = manifest_path(data, batches[3].day)
    other = Path(str(manifest).replace(batches[3].day, "2001-01-01"))
    other.parent.mkdir(exist_ok=True)
    manifest.rename(other)
    lose_logs(data)
    with pytest.raises(ArchiveError, match=f"{other} is damaged: .* is of another day"):
        rebuild_catalog(DataFolder(data))


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ('"first_timestamp": -5', '"first_timestamp": 5'),
        (f'"last_timestamp": {NOON}', f'"last_timestamp": {NOON - 1}'),
        (f'"first_received_at": {NOON}', f'"first_received_at": {NOON + 1}'),
        (f'"last_received_at": {NOON}', f'"last_received_at": {NOON - 9}'),
        ('"info": 1', '"infp": 1'),
        ('"error": 1', '"error": 2'),
        ('"pump": 2', '"dump": 2'),
        ('"rows": 2', '"rows": 1'),
        ('"last_seq": 2', '"last_seq": 3'),
        ('"raw_bytes": ', '"raw_bytes": 1'),
    ],
)
def test_rebuild_takes_numbers_from_sound_file_over_wrong_manifest(
    data: Path, rows: list[Row], batches: list[ArchivedBatch], said: str, wrong: str
) -> None:
    manifest = manifest_path(data, batches[0].day)
    content = manifest.read_text()
    at = content.index(f'"file": "{batches[0].file}"')
    assert said in content[at:], "or nothing is tried"
    manifest.write_text(content[:at] + content[at:].replace(said, wrong, 1))
    lose_logs(data)
    if said.startswith('"last_seq'):  # the next one begins there: nobody can tell which is right
        with pytest.raises(ArchiveError, match="contradict each other"):
            rebuild_catalog(DataFolder(data))
        return
    done = rebuild_catalog(DataFolder(data))
    (corrected,) = done.corrected
    assert corrected.startswith(f"{path_of(data, batches[0])}: its manifest was wrong: ")
    assert (done.faults, done.logs) == ([], len(rows))
    assert catalog(data) == batches
    assert all_rows(data) == rows
    assert_clean(data)


def test_later_of_two_batches_with_one_number_gets_another(
    data: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    manifest = manifest_path(data, batches[3].day)
    manifest.write_text(manifest.read_text().replace('"batch": 4', '"batch": 1'))
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert [each.batch for each in catalog(data)] == [1, 2, 3, 4]
    assert all_rows(data) == rows
    assert_clean(data)


def test_folder_that_has_logs_is_not_rebuilt(
    data: Path, batches: list[ArchivedBatch], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="is there and holds logs"):
        rebuild_catalog(DataFolder(data))
    assert catalog(data) == batches
    hot = tmp_path / "hot"
    fill(hot, [{"type": "info", "message": "m"}])
    with pytest.raises(UsageError, match="is there and holds logs"):
        rebuild_catalog(DataFolder(hot))


def test_database_that_server_has_just_made_is_not_in_way(
    data: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    before = watermark_of(data)
    lose_logs(data)
    fill(data)
    assert watermark_of(data).folder_id != before.folder_id
    rebuild_catalog(DataFolder(data))
    assert watermark_of(data).folder_id == before.folder_id
    assert (catalog(data), all_rows(data)) == (batches, rows)


def test_last_commits_of_lost_database_are_not_thrown_away(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    lose_logs(data)
    left = DataFolder(data).logs.with_name("logs.db-wal")
    left.write_bytes(b"commits")
    with pytest.raises(DataFolderError, match=r"logs\.db-wal holds the last commits"):
        rebuild_catalog(DataFolder(data))
    assert left.read_bytes() == b"commits"
    left.unlink()
    rebuild_catalog(DataFolder(data))
    assert catalog(data) == batches


def test_folder_without_archives_is_told_so(data: Path) -> None:
    with pytest.raises(UsageError, match="there are no archives in"):
        rebuild_catalog(DataFolder(data))
    assert not DataFolder(data).logs.exists()


def test_rebuild_is_refused_beside_server_or_job(data: Path, batches: list[ArchivedBatch]) -> None:
    lose_logs(data)
    with ServerLock(DataFolder(data)), pytest.raises(DataFolderInUse):
        rebuild_catalog(DataFolder(data))
    with ArchiveLock(DataFolder(data)), pytest.raises(ArchiveInUse):
        rebuild_catalog(DataFolder(data))
    assert not DataFolder(data).logs.exists()
    assert batches


def test_damaged_and_missing_files_are_named_and_nothing_is_made(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    missing, damaged = path_of(data, batches[0]), path_of(data, batches[3])
    missing.unlink()
    content = bytearray(damaged.read_bytes())
    content[50] ^= 1
    damaged.write_bytes(content)
    lose_logs(data)
    with pytest.raises(ArchiveError) as raised:
        rebuild_catalog(DataFolder(data))
    assert f"{missing} is missing" in str(raised.value)
    assert f"{damaged} is damaged" in str(raised.value)
    assert not DataFolder(data).logs.exists()


def test_rest_can_be_had_and_damaged_file_still_raises(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    missing = path_of(data, batches[0])
    missing.unlink()
    lose_logs(data)
    done = rebuild_catalog(DataFolder(data), skip_damaged=True)
    assert (done.batches, done.logs) == (3, 4)
    assert [each.partition(" ")[0] for each in done.faults] == [str(missing)]
    assert catalog(data) == batches, "it does not look as if it had been pruned on purpose"
    reader = BatchReader(DataFolder(data))
    with pytest.raises(ArchiveError, match=str(missing)):
        reader.read(batches[0])
    assert reader.read(batches[1]).num_rows == 1


def test_damaged_manifest_is_named_and_its_files_stand_for_it(
    data: Path, rows: list[Row], batches: list[ArchivedBatch]
) -> None:
    manifest = manifest_path(data, batches[0].day)
    manifest.write_bytes(manifest.read_bytes()[:-20])
    lose_logs(data)
    with pytest.raises(ArchiveError, match=f"{manifest} is no manifest"):
        rebuild_catalog(DataFolder(data))
    assert not DataFolder(data).logs.exists()
    done = rebuild_catalog(DataFolder(data), skip_damaged=True)
    assert [each.partition(" ")[0] for each in done.faults] == [str(manifest)]
    assert all_rows(data) == rows
    assert_clean(data)


@pytest.mark.parametrize("file", ["../../elsewhere/batch-0001.parquet", "/etc/batch-0001.parquet"])
def test_manifest_cannot_name_file_outside_archives(data: Path, rows: list[Row], file: str) -> None:
    assert rows
    archive(data)
    batch = catalog(data)[3]
    manifest = manifest_path(data, batch.day)
    manifest.write_text(manifest.read_text().replace(batch.file, file))
    lose_logs(data)
    with pytest.raises(ArchiveError, match=f"{manifest} is damaged: the catalog gives it a name"):
        rebuild_catalog(DataFolder(data))


def test_manifests_of_two_folders_are_refused(
    data: Path, tmp_path: Path, batches: list[ArchivedBatch]
) -> None:
    other = tmp_path / "other"
    fill(other, [{"type": "info", "message": "m"}], received_at=NOON + 5 * DAY)
    archive(other)
    (strange,) = catalog(other)
    shutil.copytree(path_of(other, strange).parent, DataFolder(data).archives / strange.day)
    manifest = manifest_path(other, strange.day)
    DataFolder(data).manifests.mkdir(exist_ok=True)
    shutil.copy(manifest, DataFolder(data).manifests)
    lose_logs(data)
    with pytest.raises(ArchiveError, match="is of the data folder"):
        rebuild_catalog(DataFolder(data), skip_damaged=True)
    assert not DataFolder(data).logs.exists()
    assert batches


def test_manifests_that_contradict_each_other_are_refused(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    manifest = manifest_path(data, batches[3].day)
    manifest.write_text(manifest.read_text().replace('"first_seq": 6', '"first_seq": 5'))
    lose_logs(data)
    with pytest.raises(ArchiveError, match="the manifests contradict each other"):
        rebuild_catalog(DataFolder(data), skip_damaged=True)
    assert not DataFolder(data).logs.exists()


@pytest.mark.parametrize("operation", ["read", "create", "rename"])
def test_run_that_fails_can_be_repeated_or_has_done_all(
    data: Path, rows: list[Row], batches: list[ArchivedBatch], operation: str
) -> None:
    manifest_path(data, batches[2].day).unlink()
    lose_logs(data)
    system: System = FaultySystem(data, Fault(operation))
    with pytest.raises(ArchiveError, match="cannot "):
        rebuild_catalog(DataFolder(data), files=Files(system))
    if operation == "read":
        assert not DataFolder(data).logs.exists()
        rebuild_catalog(DataFolder(data))
    assert all_rows(data) == rows
    archive(data)
    assert_clean(data)


def test_each_rebuild_has_new_incarnation(data: Path, batches: list[ArchivedBatch]) -> None:
    incarnations = {watermark_of(data).incarnation}
    folder_id = watermark_of(data).folder_id
    for _ in range(2):
        lose_logs(data)
        rebuild_catalog(DataFolder(data))
        found = watermark_of(data)
        assert found == Watermark(folder_id, found.incarnation, 1, batches[-1].last_seq)
        incarnations.add(found.incarnation)
    assert len(incarnations) == 3
