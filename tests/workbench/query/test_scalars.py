"""Scalars of numpy and pandas as parameters: each means what Python's own means."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import workbench
from tests.support.folders import NOON, fill

LOGS = [
    {"type": "info", "message": "m", "timestamp": NOON + 1000 * n, "n": n, "ok": n > 1}
    for n in range(4)
]
MOMENT = pd.Timestamp(NOON + 2000, unit="ms", tz="UTC")


@pytest.mark.parametrize(
    "moment",
    [
        MOMENT,
        MOMENT.tz_localize(None),
        MOMENT.tz_convert("Asia/Tokyo"),
        MOMENT.to_datetime64(),
        np.datetime64(NOON + 2000, "ms"),
        np.datetime64((NOON + 2000) // 1000, "s"),
        np.int64(NOON + 2000),
        np.float64(NOON + 2000),
    ],
)
def test_moments_of_numpy_and_pandas(data: Path, moment: Any) -> None:  # noqa: ANN401
    fill(data, LOGS)
    with workbench.connect(data) as wb:
        assert wb.count(since=moment) == 2
        assert wb.logs(until=moment)["seq"].tolist() == [1, 2]
        if not isinstance(moment, np.number):
            query = "SELECT count(*) AS n FROM logs WHERE timestamp >= ?"
            assert wb.sql(query, [moment])["n"].tolist() == [2]


@pytest.mark.parametrize(
    "age",
    [-dt.timedelta(days=36_500), pd.Timedelta(days=-36_500), np.timedelta64(-36_500, "D")],
)
def test_lengths_of_time(data: Path, age: Any) -> None:  # noqa: ANN401
    fill(data, LOGS)
    with workbench.connect(data) as wb:
        assert wb.count(since=age) == 4
        by_text = wb.throughput("2s", exact=True)
        assert wb.throughput(pd.Timedelta(seconds=2), exact=True).equals(by_text)  # type: ignore[arg-type]
        assert wb.throughput(np.timedelta64(2, "s"), exact=True).equals(by_text)  # type: ignore[arg-type]


def test_numbers_truth_and_text(data: Path) -> None:
    fill(data, LOGS)
    with workbench.connect(data) as wb:
        assert len(wb.logs(limit=np.int64(3))) == len(wb.logs(limit=np.float64(3))) == 3  # type: ignore[arg-type]
        assert wb.count(where={"n": np.int64(2)}) == wb.count(where={"n": np.float64(2)}) == 1
        assert wb.count(where={"ok": np.True_}) == 2
        assert wb.count(where={"n": ("in", pd.Series([1, 3]))}) == 2
        assert wb.count(type=np.array(["info"])) == wb.count(type=np.str_("info")) == 4  # type: ignore[arg-type]
        assert wb.count(at=np.str_(wb.pin())) == 4
        values: list[tuple[object, object]] = [
            (np.int64(2**53 + 1), 2**53 + 1),
            (np.bool_(True), True),
            (np.float64(0.5), 0.5),
            (np.str_("a"), "a"),
            (pd.Timedelta(hours=1), pd.Timedelta(hours=1)),
            (np.timedelta64(1, "h"), pd.Timedelta(hours=1)),
        ]
        for given, meant in values:
            assert wb.sql("SELECT $v AS v", {"v": given})["v"].tolist() == [meant]
        assert wb.sql("SELECT ?::BIGINT AS v", [pd.NA])["v"].isna().tolist() == [True]
        assert wb.sql("SELECT list_contains(?, 2) AS v", [np.array([1, 2])])["v"].tolist() == [True]
