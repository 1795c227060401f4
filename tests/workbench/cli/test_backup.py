"""`waterline backup` and `waterline restore`, as an operator runs them."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.folders import fill
from tests.support.processes import run_waterline
from waterline.backup.place import FolderPlace
from waterline.backup.record import file_of
from waterline.backup.repository import Repository


def lone(log_id: str) -> dict[str, object]:
    return {"id": log_id, "type": "info", "message": "m"}


def test_backup_is_taken_listed_verified_and_restored(data: Path, tmp_path: Path) -> None:
    place, into = tmp_path / "backups", tmp_path / "restored"
    fill(data, [lone("a"), lone("b")])
    done = run_waterline("backup", place, "--data", data)
    (name,) = Repository(FolderPlace(place)).names()
    assert done.returncode == 0
    assert done.stdout.startswith(f"{name}: 2 logs, 1 new file, ")
    assert run_waterline("backup", place, "--list").stdout == f"{name}  2 logs, up to seq 2\n"
    assert run_waterline("backup", place, "--verify").stdout == f"{name}: 2 logs of 2 read back\n"
    done = run_waterline("restore", place, "--into", into)
    assert done.stdout == (
        f"{into} holds 2 logs, up to seq 2, as of {name}; start it with waterline serve --data "
        f"{into}\n"
    )
    assert run_waterline("count", "--data", into).stdout == "2\n"


def test_damaged_backup_ends_with_code_1(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    fill(data, [lone("a")])
    run_waterline("backup", place, "--data", data)
    record = Repository(FolderPlace(place)).newest()
    assert record is not None
    (place / file_of(record.hot[0].sha256)).write_bytes(b"?")
    done = run_waterline("backup", place, "--verify")
    assert (done.returncode, done.stdout) == (1, f"{record.name}: 0 logs of 1 read back\n")
    assert "is damaged: its SHA-256 is another" in done.stderr


def test_torn_record_is_listed_as_damaged(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    fill(data, [lone("a")])
    for _ in range(2):
        run_waterline("backup", place, "--data", data)
    first, torn = Repository(FolderPlace(place)).names()
    os.truncate(place / "backups" / f"{torn}.json", 100)
    done = run_waterline("backup", place, "--list")
    assert (done.returncode, done.stdout) == (1, f"{first}  1 log, up to seq 1\n{torn}  damaged\n")
    assert f"{torn}.json is no record" in done.stderr
    assert f"--at {first}" in said("restore", place, "--into", tmp_path / "into")
    done = run_waterline("backup", place, "--data", data)
    assert (done.returncode, f"{torn}.json is no record" in done.stderr) == (0, True)


def said(*arguments: str | Path) -> str:
    """Return the one line with which a command refuses."""
    done = run_waterline(*arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_mistakes_are_told_in_one_sentence(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    assert "name a folder for backups" in said("backup", "--data", data)
    assert "there are no backups" in said("restore", place, "--into", tmp_path / "into")
    assert "there are no logs" in said("backup", place, "--data", data)
    assert "no address of object storage" in said("backup", "s3://", "--data", data)
    fill(data, [lone("a")])
    run_waterline("backup", place, "--data", data)
    assert "--at is empty" in said("restore", place, "--at", "", "--into", tmp_path / "into")
    assert "no backup in" in said("restore", place, "--at", "1999", "--into", tmp_path / "into")
    assert "--at goes with --verify" in said("backup", place, "--at", "2026")
    assert "holds files" in said("restore", place, "--into", data)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc takes no folders, on Linux")
def test_place_that_cannot_be_made_is_told(data: Path) -> None:
    fill(data, [lone("a")])
    cannot = "cannot make the folder /proc/x: No such file or directory; name another"
    assert cannot in said("backup", "/proc/x", "--data", data)
