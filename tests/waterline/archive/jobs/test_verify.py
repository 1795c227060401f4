"""Verifying: sound archives pass, and whatever is damaged, missing or strange is named."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.archive_runs import archive, catalog, fill_three_days, manifest_path, opened
from tests.support.folders import alter, fill
from waterline.archive.files import Files, System, unfinished_name
from waterline.archive.jobs.prune import prune
from waterline.archive.jobs.verify import Verdict, verify
from waterline.archive.manifest import NAME, days_of
from waterline.encoding import FORMATS, BatchFormat
from waterline.errors import DataFolderError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import ArchiveLock, DataFolder


def path_of(data: Path, batch: ArchivedBatch) -> Path:
    return DataFolder(data).archives / batch.file


def change(data: Path, batch: ArchivedBatch, column: str, value: object) -> None:
    """Let the catalog say something else of a batch."""
    with opened(data) as connection:
        connection.execute(
            f"UPDATE archive_batches SET {column} = ? WHERE batch = ?", (value, batch.batch)
        )


def contents(data: Path) -> dict[Path, bytes]:
    """Return all that a data folder holds but SQLite's own notes on readers."""
    return {
        path: path.read_bytes()
        for path in data.rglob("*")
        if path.is_file() and path.suffix not in {".db-wal", ".db-shm"}
    }


@pytest.fixture(params=list(FORMATS.values()), ids=str)
def batches(data: Path, request: pytest.FixtureRequest) -> list[ArchivedBatch]:
    """Those of three days in either format: 2, 1, 2 and 1 logs."""
    fill_three_days(data)
    archive(data, format=request.param)
    return catalog(data)


def test_sound_archives_pass(data: Path, batches: list[ArchivedBatch]) -> None:
    told: list[tuple[str, int, int]] = []
    found = verify(DataFolder(data), progress=lambda *given: told.append(given))
    assert found == Verdict(batches=4, logs=6, size=sum(each.stored_bytes for each in batches))
    assert told == [("verified", done, 4) for done in (1, 2, 3, 4)]


def test_verify_changes_no_file(data: Path, batches: list[ArchivedBatch]) -> None:
    path_of(data, batches[0]).unlink()
    manifest_path(data, batches[3].day).unlink()
    before = contents(data)
    verify(DataFolder(data))
    locks = {DataFolder(data).archive_lock}
    assert {path: each for path, each in contents(data).items() if path not in locks} == {
        path: each for path, each in before.items() if path not in locks
    }


