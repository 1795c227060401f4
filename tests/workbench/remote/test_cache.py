"""The cache of an analyst: a kept answer is used only where it equals what is stored."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import archive, elsewhere, prune
from tests.support.folders import NOON, fill
from tests.support.questions import Questions, answering
from waterline.encoding import PARQUET
from waterline.errors import PrunedLogs
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "waterline"


def some(count: int, begin: int = 0) -> list[dict[str, Any]]:
    return [
        {"type": "info", "message": f"m {place}", "timestamp": NOON + place}
        for place in range(begin, begin + count)
    ]


def open_there(questions: Questions) -> Workbench:
    return Workbench(questions.url, lambda: NOON, token=questions.token)


def check(there: Workbench, data: Path, outcome: str, **filters: Any) -> None:  # noqa: ANN401
    """See that an answer is that of the folder, and what the cache had of it."""
    theirs = there.logs(**filters)
    with Workbench(data, lambda: NOON, cache=False) as here:
        mine = here.logs(**filters)
    assert theirs.equals(mine)
    assert theirs.attrs["rows"] == mine.attrs["rows"]
    assert theirs.attrs["cache"] == outcome


def test_an_answer_is_kept_and_newer_logs_are_added(tmp_path: Path, users_cache: Path) -> None:
    data = tmp_path / "data"
    fill(data, some(200))
    with answering(data) as questions, open_there(questions) as there:
        check(there, data, "miss")
        check(there, data, "hit")
        check(there, data, "miss", limit=10, type="info")
        elsewhere(fill, data, some(7, 1_000))
        check(there, data, "merged")
        check(there, data, "merged", limit=10, type="info")
        elsewhere(archive, data, [(50, PARQUET)], clear=True)
        check(there, data, "merged")
    assert [each.suffix for each in users_cache.glob("*.db")] == [".db"]
    assert users_cache.stat().st_mode & 0o77 == 0
    assert not (data / "cache.db").exists()
    with answering(data, token=questions.token) as again, open_there(again) as there:
        # Whoever asks at another port asks of the same folder.
        check(there, data, "merged")


def test_an_answer_is_not_used_once_logs_were_pruned(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, some(200))
    batches = archive(data, [(50, PARQUET)], clear=True)
    with answering(data) as questions, open_there(questions) as there:
        check(there, data, "miss")
        elsewhere(prune, data, batches)
        with pytest.warns(PrunedLogs):
            check(there, data, "miss")


def test_an_answer_is_not_used_for_another_folder_at_the_same_address(tmp_path: Path) -> None:
    for name, count in (("a", 20), ("b", 30)):
        fill(tmp_path / name, some(count))
        with answering(tmp_path / name) as questions, open_there(questions) as there:
            check(there, tmp_path / name, "miss")


def test_answers_of_attributes_are_those_of_the_folder_with_a_cache(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, [{**each, "status": place} for place, each in enumerate(some(30))])
    with answering(data) as questions, open_there(questions) as there:
        for outcome in ("miss", "hit"):
            check(there, data, outcome, attributes=["status", "none"])


def test_import_loads_nothing_of_the_network() -> None:
    code = "import sys, workbench.workbench; print([m for m in sys.modules if 'remote' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "workbench.remote" not in done.stdout
    assert "tornado" not in done.stdout
