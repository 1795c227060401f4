"""Backups: what one holds, what is written for the next, and what is left when it ends early."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.support.archive_runs import all_rows, archive, catalog, fill_three_days, hot_rows
from tests.support.archives import path_of
from tests.support.backups import Take
from tests.support.folders import DAY, NOON, fill
from waterline.backup.hot_segments import ROWS
from waterline.backup.last import read_last
from waterline.backup.place import FolderPlace
from waterline.backup.record import DamagedRecord, Record, file_of
from waterline.backup.repository import Repository
from waterline.backup.restore import restore_backup
from waterline.backup.take import BackupJob
from waterline.backup.verify import verify_backup
from waterline.errors import ArchiveError, BackupInUse, DataFolderError, UsageError
from waterline.metrics.rollup_store import RollupStore
from waterline.storage.folder import BackupLock, DataFolder


def logs(first: int, count: int) -> list[dict[str, object]]:
    return [
        {"id": f"{each}", "type": "info", "message": f"m {each}", "n": each}
        for each in range(first, first + count)
    ]


def seqs_of(record: Record) -> list[tuple[int, int]]:
    return [(each.after, each.last_seq) for each in record.hot]


def test_first_backup_has_all_logs(data: Path, take: Take) -> None:
    fill_three_days(data)
    archive(data, now=NOON + 30 * DAY + 2)
    record = take().record
    assert record.rows == len(all_rows(data)) == 6
    assert record.hot_rows == len(hot_rows(data))
    assert [each.file for each in record.held] == [each.file for each in catalog(data)]


def test_only_new_logs_are_written_for_the_next(data: Path, take: Take) -> None:
    fill(data, logs(0, 1000))
    first = take(1).record
    fill(data, logs(1000, 10))
    second = take(2)
    assert second.new_files == 1
    assert second.record.hot[:1] == first.hot
    assert seqs_of(second.record) == [(0, 1000), (1000, 1010)]


def test_nothing_new_writes_only_a_record(data: Path, take: Take) -> None:
    fill(data, logs(0, 10))
    take(1)
    assert take(2).new_files == 0


def test_short_segments_are_joined(data: Path, take: Take) -> None:
    written = 0
    for each in range(40):
        fill(data, logs(100 * each, 100))
        taken = take(each)
        written += sum(
            segment.rows for segment in taken.record.hot if segment.last_seq == 100 * (each + 1)
        )
    assert len(taken.record.hot) <= 7
    assert written <= 7 * 4000
    assert sum(each.rows for each in taken.record.hot) == 4000


def test_segments_of_archived_logs_go(data: Path, take: Take, place: Path) -> None:
    fill(data, logs(0, 500))
    first = take(1).record
    archive(data, batch_rows=ROWS)
    fill(data, logs(500, 5))
    second = take(2, keep=1).record
    assert seqs_of(second) == [(500, 505)]
    assert not (place / file_of(first.hot[0].sha256)).exists()
    assert {each.name for each in (place / "files").rglob("*") if each.is_file()} == {
        *second.files()
    }


def test_earlier_backups_stay_as_they_are(
    data: Path, take: Take, repository: Repository, tmp_path: Path
) -> None:
    states = []
    for each in range(4):
        fill(data, logs(50 * each, 50))
        if each % 2:
            archive(data, batch_rows=ROWS)
        take(each)
        states.append(all_rows(data))
    for number, (name, rows) in enumerate(zip(repository.names(), states, strict=True)):
        into = tmp_path / f"restored-{number}"
        restore_backup(repository, repository.record(name), into)
        assert all_rows(into) == rows


class Interrupting(FolderPlace):
    """A place where an archive job runs when the first file of logs is written."""

    def __init__(self, path: Path, data: Path) -> None:
        super().__init__(path)
        self._data = data
        self.runs = 0

    def write(self, name: str, content: bytes | memoryview) -> None:
        super().write(name, content)
        if name.startswith("files/") and not self.runs:
            self.runs += 1
            archive(self._data, batch_rows=ROWS)


def test_logs_archived_meanwhile_are_there_once(
    data: Path, take: Take, place: Path, tmp_path: Path
) -> None:
    # Two days, so that the second is read after the first was written.
    fill(data, logs(0, 100))
    fill(data, logs(100, 100), received_at=NOON + DAY)
    interrupting = Interrupting(place, data)
    record = take(into=Repository(interrupting)).record
    assert interrupting.runs == 1
    assert record.rows == 200
    restore_backup(Repository(interrupting), record, tmp_path / "restored")
    assert all_rows(tmp_path / "restored") == all_rows(data)


def test_damaged_batch_is_told_and_the_rest_is_backed_up(data: Path, take: Take) -> None:
    fill_three_days(data)
    archive(data)
    damaged, *others = catalog(data)
    path = path_of(data, damaged)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    record = take().record
    assert list(record.lacks) == [damaged.sha256]
    assert str(path) in record.lacks[damaged.sha256]
    assert [each.file for each in record.held] == [each.file for each in others]


def test_batch_that_was_backed_up_before_its_damage_is_not_lacking(data: Path, take: Take) -> None:
    fill_three_days(data)
    archive(data)
    take(1)
    path_of(data, catalog(data)[0]).unlink()
    assert not take(2).record.lacks


def test_data_folder_tells_of_its_last_backup(data: Path, take: Take, place: Path) -> None:
    assert read_last(DataFolder(data)) is None
    fill(data, logs(0, 3))
    record = take(5).record
    last = read_last(DataFolder(data))
    assert last is not None
    assert (last.place, last.name, last.taken_at, last.logs) == (
        str(place),
        record.name,
        NOON + 5,
        3,
    )


def test_second_backup_at_the_same_time_is_refused(data: Path, take: Take) -> None:
    fill(data, logs(0, 3))
    with BackupLock(DataFolder(data)), pytest.raises(BackupInUse, match="is under way"):
        take()


def test_place_with_other_files_is_refused(data: Path, take: Take, place: Path) -> None:
    fill(data, logs(0, 3))
    place.mkdir()
    (place / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds other files, such as letter\.txt"):
        take()
    assert [each.name for each in place.iterdir()] == ["letter.txt"]


def test_place_inside_the_data_folder_is_refused(data: Path, take: Take) -> None:
    fill(data, logs(0, 3))
    with pytest.raises(UsageError, match="is inside the data folder"):
        take(into=Repository(FolderPlace(data / "in" / "backups")))
    assert not (data / "in").exists()


def test_place_of_another_folder_is_refused(
    data: Path, take: Take, repository: Repository, tmp_path: Path
) -> None:
    fill(data, logs(0, 3))
    take()
    fill(tmp_path / "other", logs(0, 3))
    with pytest.raises(UsageError, match="backups of another data folder"):
        BackupJob(DataFolder(tmp_path / "other"), repository, dedupe_window=DAY).run()


def test_folder_without_logs_is_refused(take: Take, place: Path) -> None:
    with pytest.raises(DataFolderError, match="there are no logs"):
        take()
    assert not place.exists()


def test_record_of_another_program_is_told(
    data: Path, take: Take, repository: Repository, place: Path
) -> None:
    fill(data, logs(0, 3))
    name = take().record.name
    (place / "backups" / f"{name}.json").write_text("{}")
    with pytest.raises(ArchiveError, match=r"\.json is no record of a backup"):
        repository.chosen(None)


def tear(place: Path, name: str) -> None:
    os.truncate(place / "backups" / f"{name}.json", 100)


def test_torn_record_stops_no_new_backup(
    data: Path, take: Take, repository: Repository, place: Path
) -> None:
    fill(data, logs(0, 3))
    first = take(1).record
    torn = take(2).record.name
    tear(place, torn)
    with pytest.raises(DamagedRecord, match=f"is no record.*put a copy.*--at {first.name}"):
        repository.chosen(None)
    third = take(3, keep=1)
    (said,) = third.warnings
    assert f"{torn}.json is no record of a backup" in said
    assert third.new_files == 0
    assert repository.names() == [third.record.name]
    assert not verify_backup(repository, third.record).faults


def test_only_torn_records_leave_a_whole_new_backup(
    data: Path, take: Take, repository: Repository, place: Path
) -> None:
    fill(data, logs(0, 3))
    tear(place, take(1).record.name)
    second = take(2, keep=1)
    assert second.new_files == 1
    assert not verify_backup(repository, second.record).faults


def test_files_stay_while_a_torn_record_stays(
    data: Path, take: Take, repository: Repository, place: Path
) -> None:
    fill(data, logs(0, 3))
    first = take(1).record
    fill(data, logs(3, 3))
    second = take(2).record
    archive(data, batch_rows=ROWS)
    tear(place, second.name)
    third = take(3, keep=2).record
    assert repository.names() == [first.name, second.name, third.name]
    fourth = take(4, keep=3).record
    assert repository.names() == [first.name, second.name, third.name, fourth.name]
    assert {*second.files()} <= {*repository.files()}
    (place / "backups" / f"{second.name}.json").unlink()
    take(5, keep=1)
    assert not {*second.files()} & {*repository.files()}


def test_backup_after_a_clock_that_was_ahead_is_the_newest(
    data: Path, take: Take, repository: Repository
) -> None:
    fill(data, logs(0, 3))
    ahead = take(DAY).record
    fill(data, logs(3, 3))
    second = take(1)
    assert second.record.taken_at == NOON + 1
    (said,) = second.warnings
    assert f"{ahead.name} in " in said
    assert "a time to come" in said
    assert repository.chosen(None) == second.record
    third = take(2, keep=2).record
    assert repository.names() == [second.record.name, third.name]


def test_backups_of_the_same_moment_are_two(data: Path, take: Take, repository: Repository) -> None:
    fill(data, logs(0, 3))
    names = [take(1).record.name, take(1).record.name]
    assert repository.names() == names
    assert len({*names}) == len(names)


def test_segments_of_a_restored_folder_are_its_own(
    data: Path, take: Take, repository: Repository, tmp_path: Path
) -> None:
    """Seqs after a restore are given anew, so those of the lost future must not be taken."""
    fill(data, logs(0, 100))
    early = take(1).record
    fill(data, logs(100, 100))
    take(2)
    again = tmp_path / "restored"
    restore_backup(repository, early, again)
    fill(again, logs(1000, 100))
    record = (
        BackupJob(DataFolder(again), repository, dedupe_window=DAY, clock=lambda: NOON + 3)
        .run()
        .record
    )
    restore_backup(repository, record, tmp_path / "restored again")
    assert all_rows(tmp_path / "restored again") == all_rows(again)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize("harm", [cut, Path.unlink], ids=["cut short", "missing"])
@pytest.mark.parametrize("what", ["the batch ", "logs of seq ", "measurements"])
def test_what_earlier_backups_have_lost_is_written_anew(
    data: Path,
    take: Take,
    repository: Repository,
    place: Path,
    tmp_path: Path,
    harm: Callable[[Path], None],
    what: str,
) -> None:
    fill_three_days(data)
    archive(data)
    fill(data, logs(100, 5))
    RollupStore(DataFolder(data).metrics).close()
    first = take(1).record
    fill(data, logs(200, 5))
    sha256 = next(each for each, holds in first.files().items() if holds.startswith(what))
    harm(place / file_of(sha256))
    second = take(2)
    (said,) = second.warnings
    assert f"{place / file_of(sha256)}, with {what}" in said
    assert not verify_backup(repository, second.record).faults
    restore_backup(repository, second.record, tmp_path / "restored")
    assert all_rows(tmp_path / "restored") == all_rows(data)
    assert not take(3).warnings


def test_measurements_are_copied(data: Path, take: Take) -> None:
    fill(data, logs(0, 3))
    with closing(apsw.Connection(str(DataFolder(data).metrics))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        record = take().record
    assert record.metrics is not None
    assert not [each for each in data.iterdir() if each.name.startswith(".backup-")]
