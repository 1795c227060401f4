"""A place for backups, and jobs that take them."""

from pathlib import Path

import pytest

from tests.support.backups import Take
from tests.support.folders import DAY, NOON
from waterline.backup.place import FolderPlace
from waterline.backup.repository import Repository
from waterline.backup.take import BackupJob, Taken
from waterline.storage.folder import DataFolder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def repository(place: Path) -> Repository:
    return Repository(FolderPlace(place))


@pytest.fixture
def take(data: Path, repository: Repository) -> Take:
    """Return what takes a backup at a moment: noon, or so many milliseconds later."""

    def taken(later: int = 0, *, keep: int | None = None, into: Repository = repository) -> Taken:
        return BackupJob(
            DataFolder(data), into, dedupe_window=DAY, keep=keep, clock=lambda: NOON + later
        ).run()

    return taken
