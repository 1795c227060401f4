"""The scheduler of backups: what /health tells, and when the next one is due."""

import asyncio
from pathlib import Path

import pytest

from server.backup_scheduler import BackupScheduler
from tests.support.folders import DAY, NOON, fill
from waterline.backup.place import FolderPlace
from waterline.backup.repository import Repository
from waterline.backup.take import BackupJob
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder


class Looked(Exception):
    """The scheduler has looked once, and sleeps."""


async def sleep_no_more(_: float) -> None:
    raise Looked


def look(data: Path, place: Path | str, now: int) -> BackupScheduler:
    """Let a scheduler look once, and take a backup if one is due."""
    settings = Settings(data=data, backup_to=str(place))
    scheduler = BackupScheduler(settings, lambda: now, sleep_no_more)
    with pytest.raises(Looked):
        asyncio.run(scheduler.run())
    return scheduler


def take(data: Path, place: Path) -> None:
    """Take a backup at noon, by hand."""
    job = BackupJob(
        DataFolder(data),
        Repository(FolderPlace(place)),
        dedupe_window=DAY,
        clock=lambda: NOON,
    )
    job.run()


@pytest.fixture
def place(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a place for backups, from whose parent folder they are taken."""
    monkeypatch.chdir(tmp_path)
    fill(data, [{"id": "a", "type": "info", "message": "m"}])
    return tmp_path / "backups"


@pytest.mark.parametrize("form", ["backups", "./backups", "backups/", "{}"])
def test_place_is_the_same_however_it_is_written(data: Path, place: Path, form: str) -> None:
    take(data, Path("backups"))
    scheduler = look(data, form.format(place), NOON + 1)
    assert len(Repository(FolderPlace(place)).names()) == 1
    last = scheduler.health()["last"]
    assert isinstance(last, dict)
    assert last["place"] == str(place)


def test_backup_elsewhere_is_told_and_puts_off_none(
    data: Path, place: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    take(data, elsewhere)
    last = BackupScheduler(Settings(data=data, backup_to=str(place))).health()["last"]
    assert isinstance(last, dict)
    assert last["place"] == str(elsewhere)
    look(data, place, NOON + 1)
    assert len(Repository(FolderPlace(place)).names()) == 1
