"""`waterline archive export`: hot and archived logs in each format."""

import csv
import json
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

import workbench
from tests.support.said import Waterline, said

pytestmark = pytest.mark.slow


def test_export_holds_hot_and_archived_logs(
    archived: Path, waterline: Waterline, tmp_path: Path
) -> None:
    with workbench.connect(archived) as wb:
        messages = wb.logs().sort_values("seq")["message"].tolist()
    jsonl = waterline("export", "-")
    assert (jsonl.returncode, jsonl.stderr) == (0, "")
    assert [json.loads(line)["message"] for line in jsonl.stdout.splitlines()] == messages
    as_csv = waterline("export", "-", "--format", "csv")
    assert [row["message"] for row in csv.DictReader(StringIO(as_csv.stdout))] == messages
    file = tmp_path / "logs.parquet"
    code, (line,), errors = said(waterline("export", "--format", "parquet", file))
    assert (code, errors) == (0, "")
    assert line.startswith(f"{file} holds 7 logs, ")
    assert pd.read_parquet(file)["message"].tolist() == messages


@pytest.mark.usefixtures("archived")
def test_export_writes_over_a_file_only_by_force(waterline: Waterline, tmp_path: Path) -> None:
    file = tmp_path / "logs.jsonl"
    file.write_text("mine\n")
    refused = waterline("export", file, "--type", "error")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert str(file) in refused.stderr
    assert "--force" in refused.stderr
    assert file.read_text() == "mine\n"
    assert waterline("export", file, "--type", "error", "--force").returncode == 0
    assert {json.loads(line)["type"] for line in file.read_text().splitlines()} == {"error"}


@pytest.mark.usefixtures("archived")
def test_export_refuses_a_range_without_meaning(waterline: Waterline) -> None:
    done = waterline("export", "-", "--since", "tomorrow")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("waterline: since='tomorrow' is no time")
