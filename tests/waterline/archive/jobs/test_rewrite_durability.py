"""Every log is there, once, whatever kills a rewrite of batches, and the next one goes on."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import workbench
from tests.support.archive_runs import (
    Row,
    all_rows,
    archive,
    assert_clean,
    assert_complete,
    catalog,
    fill_three_days,
    lose_logs,
)
from tests.support.doomed_job import Moment, Phase, run_doomed
from tests.support.version_2_1 import written_as_version_2_1
from waterline.archive.jobs.rebuild import rebuild_catalog
from waterline.encoding import JSON_GZ
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow

PHASES = pytest.mark.parametrize("phase", [Phase.BATCH, Phase.RECORD, Phase.MANIFEST])


@pytest.fixture(params=["2.1", "json.gz"])
def earlier(request: pytest.FixtureRequest) -> Iterator[tuple[Path, list[Row]]]:
    """A folder whose logs are all in batches of an earlier version, or JSON, and its logs."""
    with TemporaryDirectory(dir="/var/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        data = Path(folder) / "data"
        logs = fill_three_days(data)
        if request.param == "json.gz":
            archive(data, format=JSON_GZ)
        else:
            with written_as_version_2_1(patch):
                archive(data)
        yield data, logs


@PHASES
def test_rewrite_killed_anywhere_loses_no_log_and_next_one_goes_on(
    earlier: tuple[Path, list[Row]], phase: Phase
) -> None:
    data, logs = earlier
    before = catalog(data)
    columns = ["seq", "message", "attributes"]
    with workbench.connect(data, cache=False) as wb:
        pin, answer = wb.pin(), wb.logs(columns=columns)
    after = 0
    while run_doomed(data, Moment(phase, after), "rewrite"):
        assert all_rows(data) == logs
        for now, then in zip(catalog(data), before, strict=True):
            assert (now.batch, now.origin, now.rows) == (then.batch, then.sha256, then.rows)
        # A workbench of its own each time, as another SQLite in a process lets go of its locks.
        with workbench.connect(data, cache=False) as wb:
            assert wb.logs(columns=columns, at=pin).equals(answer)
        after = after + 1 if phase is not Phase.RECORD else 2 * after + 1
    assert after
    assert_complete(data, logs)
    assert_clean(data)
    assert all(each.rewritten_at for each in catalog(data))


@pytest.mark.parametrize("steps", [0, 3, 7, 12, 20])
@PHASES
def test_logs_db_lost_after_a_killed_rewrite_is_rebuilt_whole(
    earlier: tuple[Path, list[Row]], phase: Phase, steps: int
) -> None:
    data, logs = earlier
    run_doomed(data, Moment(phase, steps), "rewrite")
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert all_rows(data) == logs
    assert not run_doomed(data, Moment(Phase.SHRINK, 0), "rewrite")
    assert_complete(data, logs)
    assert_clean(data)


@PHASES
def test_open_workbench_has_the_same_answers_after_each_kill(
    earlier: tuple[Path, list[Row]], phase: Phase
) -> None:
    data, logs = earlier
    columns = ["seq", "message", "attributes"]
    with workbench.connect(data, cache=False) as wb:
        pin, answer = wb.pin(), wb.logs(columns=columns)
        assert len(answer) == len(logs)
        after = 0
        while run_doomed(data, Moment(phase, after), "rewrite"):
            assert wb.logs(columns=columns, at=pin).equals(answer)
            after += 5
        assert after
        assert wb.logs(columns=columns).equals(answer)
