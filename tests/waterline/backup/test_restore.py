"""Restored folders: all that was stored at the moment, known as such, and nothing later."""

from collections.abc import Callable
from pathlib import Path

import pytest

import workbench
from tests.support.archive_runs import (
    all_rows,
    archive,
    catalog,
    fill_three_days,
    manifest_path,
    watermark_of,
)
from tests.support.archives import adopt, path_of
from tests.support.backups import Take
from tests.support.faulty_files import Fault, FaultySystem
from tests.support.folders import DAY, NOON, Batch, fill
from tests.support.measured import fill_measured
from tests.support.processes import create_token, run_waterline
from tests.support.rollups import assert_counted_as_stored
from waterline.archive.files import Files
from waterline.archive.jobs.verify import verify
from waterline.backup.record import file_of
from waterline.backup.repository import Repository
from waterline.backup.restore import restore_backup
from waterline.backup.verify import verify_backup
from waterline.encoding import PARQUET
from waterline.errors import ArchiveError, DataFolderError, UsageError
from waterline.settings.model import FILE_NAME
from waterline.storage.folder import DataFolder
from waterline.tokens import TokenFile

MEASURED = [
    Batch([{"id": f"{day}", "type": "info", "message": "m", "duration_ms": day}], "web", at)
    for day in range(5)
    for at in [NOON + day * DAY]
]


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "restored"


def lone(log_id: str) -> dict[str, object]:
    return {"id": log_id, "type": "info", "message": "m"}


