"""Rewrites: earlier batches come forward, their logs stay, and whatever is odd is left alone."""

from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.archive_runs import (
    LATER,
    Row,
    all_rows,
    archive,
    assert_clean,
    assert_complete,
    catalog,
    files_below,
    fill_three_days,
    lose_logs,
    manifest_path,
    opened,
    watermark_of,
)
from tests.support.archives import change, path_of
from tests.support.faulty_files import Fault, FaultySystem
from tests.support.folders import DAY, NOON
from tests.support.version_2_1 import written_as_version_2_1
from waterline.archive import parquet
from waterline.archive.batch_formats import decode, encode
from waterline.archive.files import Files, System
from waterline.archive.jobs.prune import plan_prune, prune
from waterline.archive.jobs.rebuild import rebuild_catalog
from waterline.archive.jobs.restore import restore
from waterline.archive.jobs.rewrite import RewriteJob, Rewritten, plan_rewrite
from waterline.archive.manifest import manifest_of
from waterline.archive.missing import MissingFiles
from waterline.archive.parquet import version_of
from waterline.archive.selection import Selection
from waterline.encoding import FORMATS, JSON_GZ, PARQUET, BatchFormat
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder

# What a rewrite may change of a row.
_CHANGED = {"file", "format", "stored_bytes", "sha256", "rewritten_at", "rewritten_from"} | {
    "filter_offset",
    "filter_bytes",
    "filter_sha256",
}


def archive_earlier(data: Path, earlier: str) -> list[ArchivedBatch]:
    """Archive all logs as an earlier version of Parquet, or as JSON."""
    if earlier == "json.gz":
        return archive(data, format=JSON_GZ).batches
    with pytest.MonkeyPatch.context() as patch, written_as_version_2_1(patch):
        return archive(data).batches


def rewrite(
    data: Path,
    *,
    format: BatchFormat = PARQUET,  # noqa: A002
    wanted: Selection | None = None,
    system: System | None = None,
    now: int = LATER,
) -> Rewritten:
    job = RewriteJob(
        DataFolder(data),
        format.encoding(),
        wanted or Selection(),
        files=Files(system),
        clock=lambda: now,
    )
    return job.run()


def stays(batch: ArchivedBatch) -> dict[str, object]:
    return {
        each.name: getattr(batch, each.name) for each in fields(batch) if each.name not in _CHANGED
    }


@pytest.fixture(params=["2.1", "json.gz"])
def earlier(request: pytest.FixtureRequest, data: Path) -> list[Row]:
    """The logs of a folder whose batches are all of an earlier version, or JSON."""
    logs = fill_three_days(data)
    archive_earlier(data, request.param)
    return logs


def test_batches_come_forward_with_same_numbers_seqs_and_counts(
    data: Path, earlier: list[Row]
) -> None:
    before, generation = catalog(data), watermark_of(data).generation
    done = rewrite(data)
    after = catalog(data)
    assert_complete(data, earlier)
    assert_clean(data)
    assert [stays(each) for each in after] == [stays(each) for each in before]
    assert {each.format for each in after} == {"parquet"}
    assert {version_of(path_of(data, each)) for each in after} == {"3.0"}
    assert [each.rewritten_from for each in after] == [each.sha256 for each in before]
    assert {each.rewritten_at for each in after} == {LATER}
    assert not {each.sha256 for each in after} & {each.sha256 for each in before}
    assert watermark_of(data).generation > generation
    assert (done.batches, done.logs, done.faults) == (len(before), len(earlier), [])
    assert done.before == sum(each.stored_bytes for each in before)
    assert done.after == sum(each.stored_bytes for each in after)


def test_current_batches_are_skipped(data: Path, earlier: list[Row]) -> None:
    rewrite(data)
    before, files = catalog(data), files_below(data)
    assert rewrite(data, now=LATER + 1) == Rewritten()
    assert (catalog(data), files_below(data)) == (before, files)
    assert all_rows(data) == earlier


def test_second_rewrite_keeps_first_origin_and_is_later_though_clock_is_not(
    data: Path, earlier: list[Row]
) -> None:
    origins = [each.origin for each in catalog(data)]
    rewrite(data)
    rewrite(data, format=JSON_GZ, now=LATER - DAY)
    assert [each.origin for each in catalog(data)] == origins
    assert {each.rewritten_at for each in catalog(data)} == {LATER + 1}
    assert {each.format for each in catalog(data)} == {"json.gz"}
    assert_complete(data, earlier)
    assert_clean(data)


