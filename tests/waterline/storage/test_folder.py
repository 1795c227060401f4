"""The data folder: made, refused, and held by one server at a time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE
from waterline.errors import DataFolderError, DataFolderInUse
from waterline.storage.folder import DataFolder, ServerLock, file_size


def test_files_have_names_of_contract(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.logs == tmp_path / "logs.db"
    assert folder.metrics == tmp_path / "metrics.db"
    assert folder.tokens == tmp_path / "tokens.toml"


def test_holder_that_has_not_named_itself_is_told_without_a_number(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with ServerLock(folder):
        os.truncate(folder.server_lock, 0)
        with pytest.raises(DataFolderInUse) as raised, ServerLock(folder):
            pass
    assert str(raised.value).startswith(f"another server serves {tmp_path}; ")


def test_missing_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a" / "b")
    folder.create()
    assert folder.path.is_dir()


def test_folder_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    DataFolder(tmp_path).create()
    DataFolder(tmp_path).create()
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_relative_folder_is_made_in_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    DataFolder(Path("data")).create()
    assert (tmp_path / "data").is_dir()


def test_file_in_place_of_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(DataFolderError) as raised:
            DataFolder(path).create()
        assert str(raised.value) == (f"the data folder {path} is a file; name a folder with --data")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc takes no folders, on Linux")
def test_folder_that_cannot_be_made_is_told() -> None:
    with pytest.raises(DataFolderError) as raised:
        DataFolder(Path("/proc/waterline/data")).create()
    assert str(raised.value) == (
        "the data folder /proc/waterline/data cannot be made: No such file or directory; "
        "name another with --data"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="/proc takes no files, on Linux")
def test_folder_that_takes_no_lock_file_is_told() -> None:
    with (
        pytest.raises(
            DataFolderError, match=r"^the data folder /proc cannot be written: "
        ) as raised,
        ServerLock(DataFolder(Path("/proc"))),
    ):
        pass
    assert str(raised.value).endswith("; give its user the right to, or name another with --data")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_right_to_write_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir(mode=0o500)
    with pytest.raises(DataFolderError, match="cannot be written: permission denied"):
        DataFolder(path).create()


def test_folder_can_be_used_where_one_above_may_not_be_listed(tmp_path: Path) -> None:
    """Seen where a container mounts the data below a folder of root's."""
    if os.geteuid() == 0:
        pytest.skip("root may list everything")
    (tmp_path / "above" / "data").mkdir(parents=True)
    (tmp_path / "above").chmod(0o100)
    try:
        DataFolder(tmp_path / "above" / "data").create()
    finally:
        (tmp_path / "above").chmod(0o700)


def test_size_counts_files_at_every_depth(tmp_path: Path) -> None:
    (tmp_path / "archives" / "2026-11-23").mkdir(parents=True)
    (tmp_path / "logs.db").write_bytes(b"x" * 10)
    (tmp_path / "archives" / "2026-11-23" / "batch-0001.parquet").write_bytes(b"x" * 5)
    assert DataFolder(tmp_path).size() == 15
    assert file_size(tmp_path / "logs.db") == 10
    assert file_size(tmp_path / "none") == 0
    assert file_size(tmp_path) == 0


def test_lock_names_this_process_and_is_let_go(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with ServerLock(folder):
        assert folder.server_lock.read_text() == f"{os.getpid()}\n"
    with ServerLock(folder):
        pass


def test_lock_is_let_go_when_what_it_guards_fails(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with pytest.raises(KeyError), ServerLock(folder):
        raise KeyError
    with ServerLock(folder):
        pass


HOLD = """
import sys
from pathlib import Path
from waterline.storage.folder import DataFolder, ServerLock
with ServerLock(DataFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_lock_that_another_process_holds_names_it_until_that_is_killed(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    # What an earlier, longer process number left must not show through.
    folder.server_lock.write_text("99999999\n")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataFolderInUse) as raised, ServerLock(folder):
            pass
        assert str(raised.value) == (
            f"another server (process {holder.pid}) serves {tmp_path}; "
            "stop it first or name another folder with --data"
        )
        holder.send_signal(signal.SIGKILL)
        holder.wait(PATIENCE)
        with ServerLock(folder):
            assert folder.server_lock.read_text() == f"{os.getpid()}\n"


def test_folders_of_archived_days_come_in_order_and_nothing_else(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.day_folders() == []
    for name in ("2026-11-23", "2025-01-01", "lost+found", "2026-1-1", ".2026-11-24"):
        (folder.archives / name).mkdir(parents=True)
    (folder.archives / "2026-11-22").write_bytes(b"a file")
    assert [each.name for each in folder.day_folders()] == ["2025-01-01", "2026-11-23"]