def test_every_log_comes_back_as_it_was(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill_three_days(data)
    archive(data, now=NOON + 30 * DAY + 2)
    restore_backup(repository, take().record, into)
    assert all_rows(into) == all_rows(data)
    assert catalog(into) == catalog(data)
    assert not verify(DataFolder(into)).faults
    assert all(manifest_path(into, each.day).exists() for each in catalog(into))


def test_adopted_batches_and_gaps_come_back(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill(data, [lone(f"{each}") for each in range(40)])
    # Duplicates leave seqs out.
    fill(data, [lone(f"{each}") for each in range(35, 50)])
    adopt(data, 11, 20, PARQUET)
    archive(data, batch_rows=5, now=NOON + 1, older_than=0)
    fill(data, [lone(f"{each}") for each in range(45, 60)])
    restore_backup(repository, take().record, into)
    with workbench.connect(data) as wb, workbench.connect(into) as again:
        assert wb.count() == again.count() == 60
        assert wb.logs().equals(again.logs())
    fill(into, [lone(f"{each}") for each in range(55, 70)])
    with workbench.connect(into) as again:
        assert again.count() == 70


def test_logs_sent_again_are_recognised(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill(data, [lone("hot")])
    archive(data, now=NOON + 30 * DAY + 2)
    fill(data, [lone("young")], received_at=NOON + 40 * DAY)
    archive(data, now=NOON + 40 * DAY + 2, older_than=0)
    fill(data, [lone("hot again")], received_at=NOON + 40 * DAY)
    restore_backup(repository, take(40 * DAY + 5).record, into)
    again = fill(
        into, [lone("young"), lone("hot again"), lone("new")], received_at=NOON + 40 * DAY + 9
    )
    assert [known for _, _, known in again] == [True, True, False]


def test_seqs_go_on_and_earlier_pins_are_refused(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill(data, [lone("a"), lone("b")])
    record = take().record
    fill(data, [lone("lost")])
    with workbench.connect(data) as wb:
        pin = wb.pin()
    restore_backup(repository, record, into)
    assert watermark_of(into).folder_id == watermark_of(data).folder_id
    assert watermark_of(into).incarnation != watermark_of(data).incarnation
    ((_, seq, _),) = fill(into, [lone("other")])
    assert seq == 3
    with pytest.raises(UsageError), workbench.connect(into, at=pin) as again:
        again.logs()


def test_tokens_and_settings_come_back(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill(data, [lone("a")])
    token = create_token(data, "web", ("ingest",))
    (data / FILE_NAME).write_text('archive_after = "90d"\n')
    restore_backup(repository, take().record, into)
    grant = TokenFile(DataFolder(into).tokens).find(token)
    assert grant is not None
    assert grant.name == "web"
    assert (into / FILE_NAME).read_text() == 'archive_after = "90d"\n'
    assert DataFolder(into).tokens.stat().st_mode & 0o077 == 0


def test_measurements_go_on_with_the_restored_logs(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill_measured(data, MEASURED)
    restore_backup(repository, take().record, into)
    assert_counted_as_stored(into)


CALLS = {"mark": 1, "first batch": 2, "last batch": 4, "tokens": 5, "last manifest": 8}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("operation", ["write", "rename"])
def test_restore_that_was_cut_off_is_completed(
    data: Path, take: Take, repository: Repository, into: Path, operation: str, call: int
) -> None:
    fill_three_days(data)
    archive(data)
    create_token(data)
    record = take().record
    faulty = FaultySystem(into, Fault(operation), call)
    with pytest.raises(ArchiveError, match=f"cannot {operation}"):
        restore_backup(repository, record, into, files=Files(faulty))
    assert faulty.hit is not None
    restore_backup(repository, record, into)
    assert all_rows(into) == all_rows(data)
    assert not DataFolder(into).restoring.exists()


def test_folder_begun_from_another_backup_is_refused(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill(data, [lone("a")])
    first, second = take(1).record, take(2).record
    into.mkdir()
    DataFolder(into).restoring.write_text(first.name)
    with pytest.raises(UsageError, match=f"begun from the backup {first.name}"):
        restore_backup(repository, second, into)


def test_folder_with_other_files_is_refused(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill(data, [lone("a")])
    record = take().record
    fill(into, [lone("b")])
    before = all_rows(into)
    with pytest.raises(UsageError, match="holds files"):
        restore_backup(repository, record, into)
    assert all_rows(into) == before


def test_no_server_starts_on_a_folder_that_is_half_restored(
    data: Path, take: Take, repository: Repository, into: Path, place: Path
) -> None:
    fill(data, [lone("a")])
    record = take().record
    hidden = place / file_of(record.hot[0].sha256)
    content = hidden.read_bytes()
    hidden.unlink()
    with pytest.raises(ArchiveError, match="cannot read"):
        restore_backup(repository, record, into)
    half = f"is only half restored from the backup {record.name}; complete it"
    refusing = (DataFolder(into).refuse_lost_logs, DataFolder(into).create)
    for refuse in refusing:
        with pytest.raises(DataFolderError, match=half):
            refuse()
    with pytest.raises(DataFolderError, match=half):
        workbench.connect(into)
    for command in (("serve",), ("count",), ("token", "create", "web", "--scope", "read")):
        done = run_waterline(*command, "--data", into)
        assert (done.returncode, half in done.stderr) == (1, True)
    hidden.write_bytes(content)
    restore_backup(repository, record, into)
    assert all_rows(into) == all_rows(data)


def test_logs_that_came_in_amid_a_restore_are_not_replaced(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill(data, [lone("a")])
    record = take().record
    restore_backup(repository, record, into)
    fill(into, [lone("acked")])
    before = all_rows(into)
    DataFolder(into).restoring.write_text(record.name)
    with pytest.raises(UsageError, match="holds logs that are not of the backup"):
        restore_backup(repository, record, into)
    assert all_rows(into) == before


def test_logs_of_another_folder_amid_a_restore_are_not_replaced(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill(data, [lone("a"), lone("b")])
    record = take().record
    fill(into, [lone("other")])
    DataFolder(into).restoring.write_text(record.name)
    with pytest.raises(UsageError, match="holds logs that are not of the backup"):
        restore_backup(repository, record, into)


def test_folder_inside_the_place_is_refused(
    data: Path, take: Take, repository: Repository, place: Path
) -> None:
    fill(data, [lone("a")])
    record = take().record
    with pytest.raises(UsageError, match="which is for backups alone"):
        restore_backup(repository, record, place / "restored")
    assert not (place / "restored").exists()


def test_restored_databases_are_private(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill_measured(data, MEASURED)
    restore_backup(repository, take().record, into)
    for path in (DataFolder(into).logs, DataFolder(into).metrics):
        assert path.stat().st_mode & 0o077 == 0


# Verification


def test_sound_backup_is_read_whole(data: Path, take: Take, repository: Repository) -> None:
    fill_measured(data, MEASURED)
    archive(data, batch_rows=3)
    fill(data, [lone("a")], received_at=NOON + 200 * DAY)
    record = take().record
    verified = verify_backup(repository, record)
    assert not verified.faults
    assert verified.logs == record.rows == len(all_rows(data))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [flip, Path.unlink], ids=["flipped bit", "missing"])
@pytest.mark.parametrize("what", ["the batch ", "logs of seq ", "measurements"])
def test_damaged_backup_is_told(
    data: Path,
    take: Take,
    repository: Repository,
    place: Path,
    harm: Callable[[Path], None],
    what: str,
) -> None:
    fill_measured(data, MEASURED)
    archive(data, batch_rows=3)
    fill(data, [lone("a")], received_at=NOON + 200 * DAY)
    record = take().record
    sha256 = next(each for each, holds in record.files().items() if holds.startswith(what))
    harm(place / file_of(sha256))
    (fault,) = verify_backup(repository, record).faults
    assert sha256 in fault


def test_backup_that_lacks_a_batch_says_so(
    data: Path, take: Take, repository: Repository, into: Path
) -> None:
    fill_three_days(data)
    archive(data)
    path = path_of(data, catalog(data)[0])
    path.unlink()
    record = take().record
    (lack,) = verify_backup(repository, record).faults
    assert str(path) in lack
    assert restore_backup(repository, record, into) == [lack]
    assert len(catalog(into)) == len(catalog(data))
