"""The report of fields: what counting by hand gives, and how much of all logs it read."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given

from tests.support.archives import Part, archive
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, Log, fill
from tests.support.part_archived import part_archived, parts
from tests.workbench.query.test_scan import folders_and_filters
from waterline.encoding import PARQUET
from waterline.errors import ManyAttributes, SampledLogs, UsageError
from workbench.query.attributes import column_name
from workbench.workbench import Workbench

DTYPES = {
    "field": "str",
    "logs": "int64",
    "coverage": "float64",
    "types": "str",
    "distinct": "int64",
    "min": "float64",
    "max": "float64",
    "top": "object",
}


def log(number: int, **more: object) -> Log:
    return {"type": "info", "message": "m", "timestamp": NOON + number, **more}


def test_fields_are_told_with_coverage_kinds_and_values(data: Path) -> None:
    fill(data, [log(1, status=500, path="/"), log(2, status=200), log(3, status="500")])
    archive(data, [(2, PARQUET)])
    fill(data, [log(4, type="error", status=500, ok=True, tags=[1], user={"id": 1}, gone=None)])
    with Workbench(data) as wb:
        found = wb.fields(top=2)
    assert {name: str(kind) for name, kind in found.dtypes.items()} == DTYPES
    assert found.drop(columns=["min", "max"]).to_numpy().tolist() == [
        ["type", 4, 1.0, "text", 2, {"info": 3, "error": 1}],
        ["source", 4, 1.0, "text", 1, {"test": 4}],
        ["status", 4, 1.0, "number, text", 3, {"500": 2, '"500"': 1}],
        ["ok", 1, 0.25, "boolean", 1, {"true": 1}],
        ["path", 1, 0.25, "text", 1, {"/": 1}],
        ["tags", 1, 0.25, "list", 1, {"[1]": 1}],
        ["user", 1, 0.25, "object", 1, {'{"id":1}': 1}],
    ]
    status = found.set_index("field").loc["status"]
    assert (status["min"], status["max"]) == (200.0, 500.0)
    assert found[["min", "max"]].isna().all(axis=1).tolist() == [
        each != "status" for each in found["field"]
    ]
    assert found.attrs["logs"] == 4
    assert "sampled" not in found.attrs


def test_newest_logs_are_read_and_the_rest_is_told_of(data: Path) -> None:
    fill(data, [log(number, n=number) for number in range(10)])
    archive(data, [(7, PARQUET)])
    with Workbench(data) as wb:
        with pytest.warns(SampledLogs, match="only the newest 4 logs were read"):
            found = wb.fields(sample=4).set_index("field")
        assert (found.loc["n", "min"], found.loc["n", "max"]) == (6.0, 9.0)
        assert found.attrs["logs"] == 4
        assert wb.fields(sample=10).set_index("field").loc["n", "min"] == 0.0
        assert wb.fields(sample=None)["logs"].max() == 10


def test_fields_beyond_a_thousand_are_left_out_and_told_of(data: Path) -> None:
    fill(data, [log(number, **{f"a{number}": 1}) for number in range(1_100)])
    with Workbench(data) as wb, pytest.warns(ManyAttributes, match="1,102 different fields"):
        assert len(wb.fields()) == 1_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"top": 0}, "top=0 is no whole number from 1 on"),
        ({"sample": -1}, "sample=-1 is no whole number"),
        ({"limit": 7}, "limit=7 has no meaning here"),
    ],
)
def test_what_has_no_meaning_is_refused(data: Path, arguments: dict[str, Any], said: str) -> None:
    fill(data, [log(1)])
    with Workbench(data) as wb, pytest.raises(UsageError, match=said):
        wb.fields(**arguments)


@pytest.mark.slow
@costly(40)
@given(folders_and_filters(), parts)
def test_counts_are_those_of_the_logs(
    case: tuple[list[Batch], dict[str, Any]], archived: list[Part]
) -> None:
    batches, filters = case
    filters.pop("columns", None)
    with part_archived(batches, archived) as wb:
        logs = wb.logs(**filters)
        found = wb.fields(**filters).set_index("field")
    expected = Counter(
        column_name(name)
        for text in logs["attributes"]
        for name, value in json.loads(text).items()
        if value is not None
    )
    if len(logs):
        expected.update(type=len(logs), source=len(logs))
    assert found["logs"].to_dict() == expected
    for name, row in found.iterrows():
        assert 0 < sum(row["top"].values()) <= row["logs"]
        assert row["distinct"] >= len(row["top"])
        assert row["coverage"] == row["logs"] / len(logs)
        if name == "source":
            assert pd.Series(row["top"]).to_dict() == logs["source"].value_counts().to_dict()
