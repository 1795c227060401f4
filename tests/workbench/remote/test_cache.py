"""The cache of an analyst: a kept answer is used only where it equals what is stored."""

import random
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.archives import archive, elsewhere, prune
from tests.support.folders import NOON, fill
from tests.support.questions import Questions, answering
from waterline.encoding import PARQUET
from waterline.errors import PrunedLogs
from waterline.storage.catalog import ArchivedBatch
from workbench.query.times import iso_text
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


@pytest.mark.parametrize("seed", range(3))
def test_whatever_becomes_of_the_logs_a_kept_answer_is_a_fresh_one(
    tmp_path: Path, seed: int
) -> None:
    """This process has no folder open, so that it can change the one that is asked about."""
    chance, data, now = random.Random(seed), tmp_path / "data", NOON
    count, outcomes = 30, Counter[str]()
    batches: list[ArchivedBatch] = []
    fill(data, some(count))
    with (
        answering(data) as questions,
        open_there(questions) as kept,
        Workbench(questions.url, lambda: NOON, token=questions.token, cache=False) as fresh,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", UserWarning)
        pins = [fresh.pin()]
        for _ in range(60):
            now += 1
            match chance.choice(("ingest", "ingest", "archive", "prune", "ask", "ask")):
                case "ingest":
                    more = chance.randrange(1, 30)
                    fill(data, some(more, count), received_at=now)
                    count += more
                    pins.append(fresh.pin())
                case "archive":
                    rows = chance.randrange(1, 20)
                    batches += archive(data, [(rows, PARQUET)], clear=chance.random() < 0.5)
                case "prune" if batches:
                    prune(data, [batches.pop(0)])
            filters: dict[str, Any] = {
                "limit": chance.choice([None, None, 5, 40]),
                "order": chance.choice(["oldest", "newest"]),
                "columns": chance.choice([None, ["seq"], ["message", "type"]]),
            }
            if chance.random() < 0.3:
                filters["at"] = chance.choice(pins)
            if chance.random() < 0.3:
                filters["since"] = iso_text(NOON + chance.randrange(count))
            theirs, mine = kept.logs(**filters), fresh.logs(**filters)
            pd.testing.assert_frame_equal(theirs, mine)
            for name in ("rows", "pruned"):
                assert theirs.attrs.get(name) == mine.attrs.get(name), (filters, theirs.attrs)
            outcomes[theirs.attrs["cache"]] += 1
    assert outcomes["hit"] + outcomes["merged"]
    assert outcomes["miss"]
