"""Who may read what Waterline makes: nobody but its user, whatever the umask."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ServerProcess, serving
from tests.support.waiting import wait_until
from waterline.archive.files import Files
from waterline.storage.folder import DataFolder, open_to_others
from waterline.tokens import Scope, TokenFile

pytestmark = pytest.mark.slow

# It makes everything that a data folder may hold, with a umask of its own.
_PROGRAM = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[1], 8))
import workbench
from waterline.archive.jobs.run import ArchiveJob
from waterline.archive.jobs.run_options import options_of
from waterline.clock import now_ms
from waterline.settings.model import load_settings
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock
from workbench.query.question import ask
from workbench.cli.main import main
from workbench.running.own_server import own_server

data = Path(sys.argv[2])
from waterline.archive.files import Files
from waterline.tokens import Scope, TokenFile
DataFolder(data).create()
token = TokenFile(DataFolder(data).tokens).create("app", [Scope.INGEST], now_ms())
with own_server(data) as server, workbench.Producer(server.ingest, token) as producer:
    producer.send({"type": "a", "message": "b"})
for arguments in (
    ["archive", "run", "--older-than", "0s"],
    ["archive", "restore", "--into", str(data.parent / "restored")],
):
    main([*arguments, "--data", str(data)], standalone_mode=False)
with workbench.connect(data) as wb:
    wb.logs()
    for suffix in ("-wal", "-shm"):
        assert (data / f"cache.db{suffix}").exists()
        mode = (data / f"cache.db{suffix}").stat().st_mode
        assert mode & 0o777 == 0o600, oct(mode)
"""


def modes(folder: Path) -> dict[str, str]:
    """Return the mode of a folder and of all in it that others have any right to."""
    found = {str(each): each.lstat().st_mode for each in [folder, *folder.rglob("*")]}
    return {path: stat.filemode(mode) for path, mode in found.items() if mode & 0o077}


@pytest.mark.parametrize("umask", ["0", "022", "077"])
def test_created_files_are_private(tmp_path: Path, umask: str) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-P", "-W", "error", "-c", _PROGRAM, umask, str(data)]
    subprocess.run(command, check=True, timeout=120, cwd=tmp_path)
    names = {each.name for each in data.rglob("*")}
    assert {
        "logs.db", "metrics.db", "cache.db", "tokens.toml", "server.lock", "archive.lock",
        "batch-0001.parquet",
    } <= names  # fmt: skip
    assert modes(data) | modes(tmp_path / "restored") == {}


def test_wal_and_shm_of_running_server_are_for_its_user_alone(server: ServerProcess) -> None:
    assert (server.data / "logs.db-wal").exists()
    assert (server.data / "metrics.db-shm").exists()
    assert modes(server.data) == {}


def test_token_file_keeps_its_link_and_its_rights(tmp_path: Path) -> None:
    elsewhere, data = tmp_path / "secrets", tmp_path / "data"
    elsewhere.mkdir()
    data.mkdir()
    real, link = elsewhere / "real.toml", data / "tokens.toml"
    link.symlink_to(real)
    tokens = TokenFile(link)
    tokens.create("one", [Scope.READ], 1)
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    real.chmod(0o640)
    inode = real.stat().st_ino
    tokens.create("two", [Scope.READ], 2)
    assert real.stat().st_ino != inode  # a new file took its name: nobody reads half of it
    tokens.revoke("one")
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [each.name for each in TokenFile(real).tokens()] == ["two"]
    assert sorted(each.name for each in [*elsewhere.iterdir(), *data.iterdir()]) == [
        "real.toml",
        "tokens.toml",
    ]


def test_token_file_that_cannot_be_replaced_is_left_as_it_was(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.toml")
    tokens.create("one", [Scope.READ], 1)
    # What a killed process left, with rights that nobody should get.
    left = tmp_path / "tokens.toml.new"
    left.write_text("half")
    left.chmod(0o666)
    tokens.create("two", [Scope.READ], 2)
    assert stat.S_IMODE((tmp_path / "tokens.toml").stat().st_mode) == 0o600
    assert not left.exists()


def test_old_folder_is_told_by_health_and_left_as_it_is(data: Path) -> None:
    data.mkdir(0o755)

    with serving(data) as server:
        assert server.get("/health")[1]["warnings"] == []
        (data / "logs.db").chmod(0o644)
        wait_until(lambda: server.get("/health")[1]["warnings"] != [])
        warning = str(server.get("/health")[1]["warnings"])
        # A WAL that is made meanwhile has the rights of its database.
        assert "all users of this machine can read logs.db" in warning
        assert f" in {data}; " in warning
        assert f"chmod -R o-rwx {data}" in warning
        assert stat.S_IMODE((data / "logs.db").stat().st_mode) == 0o644
        data.chmod(0o700)
        assert server.get("/health")[1]["warnings"] == []


def test_archives_that_all_may_read_are_told(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    Files().publish(folder.archives / "2026-01-01" / "batch-0001.parquet", b"x")
    assert open_to_others(folder) == []
    for each in [folder.path, folder.archives, *folder.archives.rglob("*")]:
        each.chmod(0o755)
    assert "can read archives in" in open_to_others(folder)[0]
    folder.archives.chmod(0o700)
    assert open_to_others(folder) == []


def test_folder_that_all_may_write_is_told(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    Files().publish(folder.archives / "2026-01-01" / "batch-0001.parquet", b"x")
    folder.logs.touch(0o600)
    folder.path.chmod(0o711)
    assert open_to_others(folder) == []
    folder.logs.chmod(0o622)
    (warning,) = open_to_others(folder)
    assert "can write logs.db of" in warning
    assert warning.endswith(f"; chmod -R o-w {folder.path}")
    folder.path.chmod(0o777)
    assert "can write logs.db, the folder of" in open_to_others(folder)[0]
    folder.path.chmod(0o700)
    assert open_to_others(folder) == []


def test_archives_that_all_may_write_are_told(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    Files().publish(folder.archives / "2026-01-01" / "batch-0001.parquet", b"x")
    (day,) = folder.day_folders()
    for each in (folder.path, folder.archives):
        each.chmod(0o711)
    day.chmod(0o733)
    assert "can write archives of" in open_to_others(folder)[0]
