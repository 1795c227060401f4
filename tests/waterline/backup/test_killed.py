"""Backups and restores that die at any step: the next run does the rest, and nothing was lost."""

from pathlib import Path

import pytest

from tests.support.archive_runs import all_rows, archive, fill_three_days
from tests.support.backups import Take
from tests.support.doomed_job import Moment, Phase, run_doomed_command
from tests.support.folders import DAY, NOON, fill
from waterline.backup.repository import Repository
from waterline.backup.verify import verify_backup
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow

# Steps between two deaths: few enough runs, and no two at the same place.
STRIDE = 7


def test_killed_backup_harms_none_before_it(
    data: Path, take: Take, repository: Repository, place: Path
) -> None:
    fill_three_days(data)
    archive(data, now=NOON + 30 * DAY + 2)
    first = take().record
    fill(data, [{"id": f"{each}", "type": "info", "message": "m"} for each in range(9)])
    archive(data)
    for phase in (Phase.BATCH, Phase.MANIFEST):
        after = 0
        while run_doomed_command(
            Moment(phase, after), *("backup", str(place), "--data", str(data), "--keep", "2")
        ):
            assert not verify_backup(repository, first).faults
            after += STRIDE
        assert after, "it dies at least once"
        newest = repository.newest()
        assert newest is not None
        assert not verify_backup(repository, newest).faults
        assert newest.rows == len(all_rows(data))


def test_killed_restore_is_completed(data: Path, take: Take, place: Path, tmp_path: Path) -> None:
    fill_three_days(data)
    archive(data, now=NOON + 30 * DAY + 2)
    take()
    for phase in (Phase.BATCH, Phase.MANIFEST):
        after, into = 0, tmp_path / phase.name
        while run_doomed_command(
            Moment(phase, after), *("restore", str(place), "--into", str(into))
        ):
            after += STRIDE
            if not DataFolder(into).restoring.exists() and DataFolder(into).logs.exists():
                break  # it died when all was done
        assert after, "it dies at least once"
        assert all_rows(into) == all_rows(data)
