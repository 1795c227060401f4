"""Whether the files of an open database are noticed to be gone."""

from pathlib import Path

import pytest

from waterline.storage.presence import Presence

NAMES = ("logs.db", "logs.db-wal", "logs.db-shm")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with what SQLite keeps beside it, in a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(b"")
    return folder / "logs.db"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_presence_sees_lost_file_until_it_is_back(path: Path, name: str, replaced: bool) -> None:
    presence = Presence(path)
    assert presence.lost() is None
    kept = (path.parent / name).rename(path.parent / "elsewhere")
    if replaced:
        (path.parent / name).write_bytes(b"")
    assert presence.lost() == path.parent / name
    kept.replace(path.parent / name)
    assert presence.lost() is None


def test_presence_knows_file_from_when_it_was_first_there(path: Path) -> None:
    wal = path.with_name("logs.db-wal")
    wal.unlink()
    presence = Presence(path)
    assert presence.lost() is None
    wal.write_bytes(b"12345")
    assert presence.lost() is None
    assert presence.wal_size == 5
    wal.unlink()
    assert presence.lost() == wal


def test_presence_sees_that_folder_is_gone_or_another(path: Path) -> None:
    presence = Presence(path)
    away = path.parent.rename(path.parent.with_name("away"))
    assert presence.lost() == path
    path.parent.mkdir()
    assert presence.lost() == path
    path.parent.rmdir()
    away.rename(path.parent)
    assert presence.lost() is None
