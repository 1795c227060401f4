"""Tidying: what a run left goes, manifests catch up, and whatever is not ours stays."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.archive_runs import (
    Row,
    all_rows,
    archive,
    assert_complete,
    catalog,
    files_below,
    fill_three_days,
    hot_rows,
    leave_unrecorded,
    manifest_path,
    watermark_of,
)
from tests.support.archives import adopt, change, path_of
from tests.support.faulty_files import Fault, FaultySystem
from tests.support.folders import DAY, NOON, Batch, fill, fill_batches
from waterline.archive.batch_formats import decode, encode
from waterline.archive.manifest import NAME, days_of, manifest_of
from waterline.encoding import FORMATS, BatchFormat
from waterline.errors import ArchiveError

FIRST = "2026-03-17"
every_format = pytest.mark.parametrize("format", list(FORMATS.values()))


@every_format
def test_batch_that_was_not_recorded_is_removed_and_written_anew(
    data: Path,
    format: BatchFormat,  # noqa: A002
) -> None:
    expected = fill_three_days(data)
    unrecorded = leave_unrecorded(data, format=format)
    archive(data, format=format, now=NOON)  # nothing is due
    assert not unrecorded.exists()
    archive(data, format=format)
    assert_complete(data, expected)


@pytest.mark.parametrize(
    "name", [".batch-0001.parquet.part", ".batch-0009.json.gz.part", f".{NAME}.part"]
)
def test_half_file_is_removed_also_of_day_that_has_nothing_else(data: Path, name: str) -> None:
    expected = fill_three_days(data)
    for day in (FIRST, "2025-01-01"):
        (data / "archives" / day).mkdir(parents=True, exist_ok=True)
        (data / "archives" / day / name).write_bytes(b"half")
    archive(data)
    assert_complete(data, expected)


def of_another_folder(data: Path, format: BatchFormat) -> bytes:  # noqa: A002
    """Return a sound batch that another folder archived, its seqs above our watermark."""
    another = data.with_name("another")
    fill(another, [{"type": "t", "message": f"{each}"} for each in range(9)], received_at=NOON)
    alike = archive(another, format=format, batch_rows=9)
    return (another / "archives" / alike.batches[0].file).read_bytes()


def relabelled(data: Path, format: BatchFormat) -> bytes:  # noqa: A002
    """Return a batch of the very logs that are hot here, which says that they are another's."""
    unrecorded = leave_unrecorded(data, format=format)
    there = decode(unrecorded.read_bytes(), format)
    unrecorded.unlink()
    assert there.label is not None
    label = msgspec.structs.replace(there.label, folder_id="another")
    return bytes(memoryview(encode(there.logs, label, format.encoding())))


def garbage(data: Path, format: BatchFormat) -> bytes:  # noqa: A002, ARG001
    return b"not what its name says"


def nothing_at_all(data: Path, format: BatchFormat) -> bytes:  # noqa: A002, ARG001
    return b""


@every_format
@pytest.mark.parametrize("made", [of_another_folder, relabelled, garbage, nothing_at_all])
def test_foreign_batch_is_left_alone_and_its_number_is_not_given(
    data: Path,
    made: Callable[[Path, BatchFormat], bytes],
    format: BatchFormat,  # noqa: A002
) -> None:
    expected = fill_three_days(data)
    content = made(data, format)
    foreign = data / "archives" / FIRST / f"batch-0005.{format}"
    foreign.parent.mkdir(parents=True, exist_ok=True)
    foreign.write_bytes(content)
    done = archive(data, format=format)
    assert [each.file for each in done.batches][:2] == [
        f"{FIRST}/batch-0006.{format}",
        f"{FIRST}/batch-0007.{format}",
    ]
    archive(data, format=format)
    assert foreign.read_bytes() == content
    assert all_rows(data) == expected


def test_unknown_files_are_left_alone(data: Path) -> None:
    fill_three_days(data)
    archives = data / "archives"
    others = [
        f"{FIRST}/notes.txt",
        f"{FIRST}/.hidden",
        f"{FIRST}/batch-0001.csv",
        f"{FIRST}/batch-1.parquet",
        f"{FIRST}/folder/batch-0001.parquet",
        "batch-0001.parquet",
        ".batch-0001.parquet.part",
        "lost+found/.batch-0001.parquet.part",
    ]
    for name in others:
        (archives / name).parent.mkdir(parents=True, exist_ok=True)
        (archives / name).write_bytes(name.encode())
    archive(data)
    archive(data)
    for name in others:
        assert (archives / name).read_bytes() == name.encode()


@every_format
def test_batch_whose_logs_are_not_hot_is_left_alone(
    data: Path,
    format: BatchFormat,  # noqa: A002
) -> None:
    """It is the only copy, when logs.db was restored from a backup of before: so no run begins."""
    fill_three_days(data)
    backup = (data / "logs.db").read_bytes()
    fill(data, [{"id": "after", "type": "t", "message": "m"}], received_at=NOON + 3 * DAY)
    archive(data, format=format)
    only_copy = data / "archives" / catalog(data)[-1].file
    content = only_copy.read_bytes()
    for each in data.glob("logs.db*"):
        each.unlink()
    (data / "logs.db").write_bytes(backup)
    with pytest.raises(ArchiveError, match=r"logs\.db is older than its archives"):
        archive(data, now=NOON, format=format)
    assert only_copy.exists()
    assert only_copy.read_bytes() == content