def test_folder_without_logs_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataFolderError, match="there are no logs"):
        verify(DataFolder(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("chosen", list(FORMATS.values()), ids=str)
def test_flipped_byte_anywhere_in_file_is_found_and_file_named(
    data: Path, chosen: BatchFormat
) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    archive(data, format=chosen)
    (batch,) = catalog(data)
    path = path_of(data, batch)
    sound = path.read_bytes()
    # A sum over all of it misses no byte between.
    for offset in {*range(0, len(sound), 5), len(sound) - 1}:
        damaged = bytearray(sound)
        damaged[offset] ^= 1
        path.write_bytes(damaged)
        found = verify(DataFolder(data))
        assert [each.partition(" ")[0] for each in found.faults] == [str(path)], offset
        assert (found.batches, found.logs, found.size) == (0, 0, 0)
    path.write_bytes(sound)
    assert verify(DataFolder(data)).faults == []


def test_missing_file_is_named(data: Path, batches: list[ArchivedBatch]) -> None:
    path_of(data, batches[1]).unlink()
    found = verify(DataFolder(data))
    (fault,) = found.faults
    assert fault.startswith(f"{path_of(data, batches[1])}: cannot read ")
    assert found.batches == 3


@pytest.mark.parametrize("size", [-1, 1])
def test_file_of_another_length_is_named(
    data: Path, batches: list[ArchivedBatch], size: int
) -> None:
    path = path_of(data, batches[2])
    os.truncate(path, batches[2].stored_bytes + size)
    (fault,) = verify(DataFolder(data)).faults
    assert fault.startswith(f"{path} is damaged: it has {batches[2].stored_bytes + size} bytes")


def test_two_files_that_were_swapped_are_both_named(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    one, other = path_of(data, batches[0]), path_of(data, batches[2])
    spare = one.with_name("spare")
    one.rename(spare)
    other.rename(one)
    spare.rename(other)
    faults = verify(DataFolder(data)).faults
    assert [each.partition(" ")[0] for each in faults] == [str(one), str(other)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("rows", 1),
        ("rows", 0),
        ("first_seq", 2),
        ("first_timestamp", 0),
        ("last_timestamp", 0),
        ("first_received_at", 0),
        ("last_received_at", 0),
        ("types", '{"error": 2}'),
        ("types", "{}"),
        ("sources", '{"valve": 2}'),
        ("raw_bytes", 1),
        ("stored_bytes", 1),
        ("sha256", "0" * 64),
        ("format", "csv"),
        ("last_seq", 1),
    ],
)
def test_catalog_that_says_otherwise_than_file_is_fault(
    data: Path, batches: list[ArchivedBatch], column: str, value: object
) -> None:
    change(data, batches[0], column, value)
    path = path_of(data, batches[0])
    found = verify(DataFolder(data))
    of_day = (str(manifest_path(data, batches[0].day)), str(DataFolder(data).logs))
    of_file = [each for each in found.faults if not each.startswith(of_day)]
    assert of_file
    assert all(each.startswith(str(path)) for each in of_file)
    assert found.batches == 3


def test_batch_of_no_logs_is_fault(data: Path, batches: list[ArchivedBatch]) -> None:
    change(data, batches[0], "rows", 0)
    assert verify(DataFolder(data)).faults[0] == (
        f"{path_of(data, batches[0])}: the catalog says that it holds 0 logs of the seqs 1 to 2"
    )


def test_verify_names_differing_attributes(data: Path, batches: list[ArchivedBatch]) -> None:
    change(data, batches[0], "raw_bytes", 1)
    fault, _ = verify(DataFolder(data)).faults
    assert fault.endswith(
        f"it does not hold what the catalog says: raw_bytes is {batches[0].raw_bytes}, not 1"
    )


def test_batch_under_another_day_is_fault(data: Path, batches: list[ArchivedBatch]) -> None:
    batch = batches[3]
    moved = replace(batch, day="2026-01-01", file=f"2026-01-01/{Path(batch.file).name}")
    path_of(data, moved).parent.mkdir()
    path_of(data, batch).rename(path_of(data, moved))
    change(data, batch, "day", moved.day)
    change(data, batch, "file", moved.file)
    faults = verify(DataFolder(data)).faults
    said = f"{path_of(data, moved)}: it does not hold what the catalog says: day is "
    assert any(each.startswith(said) for each in faults)


@pytest.mark.parametrize("file", ["../elsewhere.parquet", "2026-03-17/batch-1.parquet", "x"])
def test_invalid_batch_name_is_fault(data: Path, batches: list[ArchivedBatch], file: str) -> None:
    change(data, batches[0], "file", file)
    faults = verify(DataFolder(data)).faults
    assert any(f"{file}: the catalog gives it a name that no batch" in each for each in faults)


def test_batches_that_claim_same_seq_are_fault(data: Path, batches: list[ArchivedBatch]) -> None:
    change(data, batches[1], "first_seq", 2)
    change(data, batches[1], "rows", 2)
    faults = verify(DataFolder(data)).faults
    assert (
        f"{path_of(data, batches[1])}: the catalog gives it seqs from 2 on, and {batches[0].file} "
        "those up to 2"
    ) in faults


def test_batch_above_watermark_is_fault_unless_it_was_adopted(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    alter(DataFolder(data).logs, "UPDATE seam SET archived_through = 5")
    (fault,) = verify(DataFolder(data)).faults
    assert fault.startswith(f"{path_of(data, batches[3])}: the catalog has it up to seq 6")
    change(data, batches[3], "adopted_from", "0" * 64)
    archive(data)  # so that the manifest says so as well
    assert verify(DataFolder(data)).faults == []


def test_logs_that_query_would_see_twice_are_fault(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    change(data, batches[3], "adopted_from", "0" * 64)
    archive(data)
    hot = "INSERT INTO logs VALUES ({}, '{}', 'info', 0, 0, 'x', 'm', '{{}}')"
    alter(DataFolder(data).logs, hot.format(2, "behind the watermark, so never seen"))
    assert verify(DataFolder(data)).faults == []
    alter(DataFolder(data).logs, hot.format(6, "seen"), "UPDATE seam SET archived_through = 5")
    (fault,) = verify(DataFolder(data)).faults
    assert fault == f"{path_of(data, batches[3])}: logs.db has logs with its seqs too"


def test_manifest_that_is_not_what_catalog_says_is_fault(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    manifest = manifest_path(data, batches[0].day)
    manifest.write_bytes(manifest.read_bytes().replace(b'"rows": ', b'"rows": 1'))
    (fault,) = verify(DataFolder(data)).faults
    assert fault.startswith(f"{manifest}: it is not what the catalog says")


def test_missing_manifest_is_fault(data: Path, batches: list[ArchivedBatch]) -> None:
    manifest = manifest_path(data, batches[0].day)
    manifest.unlink()
    (fault,) = verify(DataFolder(data)).faults
    assert fault.startswith(f"{manifest}: it is missing")


def test_manifest_that_lags_while_job_is_at_work_is_none(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    manifest = manifest_path(data, batches[0].day)
    manifest.unlink()
    with ArchiveLock(DataFolder(data)):
        found = verify(DataFolder(data))
    assert found.faults == []
    assert found.warnings == [f"{manifest}: it is behind the catalog; an archive job is at work"]


def test_pruned_batches_need_no_file(data: Path, batches: list[ArchivedBatch]) -> None:
    prune(DataFolder(data), batches[:2])
    found = verify(DataFolder(data))
    assert (found.batches, found.logs, found.faults, found.warnings) == (2, 3, [], [])


def test_file_that_should_have_gone_is_warning(data: Path, batches: list[ArchivedBatch]) -> None:
    path = path_of(data, batches[0])
    content = path.read_bytes()
    prune(DataFolder(data), batches[:1])
    path.write_bytes(content)
    found = verify(DataFolder(data))
    assert found.faults == []
    assert found.warnings == [f"{path}: it was pruned; the next archive run removes it"]


def test_unknown_file_is_warning(data: Path, batches: list[ArchivedBatch]) -> None:
    archives = DataFolder(data).archives
    day = archives / batches[0].day
    strange = [
        unfinished_name(path_of(data, batches[0])),
        day / f"batch-0009.{batches[0].format}",
        day / "notes.txt",
        archives / "stray",
        archives / "2001-01-01" / NAME,
    ]
    strange[-1].parent.mkdir()
    for path in strange:
        path.write_bytes(b"x")
    found = verify(DataFolder(data))
    assert found.faults == []
    assert [each.partition(": ")[0] for each in found.warnings] == sorted(map(str, strange))


class _Meanwhile(System):
    """The operating system, and a job that prunes just before the first file is read."""

    def __init__(self, data: Path, batches: list[ArchivedBatch]) -> None:
        self._data = data
        self._batches = batches

    def read(self, path: Path) -> bytes:
        batches, self._batches = self._batches, []
        if batches:
            prune(DataFolder(self._data), batches)
        return super().read(path)


def test_batch_that_is_pruned_meanwhile_is_no_fault(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    found = verify(DataFolder(data), files=Files(_Meanwhile(data, batches[:2])))
    assert (found.batches, found.faults, found.warnings) == (2, [], [])


def test_folder_that_has_lost_its_archives_is_told_file_by_file(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    shutil.rmtree(DataFolder(data).archives)
    found = verify(DataFolder(data))
    lost = sum(not manifest_path(data, day).exists() for day in days_of(batches))
    assert len(found.faults) == len(batches) + lost