def test_only_batches_within_the_range_are_rewritten(data: Path, earlier: list[Row]) -> None:
    before = catalog(data)
    wanted = Selection(since=NOON, until=NOON + 1)
    due = plan_rewrite(DataFolder(data), PARQUET, wanted)
    assert due == [each for each in before if each.first_timestamp <= NOON <= each.last_timestamp]
    assert 0 < len(due) < len(before)
    rewrite(data, wanted=wanted)
    done = {each.batch for each in catalog(data) if each.rewritten_at}
    assert done == {each.batch for each in due}
    assert_complete(data, earlier)


def test_plan_changes_nothing(data: Path, earlier: list[Row]) -> None:
    before, files = catalog(data), files_below(data)
    assert plan_rewrite(DataFolder(data), PARQUET, Selection()) == before
    assert (catalog(data), files_below(data)) == (before, files)
    assert all_rows(data) == earlier


@pytest.mark.usefixtures("earlier")
def test_damaged_file_is_named_and_stays_while_others_are_rewritten(data: Path) -> None:
    first, second, *others = catalog(data)
    path = path_of(data, first)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    path_of(data, second).unlink()
    done = rewrite(data)
    assert [each.split(";")[0] for each in done.faults] == [
        f"{path} is damaged: its SHA-256 is not that of the file that was archived",
        f"cannot read {path_of(data, second)}: No such file or directory",
    ]
    assert catalog(data)[:2] == [first, second]
    assert done.batches == len(others)
    assert path.exists()


@pytest.mark.usefixtures("earlier")
def test_file_that_is_not_what_the_catalog_says_is_left_alone(data: Path) -> None:
    first = catalog(data)[0]
    change(data, [replace(first, types={"other": first.rows})])
    for path in DataFolder(data).path.rglob("*.json"):
        path.unlink()
    (fault,) = rewrite(data).faults
    assert fault.startswith(f"{path_of(data, first)} does not hold what the catalog says")
    assert catalog(data)[0].sha256 == first.sha256
    assert path_of(data, first).exists()


@pytest.mark.parametrize(
    "fault",
    [Fault(each) for each in ("create", "write", "sync_file", "rename", "read", "remove")],
    ids=str,
)
def test_refused_operation_loses_nothing_and_next_run_goes_on(
    data: Path, earlier: list[Row], fault: Fault
) -> None:
    for call in range(1, 30):
        system = FaultySystem(data, fault, call)
        try:
            rewrite(data, system=system)
        except ArchiveError:
            assert system.hit is not None
        assert all_rows(data) == earlier
        if system.hit is None:
            break
    assert call > 1
    rewrite(data)
    assert_complete(data, earlier)
    assert_clean(data)


def leave(data: Path, operation: str, call: int) -> None:
    """Let a rewrite fail at a call of an operation."""
    system = FaultySystem(data, Fault(operation), call)
    with pytest.raises(ArchiveError):
        rewrite(data, system=system)


def test_former_file_that_stayed_is_removed_by_next_archive_run(
    data: Path, earlier: list[Row]
) -> None:
    formers = {each.file for each in catalog(data)}
    leave(data, "remove", 1)
    assert formers & files_below(data) - {each.file for each in catalog(data)}
    archive(data, now=NOON)
    assert_clean(data)
    assert all_rows(data) == earlier


@pytest.mark.usefixtures("earlier")
def test_former_file_that_stayed_is_removed_also_if_its_batch_is_pruned(data: Path) -> None:
    leave(data, "remove", 1)
    folder = DataFolder(data)
    prune(folder, plan_prune(folder, LATER))
    assert {each for each in files_below(data) if "batch" in each} == set()


def test_prune_planned_before_a_rewrite_takes_the_batches(data: Path, earlier: list[Row]) -> None:
    folder = DataFolder(data)
    planned = plan_prune(folder, LATER)
    rewrite(data)
    assert prune(folder, planned).logs == len(earlier)


