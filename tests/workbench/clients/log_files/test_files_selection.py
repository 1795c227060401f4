"""Which files a command names: folders, patterns, and rotations the oldest first."""

import gzip
import os
from pathlib import Path

import pytest

from workbench.clients.log_files.rotation import oldest_first, rotations_of
from workbench.clients.log_files.selection import select


@pytest.mark.parametrize(
    "names",
    [
        ["app.log.10.gz", "app.log.3.gz", "app.log.2", "app.log.1", "app.log"],
        ["app.log-20251231.gz", "app.log-20261127.gz", "app-2026-11-28.log", "app.log"],
        ["app.2026-11-27.2.log", "app.2026-11-28.1.log", "app.2026-11-28.2.log", "app.log"],
        ["app-2026-11-28T09-00-00.000.log.gz", "app-2026-11-28T10-15-00.000.log", "app.log"],
        ["access_log.1764288000", "access_log.1764374400", "access_log"],
        ["app.log-20261128-09", "app.log-20261128-10", "app.log.2", "app.log.old", "app.log"],
        ["messages.1.gz", "messages.0.gz", "messages"],
    ],
)
def test_rotations_of_one_log_are_sorted_oldest_first(names: list[str]) -> None:
    right = [Path("logs", name) for name in names]
    assert oldest_first(reversed(right)) == right
    assert oldest_first(sorted(right)) == right


def test_other_files_keep_their_order_and_folders_are_apart() -> None:
    given = ["b.log", "a/app.log", "a.log", "b/app.log.1", "b.log.1", "a/app.log.1", "-"]
    assert list(map(str, oldest_first(map(Path, given)))) == [
        "b.log.1", "b.log", "a/app.log.1", "a/app.log", "a.log", "b/app.log.1", "-",
    ]  # fmt: skip


def test_rotations_beside_a_log_are_found(tmp_path: Path) -> None:
    for name in ("app.log", "app.log.1", "app.log.2.gz", "other.log", "10.0.0.1", "10.0.0.2"):
        (tmp_path / name).touch()
    found = [path.name for path in rotations_of(tmp_path / "app.log")]
    assert found == ["app.log.2.gz", "app.log.1"]
    assert rotations_of(tmp_path / "10.0.0.2") == []


def folder(path: Path) -> Path:
    (path / "deep").mkdir(parents=True)
    (path / ".git").mkdir()
    (path / "app.log").write_text("now\n")
    (path / "app.log.1").write_text("before\n")
    (path / "deep" / "web.log.2.gz").write_bytes(gzip.compress(b"old\n"))
    (path / "deep" / "syslog").write_text("x\n")
    (path / "deep" / "wide.txt").write_bytes("a\n".encode("utf-16"))
    (path / "empty").touch()
    (path / "core").write_bytes(b"\x7fELF\0\1\0\2")
    (path / "packed.gz").write_bytes(gzip.compress(b"\0\1\0"))
    (path / "loop").symlink_to(path)
    (path / "again").symlink_to(path / "app.log")
    (path / "gone").symlink_to(path / "nowhere")
    os.mkfifo(path / "fifo")
    return path


def test_folder_is_all_log_files_within_and_the_rest_is_told(tmp_path: Path) -> None:
    path = folder(tmp_path / "logs")
    found = select([str(path)])
    assert [str(Path(name).relative_to(path)) for name in found.names] == [
        "again", "app.log.1", "deep/syslog", "deep/web.log.2.gz", "deep/wide.txt",
    ]  # fmt: skip
    assert {(Path(name).name, reason) for name, reason in found.skipped} == {
        (".git", "hidden"),
        ("empty", "empty"),
        ("core", "no text"),
        ("packed.gz", "no text"),
        ("loop", "a link to a folder"),
        ("gone", "a link to nothing"),
        ("fifo", "no file"),
    }
    assert found.failures == []


def test_pattern_that_the_shell_left_is_expanded(tmp_path: Path) -> None:
    path = folder(tmp_path / "logs")
    found = select([f"{path}/app*", f"{path}/**/*.gz"])
    assert [Path(name).name for name in found.names] == [
        "app.log.1", "app.log", "web.log.2.gz", "packed.gz",
    ]  # fmt: skip
    (path / "odd[1].log").write_text("x\n")
    assert select([f"{path}/odd[1].log"]).names == [f"{path}/odd[1].log"]


@pytest.mark.parametrize("pattern", ["logs/**/*", "logs/**/*.log", "logs/**", "logs/*"])
def test_pattern_follows_no_link_to_a_folder(
    tmp_path: Path, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    within = tmp_path / "logs" / "web"
    for folder in (within, tmp_path / "logs" / ".hidden", tmp_path / "other"):
        folder.mkdir(parents=True)
        (folder / "a.log").write_text("line\n")
    (within / "up").symlink_to("..")
    (tmp_path / "logs" / "linked").symlink_to(tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    for path in (pattern, str(tmp_path / pattern)):
        assert [Path(each).resolve() for each in select([path]).names] == [within / "a.log"]


def test_what_is_not_there_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    found = select([f"{tmp_path}/*.log", f"{tmp_path}/bare", f"{tmp_path}/none"])
    assert found.names == [f"{tmp_path}/none"]
    assert found.failures == [
        f"no file is called like {tmp_path}/*.log",
        f"{tmp_path}/bare has no log file within",
    ]
