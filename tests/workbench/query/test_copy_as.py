"""What is copied of a query finds the rows of the query: as Python, as a command, as SQL."""

import json
import shlex
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import archive
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, fill, fill_batches
from tests.support.plainly import store_plainly
from tests.workbench.query.test_execute import batches_of_logs, texts
from tests.workbench.query.test_query_patterns import CASES, LOGS
from waterline.encoding import PARQUET
from waterline.errors import NothingFound, UsageError
from workbench.cli.main import main
from workbench.query.copy_as import as_command, as_python, as_sql
from workbench.workbench import Workbench

SINCE, UNTIL = "2026-03-17T12:00:00.000Z", "2026-03-17T12:00:00.007Z"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("copied") / "data"
    fill(path, [{**each, "timestamp": NOON + at} for at, each in enumerate(LOGS)])
    archive(path, [(3, PARQUET)])
    return path


@pytest.mark.parametrize("query", ["", "-type:info", *(query for query, _ in CASES)])
def test_each_form_finds_the_rows_of_the_query(folder: Path, query: str) -> None:
    with workbench.connect(folder, cache=False) as wb, warnings.catch_warnings():
        warnings.simplefilter("ignore", NothingFound)
        expected = wb.logs(query=query, since=SINCE, until=UNTIL)["seq"].tolist()
        names: dict[str, Any] = {}
        opened, _, call = as_python(query, SINCE, UNTIL, folder).rpartition("\n")
        exec(opened, names)
        called = eval(call, names)
        names["wb"].close()
        assert called["seq"].tolist() == expected
        rows = wb.sql(as_sql(query, SINCE, UNTIL))
        assert rows["seq"].tolist() == expected
        assert [*rows.columns] == [*called.columns]
    program, *words = shlex.split(as_command(query, SINCE, UNTIL, folder))
    assert program == "waterline"
    done = CliRunner().invoke(main, [*words, "--json"])
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == expected
    selected = CliRunner().invoke(
        main, ["sql", as_sql(query, SINCE, UNTIL), "--json", "--data", str(folder)]
    )
    assert [json.loads(line)["seq"] for line in selected.stdout.splitlines()] == expected


@pytest.mark.slow
@costly(60)
@given(batches_of_logs, st.data())
def test_sql_finds_what_any_query_does(batches: list[Batch], data: st.DataObject) -> None:
    logs = store_plainly(batches)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", NothingFound)
        fill_batches(Path(folder), batches)
        with Workbench(folder, cache=False) as wb:
            for query in data.draw(st.lists(texts(logs), min_size=4, max_size=6)):
                assert wb.sql(as_sql(query))["seq"].tolist() == wb.logs(query=query)["seq"].tolist()


def test_relative_time_stays_relative_but_in_sql() -> None:
    assert as_python("a", since="-1h") == "wb.logs(query='a', since='-1h')"
    assert as_command("-a", since="-1h") == "waterline logs --query -a --since 1h --limit all"
    assert as_sql("", since="-1h", now=NOON).endswith(
        "timestamp >= TIMESTAMPTZ '2026-03-17T11:00:00.000Z' ORDER BY timestamp, seq"
    )
    assert as_python("", until=NOON) == "wb.logs(until='2026-03-17T12:00:00.000Z')"


@pytest.mark.parametrize("given", [('a "b', None), ("a", "yesterday"), ("a", "-1x")])
def test_what_is_no_question_is_not_copied(given: tuple[str, str | None]) -> None:
    for copied in (as_python, as_command, as_sql):
        with pytest.raises(UsageError):
            copied(*given)