@pytest.mark.usefixtures("earlier")
def test_former_file_stays_while_the_new_one_is_damaged(data: Path) -> None:
    former = catalog(data)[0]
    content = path_of(data, former).read_bytes()
    rewrite(data)
    now = catalog(data)[0]
    path_of(data, former).write_bytes(content)
    path_of(data, now).write_bytes(b"damaged")
    archive(data, now=NOON)
    assert path_of(data, former).read_bytes() == content


def test_file_with_the_same_seqs_and_another_log_stays(data: Path, earlier: list[Row]) -> None:
    former = catalog(data)[0]
    there = decode(path_of(data, former).read_bytes(), FORMATS[former.format])
    assert there.label is not None
    place = there.logs.column_names.index("message")
    others = pa.array(["another"] * there.logs.num_rows)
    logs = there.logs.set_column(place, there.logs.field("message"), others)
    rewrite(data)
    content = bytes(memoryview(encode(logs, there.label, FORMATS[former.format].encoding())))
    path_of(data, former).write_bytes(content)
    rewrite(data)
    assert path_of(data, former).read_bytes() == content
    assert all_rows(data) == earlier


def test_stale_manifest_after_a_rewrite_is_no_sign_of_a_backup(
    data: Path, earlier: list[Row]
) -> None:
    day = catalog(data)[0].day
    stale = manifest_path(data, day).read_bytes()
    rewrite(data)
    manifest_path(data, day).write_bytes(stale)
    rewrite(data)
    assert_complete(data, earlier)


@pytest.mark.usefixtures("earlier")
def test_backup_of_logs_db_from_before_a_rewrite_is_refused(data: Path) -> None:
    backup = (data / "logs.db").read_bytes()
    rewrite(data)
    lose_logs(data)
    (data / "logs.db").write_bytes(backup)
    with pytest.raises(ArchiveError, match="is older than its archives"):
        rewrite(data)


def test_catalog_is_rebuilt_from_new_and_stale_manifests(data: Path, earlier: list[Row]) -> None:
    first, *_ = catalog(data)
    stale = [each for each in catalog(data) if each.day == first.day]
    rewrite(data)
    expected = catalog(data)
    # As object storage may have it, or a place of earlier versions.
    content = manifest_of(first.day, stale, watermark_of(data))
    beside = DataFolder(data).archives / first.day / "manifest.json"
    beside.write_bytes(content)
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert catalog(data) == expected
    assert all_rows(data) == earlier


def test_restored_folder_is_completed_after_its_source_was_rewritten(
    data: Path, earlier: list[Row]
) -> None:
    into = data.with_name("restored")
    restore(DataFolder(data), into)
    before = catalog(into)
    rewrite(data)
    restore(DataFolder(data), into)
    assert catalog(into) == before
    path_of(into, before[0]).unlink()
    restore(DataFolder(data), into)
    assert catalog(into)[0].file == catalog(data)[0].file
    assert all_rows(into) == earlier
    assert_clean(into)


@pytest.mark.usefixtures("earlier")
def test_missing_files_are_looked_for_where_the_catalog_has_them_now(data: Path) -> None:
    missing = MissingFiles(DataFolder(data))
    formers = {each: each.with_name(f"away-{each.name}") for each in map_paths(data)}
    for path, away in formers.items():
        path.rename(away)
    missing.look()
    assert missing.reasons()
    for path, away in formers.items():
        away.rename(path)
    rewrite(data)
    missing.look()
    assert missing.reasons() == []


def map_paths(data: Path) -> list[Path]:
    return [path_of(data, each) for each in catalog(data)]


@pytest.mark.usefixtures("earlier")
def test_rewrite_is_recorded_with_one_count_of_the_generation_a_batch(data: Path) -> None:
    before = watermark_of(data)
    rewrite(data)
    assert watermark_of(data) == replace(before, generation=before.generation + len(catalog(data)))
    with opened(data) as connection, closing(connection):
        assert len(read_batches(connection)) == len(catalog(data))


def test_batches_without_filter_get_one(data: Path) -> None:
    logs = fill_three_days(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "KEY", b"elsewhere")  # no file says where its filter is
        archive(data)
    before = catalog(data)
    assert {each.filter_sha256 for each in before} == {None}
    assert rewrite(data).batches == len(before)
    assert_complete(data, logs)
    assert all(each.filter_sha256 for each in catalog(data))
    assert plan_rewrite(DataFolder(data), PARQUET, Selection()) == []
