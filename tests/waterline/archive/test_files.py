"""File operations: whole files or none, in an order that survives a power cut, failures named."""

import errno
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.faulty_files import Fault, FaultySystem, Way
from waterline.archive.files import Files, unfinished_name
from waterline.errors import ArchiveError


def refusal(tmp_path: Path, fault: Fault, path: Path) -> str:
    """Publish a file while something fails, and return what the error says."""
    with pytest.raises(ArchiveError) as told:
        Files(FaultySystem(tmp_path, fault)).publish(path, b"new")
    return str(told.value)


@pytest.mark.parametrize(
    "content", [b"", b"bytes", bytearray(b"array"), memoryview(b"view"), pa.py_buffer(b"arrow")]
)
def test_published_file_has_its_name_only(tmp_path: Path, content: bytes) -> None:
    files, path = Files(), tmp_path / "archives" / "2026-03-17" / "batch-0001.parquet"
    files.publish(path, content)
    assert path.read_bytes() == bytes(memoryview(content))
    assert files.read(path) == bytes(memoryview(content))
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_file_is_synced_before_it_gets_its_name_and_its_folder_after(tmp_path: Path) -> None:
    system = FaultySystem(tmp_path)
    archives, day = tmp_path / "archives", tmp_path / "archives" / "day"
    path, unfinished = day / "file", day / ".file.part"
    Files(system).publish(path, b"content")
    assert system.done == [
        ("make_folder", archives),
        ("sync_folder", tmp_path),
        ("make_folder", day),
        ("sync_folder", archives),
        ("create", unfinished),
        ("write", unfinished),
        ("sync_file", unfinished),
        ("rename", unfinished),
        ("sync_folder", day),
    ]


def test_file_that_was_removed_stays_removed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    system = FaultySystem(tmp_path)
    Files(system).remove(path)
    assert not path.exists()
    assert system.done == [("remove", path), ("sync_folder", tmp_path)]


def test_removing_file_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    Files().remove(tmp_path / "file")
    Files().remove(tmp_path / "folder" / "file")


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (Fault("create", number=errno.EACCES), "check the rights on it and its folder"),
        (Fault("write", number=errno.ENOSPC), "make room on its disk"),
        (Fault("write", Way.HALF, errno.EDQUOT), "make room on its disk"),
        (Fault("sync_file"), "check its disk"),
        (Fault("rename", number=errno.EROFS), "its disk can only be read"),
    ],
    ids=str,
)
def test_old_file_stays_until_new_one_is_written(tmp_path: Path, fault: Fault, advice: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(b"old")
    said = refusal(tmp_path, fault, path)
    assert said == fault.sentence(unfinished_name(path)) + advice
    assert path.read_bytes() == b"old"
    Files().publish(path, b"new")
    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_folder_that_cannot_be_made_or_synced_is_named(tmp_path: Path) -> None:
    path = tmp_path / "day" / "file"
    make = Fault("make_folder", number=errno.ENOSPC)
    assert refusal(tmp_path, make, path).startswith(make.sentence(path.parent))
    sync = Fault("sync_folder")
    assert refusal(tmp_path, sync, path).startswith(sync.sentence(tmp_path))


def test_short_write_is_continued(tmp_path: Path) -> None:
    system = FaultySystem(tmp_path, Fault("write", Way.SHORT))
    Files(system).publish(tmp_path / "file", bytes(range(100)))
    assert (tmp_path / "file").read_bytes() == bytes(range(100))
    assert [each for each, _ in system.done].count("write") == 2


def test_file_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(ArchiveError) as told:
        Files().read(path)
    assert str(told.value) == (
        f"cannot read {path}: No such file or directory; restore it from a copy"
    )


def test_folder_in_place_of_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=f"^cannot read {tmp_path}: Is a directory"):
        Files().read(tmp_path)


def test_no_descriptor_stays_open_whatever_fails(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    before = descriptors()
    for fault in (Fault("write"), Fault("sync_file"), Fault("rename"), Fault("sync_folder")):
        refusal(tmp_path, fault, tmp_path / "file")
    assert descriptors() == before
