"""`waterline patterns` over hot and archived logs: the report of a notebook, in each format."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import workbench
from tests.support.archives import archive
from tests.support.folders import NOON, Log, fill
from waterline.encoding import PARQUET
from workbench.cli.main import main

SINCE = "2026-03-17T12:00"


def log_of(number: int) -> Log:
    is_late = number >= 60
    failed = is_late and number % 2
    return {
        "type": "error" if failed else "info",
        "message": f"no stock of {number}" if failed else f"order {number} took {number} ms",
        "timestamp": NOON + (number - 60) * 1_000,
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patterns") / "data"
    fill(folder, [log_of(number) for number in range(120)], source="web")
    archive(folder, [(70, PARQUET)], clear=True)
    return folder


def asked(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["patterns", *arguments, "--data", str(data)])


def test_pipe_gets_a_pattern_a_line(data: Path) -> None:
    done = asked(data)
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["logs", "share", "type", "over", "time", "pattern"]
    first, second = lines
    assert first.split()[:3] == ["90", "75.0%", "info"]
    assert first.endswith("  order <*> took <*> ms")
    assert second.endswith("  no stock of <*>")
    assert done.stderr == ""


def test_what_is_new_comes_first(data: Path) -> None:
    until = "2026-03-17T12:01"
    before = ("--since", SINCE, "--until", until, "--against", "before")
    done = asked(data, *before)
    header, first, second = done.stdout.splitlines()
    assert header.split()[:3] == ["change", "before", "logs"]
    assert first.split()[:3] == ["new", "0", "30"]
    assert second.split()[:3] == ["x0.5", "60", "30"]
    times = ("--since", SINCE, "--against", f"2026-03-17T11:59,{SINCE}")
    assert asked(data, *times).stdout == done.stdout


def test_formats_have_the_columns_of_a_notebook(data: Path, tmp_path: Path) -> None:
    with workbench.connect(data, cache=False) as wb:
        expected = wb.patterns(query="-type:debug", since=SINCE, against=(NOON - 10_000, NOON))
    options = (
        "--query",
        "-type:debug",
        "--since",
        SINCE,
        "--against",
        f"2026-03-17T11:59:50,{SINCE}",
    )
    objects = [json.loads(line) for line in asked(data, *options, "--json").stdout.splitlines()]
    assert [each["pattern"] for each in objects] == expected["pattern"].tolist()
    assert [*objects[0]] == [*expected.columns]
    rows = [*csv.DictReader(io.StringIO(asked(data, *options, "--csv").stdout))]
    assert [int(each["logs"]) for each in rows] == expected["logs"].tolist()
    file = tmp_path / "patterns.parquet"
    said = asked(data, *options, "--parquet", str(file))
    assert "holds 2 rows" in said.stdout
    pd.testing.assert_frame_equal(pd.read_parquet(file), expected, check_dtype=False)


def test_limit_is_told_of(data: Path) -> None:
    done = asked(data, "--limit", "1")
    assert len(done.stdout.splitlines()) == 2
    assert "there are 2 patterns; --limit NUMBER gives more than these 1" in done.stderr
    assert asked(data, "--limit", "all").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against", "yesterday"], "neither 'before' nor two times with a comma"),
        (["--against", "before"], "which has no begin; give since="),
        (["--against", "1h,x"], "against='x' is no time"),
        (["--json", "--csv"], "give one of them"),
    ],
)
def test_mistake_is_one_sentence(data: Path, arguments: list[str], said: str) -> None:
    done = asked(data, *arguments)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
