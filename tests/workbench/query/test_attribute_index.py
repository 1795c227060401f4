"""Indexed attributes of hot logs answer every condition as the JSON of each log does."""

import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import archive
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, Log, alter, fill, fill_batches
from tests.support.indexing import index
from tests.support.plainly import answer_plainly, store_plainly
from tests.workbench.query.test_execute import assert_equal, folders_and_questions
from waterline.encoding import PARQUET
from waterline.storage.folder import DataFolder
from workbench.query import attribute_index, hot
from workbench.query.question import ask
from workbench.workbench import Workbench

NAMES = ["status", "duration_ms", "a", "key", "value", "a.b", "a.b.c", "a.status"]


@pytest.mark.slow
@costly(150)
@given(
    case=folders_and_questions(),
    names=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    is_first=st.booleans(),
    few=st.sampled_from([0.0, 1.0, 100.0]),
    walked=st.sampled_from([0, 1, 4]),
)
def test_any_question_is_answered_by_index_as_a_plain_filter_would(
    case: tuple[list[Batch], list[dict[str, Any]]],
    names: list[str],
    is_first: bool,
    few: float,
    walked: int,
) -> None:
    batches, asked = case
    expected = store_plainly(batches)
    half = 0 if is_first else len(batches) // 2
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(attribute_index, "_FEW", few),
        patch.object(hot, "_WALKED", walked),
    ):
        data = Path(folder)
        fill_batches(data, batches[:half])
        assert index(data, names)
        fill_batches(data, batches[half:], indexed=names)
        with Workbench(folder, clock=lambda: NOON) as wb:
            for filters in asked:
                answer = answer_plainly(expected, ask(now=NOON, **filters))
                assert_equal(wb.logs(**filters), answer)
                assert wb.count(**filters) == len(answer)


STATUSES = [200, 404, 500, "500", None, True, {"a": 1}, 500.0]
LOGS: list[Log] = [
    {"type": "info", "message": "m", "status": STATUSES[n % len(STATUSES)], "n": n}
    for n in range(400)
]


def counts(data: Path) -> list[int]:
    with workbench.connect(data, cache=False) as wb:
        pin = wb.pin()
        return [
            wb.count(where={"status": 500}),
            wb.count(where={"status": (">=", 404)}),
            wb.count(where={"status": ("!=", 500)}),
            wb.count(where={"status": True, "n": ("<", 50)}),
            wb.count(where={"status": "500"}, at=pin),
            len(wb.logs(where={"n": ("in", [1, 7, 399])})),
        ]


def test_answers_stay_while_index_is_made_and_removed(data: Path) -> None:
    fill(data, LOGS)
    expected = counts(data)
    assert not index(data, ["status", "n"], slices=1)
    assert counts(data) == expected
    assert index(data, ["status", "n"])
    assert counts(data) == expected
    archive(data, [(150, PARQUET)], clear=False)
    assert counts(data) == expected
    archive(data, [(100, PARQUET)], clear=True)
    assert counts(data) == expected
    assert not index(data, ["n"], slices=1)
    assert counts(data) == expected
    assert index(data, ["status"])
    assert counts(data) == expected
    assert index(data, [])
    assert counts(data) == expected
    assert rows(data, "SELECT * FROM attribute_values") == []
    assert rows(data, "SELECT * FROM indexed_attributes") == []
    assert rows(data, "SELECT * FROM sqlite_schema WHERE type = 'trigger'") == []


def test_values_go_with_their_logs(data: Path) -> None:
    fill(data, LOGS)
    assert index(data, ["n"])
    archive(data, [(150, PARQUET)], clear=True)
    assert rows(data, "SELECT min(seq), count(*) FROM attribute_values") == [(151, 250)]


def test_count_reads_no_log_that_is_indexed(data: Path) -> None:
    fill(data, LOGS)
    assert index(data, ["n"])
    alter(DataFolder(data).logs, "UPDATE logs SET attributes = '{}'")
    with workbench.connect(data, cache=False) as wb:
        assert wb.count(where={"n": ("<", 10)}) == 10
        assert wb.count(where={"n": ("<", 350)}) == 350


def test_plan_of_few_matches_is_by_seq_and_that_of_many_by_time(data: Path) -> None:
    fill(data, LOGS)
    assert index(data, ["n"])
    with workbench.connect(data, cache=False) as wb:
        few = "; ".join(wb.explain(where={"n": 7}).hot)
        assert "SEARCH attribute_values USING PRIMARY KEY" in few
        assert "SEARCH logs USING INTEGER PRIMARY KEY" in few
        many = "; ".join(wb.explain(where={"n": (">=", 0)}, limit=5).hot)
        assert "attribute_values" not in many
        assert "logs_timestamp" in many


def rows(data: Path, statement: str) -> list[Any]:
    connection = apsw.Connection(str(DataFolder(data).logs))
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()
