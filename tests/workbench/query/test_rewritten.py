"""Batches that were rewritten: pins and kept answers from before have the same answers after."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import workbench
from tests.support.archives import archive, elsewhere
from tests.support.folders import NOON, fill
from tests.support.version_2_1 import written_as_version_2_1
from waterline.archive.jobs.rewrite import RewriteJob
from waterline.archive.selection import Selection
from waterline.encoding import JSON_GZ, PARQUET, BatchFormat
from waterline.storage.folder import DataFolder

LOGS: list[Mapping[str, Any]] = [
    {"type": "info", "message": f"order {each}", "timestamp": NOON + each, "status": each % 3}
    for each in range(60)
]
COLUMNS = ["seq", "message", "attributes"]


def rewrite(data: Path, format_: BatchFormat = PARQUET) -> int:
    job = RewriteJob(DataFolder(data), format_.encoding(), Selection())
    return job.run().batches


@pytest.fixture(params=["2.1", "json.gz"])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with two batches of an earlier version, or JSON."""
    fill(tmp_path, LOGS)
    if request.param == "json.gz":
        archive(tmp_path, [(30, JSON_GZ), (30, JSON_GZ)], clear=True)
    else:
        with pytest.MonkeyPatch.context() as patch, written_as_version_2_1(patch):
            archive(tmp_path, [(30, PARQUET), (30, PARQUET)], clear=True)
    return tmp_path


def rewrite_thrice(data: Path) -> int:
    return rewrite(data) + rewrite(data, JSON_GZ) + rewrite(data)


@pytest.mark.parametrize("change", [rewrite, rewrite_thrice])
def test_pin_at_the_end_of_a_batch_holds(earlier: Path, change: Callable[[Path], int]) -> None:
    with workbench.connect(earlier, cache=False) as wb:
        pin, answer = wb.pin(), wb.logs(columns=COLUMNS)
    fill(earlier, [{"type": "info", "message": "later", "timestamp": NOON + 999}])
    assert change(earlier)
    with workbench.connect(earlier, cache=False) as wb:
        assert wb.logs(columns=COLUMNS, at=pin).equals(answer)
        assert wb.count(at=str(pin)) == len(LOGS)
        assert wb.count() == len(LOGS) + 1


def test_pin_of_hot_log_holds_after_archive_and_rewrite(tmp_path: Path) -> None:
    fill(tmp_path, LOGS)
    with workbench.connect(tmp_path, cache=False) as wb:
        pin, answer = wb.pin(), wb.logs(columns=COLUMNS)
    archive(tmp_path, [(60, JSON_GZ)], clear=True)
    assert rewrite(tmp_path) == 1
    with workbench.connect(tmp_path, cache=False) as wb:
        assert wb.logs(columns=COLUMNS, at=pin).equals(answer)


def test_pin_taken_after_a_rewrite_is_that_of_before(earlier: Path) -> None:
    with workbench.connect(earlier, cache=False) as wb:
        before = wb.pin()
        elsewhere(rewrite, earlier)
        assert wb.pin().last == before.last


def test_kept_answer_is_used_after_a_rewrite_and_is_a_fresh_one(earlier: Path) -> None:
    with workbench.connect(earlier) as wb:
        answer = wb.logs(columns=COLUMNS, where={"status": 1})
        elsewhere(rewrite, earlier)
        kept = wb.logs(columns=COLUMNS, where={"status": 1})
        assert wb.cache is not None
        outcomes = wb.cache.statistics().set_index("outcome")["questions"]
    with workbench.connect(earlier, cache=False) as wb:
        fresh = wb.logs(columns=COLUMNS, where={"status": 1})
    assert kept.equals(answer)
    assert kept.equals(fresh)
    assert (outcomes["hit"], outcomes["miss"]) == (1, 1)


def test_questions_beside_a_rewrite_lack_nothing(earlier: Path) -> None:
    with workbench.connect(earlier, cache=False) as wb:
        chunks = wb.iter_logs(columns=COLUMNS)
        first = next(chunks)
        elsewhere(rewrite, earlier)
        assert len(first) + sum(map(len, chunks)) == len(LOGS)
        assert wb.count(contains="order") == len(LOGS)
