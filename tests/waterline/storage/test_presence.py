"""Whether the files of an open database are noticed to be gone, by looking at few of them."""

import os
from pathlib import Path

import pytest

from waterline.storage.presence import Presence

NAMES = ("logs.db", "logs.db-wal", "logs.db-shm")
LONG_AGO = 1_700_000_000_000_000_000  # nanoseconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with what SQLite keeps beside it, in a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(b"")
    return folder / "logs.db"


def changed_at(folder: Path, moment: int) -> None:
    """Say when names of a folder were changed."""
    os.utime(folder, ns=(moment, moment))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_presence_sees_lost_file_in_folder_where_nothing_had_changed(
    path: Path, name: str, replaced: bool
) -> None:
    presence = Presence(path)
    changed_at(path.parent, LONG_AGO)
    assert presence.lost_since() is None
    assert presence.lost_since() is None
    kept = (path.parent / name).rename(path.parent / "elsewhere")
    if replaced:
        (path.parent / name).write_bytes(b"")
    assert presence.lost_since() == path.parent / name
    changed_at(path.parent, LONG_AGO + 1)
    assert presence.lost_since() == path.parent / name
    kept.replace(path.parent / name)
    assert presence.lost_since() is None


def test_presence_sees_file_lost_in_same_tick_as_another_change(path: Path) -> None:
    presence = Presence(path)
    moment = path.parent.stat().st_mtime_ns
    assert presence.lost_since() is None
    path.unlink()
    changed_at(path.parent, moment)
    assert presence.lost_since() == path


def test_presence_looks_at_no_file_while_no_name_changes(path: Path) -> None:
    presence = Presence(path)
    changed_at(path.parent, LONG_AGO)
    assert presence.lost_since() is None
    path.unlink()
    changed_at(path.parent, LONG_AGO)  # as if it were elsewhere, behind a link
    assert presence.lost_since() is None
    assert presence.lost() == path


def test_presence_sees_that_folder_is_gone_or_another(path: Path) -> None:
    presence = Presence(path)
    changed_at(path.parent, LONG_AGO)
    assert presence.lost_since() is None
    away = path.parent.rename(path.parent.with_name("away"))
    assert presence.lost_since() == path
    path.parent.mkdir()
    changed_at(path.parent, LONG_AGO)
    assert presence.lost_since() == path
    path.parent.rmdir()
    away.rename(path.parent)
    assert presence.lost_since() is None