@every_format
def test_batch_whose_seqs_were_given_to_other_logs_is_left_alone(
    data: Path,
    format: BatchFormat,  # noqa: A002
) -> None:
    fill_three_days(data)
    unrecorded = leave_unrecorded(data, format=format)
    there = decode(unrecorded.read_bytes(), format)
    assert there.label is not None
    messages = there.logs.schema.get_field_index("message")
    other = there.logs.set_column(
        messages, there.logs.schema.field(messages), [["lost"] * there.logs.num_rows]
    )
    content = bytes(memoryview(encode(other, there.label, format.encoding())))
    unrecorded.write_bytes(content)
    archive(data, now=NOON, format=format)
    assert unrecorded.exists()
    assert unrecorded.read_bytes() == content


def test_recorded_batches_stay_also_when_they_are_damaged(data: Path) -> None:
    fill_three_days(data)
    archive(data)
    first, second, *_ = catalog(data)
    (data / "archives" / first.file).write_bytes(b"damaged")
    (data / "archives" / second.file).write_bytes(b"")
    before = files_below(data)
    archive(data)
    assert files_below(data) == before
    assert (data / "archives" / first.file).read_bytes() == b"damaged"


@every_format
def test_adopted_batch_beyond_watermark_stays(
    data: Path,
    format: BatchFormat,  # noqa: A002
) -> None:
    expected = fill_three_days(data)
    adopted = adopt(data, 4, 5, format)
    assert adopted is not None
    content = path_of(data, adopted).read_bytes()
    archive(data, format=format, now=NOON + 30 * DAY)
    assert watermark_of(data).archived_through == 2
    assert path_of(data, adopted).read_bytes() == content
    archive(data, format=format)
    assert_complete(data, expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"pruned_at": NOON},
        {"uploaded_to": "s3://logs", "uploaded_at": NOON, "local_removed_at": NOON},
    ],
    ids=["pruned", "uploaded"],
)
def test_file_that_was_let_go_on_purpose_is_removed(data: Path, changes: dict[str, Any]) -> None:
    fill_three_days(data)
    archive(data)
    first, *others = catalog(data)
    change(data, [replace(first, **changes)])
    archive(data, destination=None)
    there = {each for each in files_below(data) if ".json" not in each}
    assert there == {each.file for each in others}


def test_manifests_follow_catalog(data: Path) -> None:
    expected = fill_three_days(data)
    archive(data)
    changed = replace(catalog(data)[0], uploaded_to="s3://logs/a", uploaded_at=NOON)
    change(data, [changed])
    manifest_path(data, "2026-03-18").unlink()
    manifest_path(data, "2026-03-19").write_bytes(b"{}")
    archive(data)
    assert_complete(data, expected)
    assert b"s3://logs/a" in manifest_path(data, FIRST).read_bytes()


def test_manifest_that_is_right_is_not_written_again(data: Path) -> None:
    fill_three_days(data)
    archive(data)
    system = FaultySystem(data)
    archive(data, system=system)
    assert {operation for operation, _ in system.done} <= {"read", "sync_folder"}


def test_folder_whose_sync_failed_is_synced_before_batch_in_it_is_recorded(
    data: Path,
) -> None:
    expected = fill_three_days(data)
    for made in (Path("archives"), Path("archives") / FIRST):
        sound, begun = (data.with_name(f"{name}-{made.name}") for name in ("sound", "begun"))
        shutil.copytree(data, sound)
        shutil.copytree(data, begun)
        call = call_that_syncs(sound, made)
        with pytest.raises(ArchiveError, match="cannot sync the folder"):
            archive(begun, system=FaultySystem(begun, Fault("sync_folder"), call))
        assert (begun / made).is_dir()
        system = FaultySystem(begun)
        archive(begun, system=system)
        synced = system.done.index(("sync_folder", (begun / made).parent))
        read_back = next(at for at, each in enumerate(system.done) if each[0] == "read")
        assert synced < read_back, "the first batch was recorded before"
        assert_complete(begun, expected)


def call_that_syncs(data: Path, made: Path) -> int:
    """Archive, and return which call of `sync_folder` it was that made a new folder durable."""
    system = FaultySystem(data)
    archive(data, system=system)
    made_at = system.done.index(("make_folder", data / made))
    before = [operation for operation, _ in system.done[:made_at]]
    return before.count("sync_folder") + 1


def test_folder_of_two_sources_is_tidied_as_one(data: Path) -> None:
    fill_batches(
        data,
        [Batch([{"id": "a", "type": "t", "message": "m"}], name, NOON) for name in ("a", "b")],
    )
    expected: list[Row] = hot_rows(data)
    leave_unrecorded(data)
    archive(data)
    assert_complete(data, expected)
    (batch,) = catalog(data)
    assert (
        manifest_of(FIRST, days_of([batch])[FIRST], watermark_of(data))
        == manifest_path(data, FIRST).read_bytes()
    )
