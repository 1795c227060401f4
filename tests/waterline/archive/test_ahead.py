"""A logs.db older than its archives: every command says so, and nothing is lost."""

from pathlib import Path

import pandas as pd
import pytest

import workbench
from tests.support.archive_runs import (
    archive,
    assert_clean,
    catalog,
    fill_three_days,
    lose_logs,
    manifest_path,
)
from tests.support.folders import DAY, NOON, fill
from tests.support.processes import run_waterline
from waterline.archive.jobs.prune import prune
from waterline.archive.jobs.verify import verify
from waterline.encoding import FORMATS
from waterline.errors import ArchiveError, IncompleteAnswer, MissingLogs
from waterline.storage.folder import DataFolder
from workbench.workbench import Workbench

SAID = r"logs\.db is older than its archives, such as a backup: "
LOG = {"type": "info", "message": "new"}


@pytest.fixture(params=list(FORMATS.values()))
def outdated(request: pytest.FixtureRequest, data: Path) -> Path:
    """A folder whose logs.db is a backup of before its newest logs came in and were archived."""
    fill_three_days(data)
    archive(data, format=request.param)
    backup = (data / "logs.db").read_bytes()
    fill(data, [LOG] * 5, received_at=NOON + 2 * DAY + 1)
    archive(data, format=request.param)
    lose_logs(data)
    (data / "logs.db").write_bytes(backup)
    return data


def state(data: Path) -> dict[str, bytes]:
    """Return what all files of the archives hold."""
    folder = DataFolder(data)
    below = [*folder.archives.rglob("*"), *folder.manifests.glob("*")]
    return {str(path): path.read_bytes() for path in below if path.is_file()}


def test_verify_says_so_and_exits_with_1(outdated: Path) -> None:
    done = run_waterline("archive", "verify", "--data", outdated)
    assert done.returncode == 1
    assert "logs.db is older than its archives" in done.stdout + done.stderr
    assert "with seqs 7 to 8, and logs.db does not" in done.stdout + done.stderr


def test_export_says_so_and_makes_no_file(outdated: Path, tmp_path: Path) -> None:
    to = tmp_path / "all.csv"
    done = run_waterline("archive", "export", "--data", outdated, to)
    assert done.returncode == 1
    assert "logs.db is older than its archives" in done.stderr
    assert not to.exists()


@pytest.mark.parametrize(
    "command",
    [("archive", "list"), ("archive", "prune", "--older-than", "1d", "--yes"), ("report",)],
)
def test_command_that_tells_of_archives_says_so(outdated: Path, command: tuple[str, ...]) -> None:
    before = state(outdated)
    done = run_waterline(*command, "--data", outdated)
    assert (done.returncode, done.stdout) == (1, "")
    (said,) = done.stderr.splitlines()
    assert "logs.db is older than its archives" in said
    assert state(outdated) == before


def test_restore_says_so_and_makes_no_folder(outdated: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    done = run_waterline("archive", "restore", "--data", outdated, "--into", into)
    assert done.returncode == 1
    assert "logs.db is older than its archives" in done.stderr
    assert not into.exists()


def test_server_says_so_and_gives_no_seq_again(outdated: Path) -> None:
    before = (outdated / "logs.db").read_bytes()
    done = run_waterline("serve", "--data", outdated, "--port", "0", "--monitoring-port", "0")
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"waterline: {outdated}/logs.db is older than its archives")
    assert said.endswith("waterline archive adopt, without files")
    assert (outdated / "logs.db").read_bytes() == before


def test_run_and_prune_write_no_manifest_that_tells_less(outdated: Path) -> None:
    before = state(outdated)
    with pytest.raises(ArchiveError, match=SAID):
        archive(outdated)
    with pytest.raises(ArchiveError, match=SAID):
        prune(DataFolder(outdated), catalog(outdated)[:1])
    assert state(outdated) == before


def test_every_question_says_so(outdated: Path) -> None:
    with workbench.connect(outdated) as wb:
        for ask in (
            wb.logs,
            wb.arrow,
            wb.count,
            wb.holdings,
            wb.compression,
            wb.throughput,
            wb.latency,
            wb.sources,
            wb.report,
            lambda: wb.archives,
            lambda: list(wb.iter_logs()),
            lambda: wb.sql("SELECT count(*) FROM logs"),
            lambda: pd.read_sql("SELECT count(*) FROM logs", wb.engine),
        ):
            with pytest.raises(IncompleteAnswer, match=SAID):
                ask()
        assert "is older than its archives" in repr(wb)
        with pytest.warns(MissingLogs, match=SAID):
            frame = wb.logs(incomplete="warn")
        assert len(frame) == 6
        assert len(frame.attrs["missing"]) == 1


def test_catalog_that_has_grown_on_beside_them_is_found_too(outdated: Path) -> None:
    fill(outdated, [LOG], received_at=NOON + 5 * DAY)
    with workbench.connect(outdated) as wb, pytest.raises(IncompleteAnswer, match=SAID):
        wb.count()


def test_logs_db_that_forgot_prune_is_found(data: Path) -> None:
    fill_three_days(data)
    archive(data)
    backup = (data / "logs.db").read_bytes()
    prune(DataFolder(data), catalog(data)[:1])
    lose_logs(data)
    (data / "logs.db").write_bytes(backup)
    with pytest.raises(ArchiveError, match=r"tells of .* that it was pruned"):
        archive(data)


def test_way_out_that_is_told_leads_out(outdated: Path) -> None:
    (outdated / "logs.db").rename(outdated.with_name("aside.db"))
    for each in outdated.glob("logs.db-*"):
        each.unlink()
    done = run_waterline("archive", "adopt", "--data", outdated)
    assert done.returncode == 0, done.stderr
    assert_clean(outdated)
    with workbench.connect(outdated) as wb:
        assert wb.count() == 11


def test_manifests_of_another_folder_prove_nothing(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    fill(other, [LOG], received_at=NOON + 9 * DAY)
    archive(other)
    fill_three_days(data)
    archive(data)
    day = catalog(other)[0].day
    manifest_path(other, day).rename(DataFolder(data).manifests / f"{day}.json")
    assert verify(DataFolder(data)).faults == []
    with Workbench(data) as wb:
        assert wb.count() == 6
