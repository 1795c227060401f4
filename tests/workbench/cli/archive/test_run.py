"""`waterline archive run`: what it says, and options without meaning."""

from pathlib import Path

import pytest

from tests.support.archive_runs import catalog, fill_three_days
from tests.support.folders import NOON, fill
from tests.support.said import Waterline, said

pytestmark = pytest.mark.slow


def test_run_tells_what_it_did_and_the_next_that_nothing_is_due(
    data: Path, waterline: Waterline
) -> None:
    fill(data, [{"type": "info", "message": "m"}], received_at=NOON)
    code, lines, errors = said(waterline("run", "--format", "json.gz", "--level", "9"))
    assert (code, errors) == (0, "")
    assert lines[0].startswith("archived 1 log in 1 batch: ")
    assert lines[1].startswith("removed 1 row in ")
    assert said(waterline("run")) == (0, ["nothing was old enough to be archived"], "")
    assert said(waterline("list"))[1][1].startswith("2026-03-17/batch-0001.json.gz ")


@pytest.mark.parametrize(
    ("option", "value", "code", "sentence"),
    [
        ("--older-than", "soon", 1, "--older-than: 'soon' is no duration"),
        ("--level", "23", 2, "23 is not in the range 1<=x<=22"),
        ("--batch-rows", "0", 2, "0 is not in the range"),
        ("--format", "xml", 2, "'xml' is not one of"),
        ("--dest", "gs://logs", 1, "'gs://logs' is no object storage; give s3://bucket/prefix"),
    ],
)
def test_run_refuses_an_option_without_meaning_and_archives_nothing(
    data: Path, waterline: Waterline, option: str, value: str, code: int, sentence: str
) -> None:
    fill_three_days(data)
    done = waterline("run", option, value)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert catalog(data) == []
