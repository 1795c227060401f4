"""The exact latency report equals what numpy computes over the numbers in the logs."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.support.folders import NOON, Batch, Log, fill, fill_batches
from waterline.errors import UsageError
from workbench.workbench import Workbench

NUMBERS = {
    "count": "int64",
    "mean": "float64",
    "min": "float64",
    "p50": "float64",
    "p95": "float64",
    "p99": "float64",
    "max": "float64",
    "relative_error": "float64",
}
MEASURED = ["mean", "min", "p50", "p95", "p99", "max"]


def assert_dtypes(frame: pd.DataFrame, by: str | None = None) -> None:
    keys = ["metric"] if by is None else ["metric", by]
    assert list(frame.columns) == [*keys, *NUMBERS]
    assert frame.dtypes.astype(str).to_dict() == {**dict.fromkeys(keys, "str"), **NUMBERS}


def measured(name: str, *values: object, **others: object) -> list[Log]:
    """Return a log for each value, as an attribute."""
    return [{"type": "info", "message": "m", name: value, **others} for value in values]


def describe(values: Sequence[float]) -> list[float]:
    """Return the figures of MEASURED, by numpy."""
    quantiles = np.quantile(values, (0.5, 0.95, 0.99), method="inverted_cdf").tolist()
    return [float(np.mean(sorted(values))), min(values), *quantiles, max(values)]


@pytest.mark.slow
@costly(240)
@given(st.lists(st.floats(-1e9, 1e9) | st.integers(-(2**53), 2**53), min_size=1, max_size=40))
def test_percentiles_are_those_of_numpy_exactly(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    data = tmp_path_factory.mktemp("data")
    fill(data, measured("duration_ms", *values))
    with Workbench(data) as wb:
        frame = wb.latency("duration_ms", exact=True)
    assert_dtypes(frame)
    assert frame["metric"].tolist() == ["duration_ms"]
    assert frame["count"].tolist() == [len(values)]
    assert frame[MEASURED].iloc[0].tolist() == describe([float(each) for each in values])
    assert frame["relative_error"].tolist() == [0.0]


def test_numbers_whose_sum_is_beyond_a_float_have_a_mean_and_percentiles(data: Path) -> None:
    most = 1.7e308
    fill(data, [*measured("x", most, most), *measured("y", -most, most, 5e-324)])
    with Workbench(data) as wb:
        assert wb.latency("x", exact=True)[MEASURED].iloc[0].tolist() == [most] * len(MEASURED)
        of_y = wb.latency("y", exact=True).iloc[0]
    assert of_y[["mean", "min", "p50", "p95", "max"]].tolist() == [0.0, -most, 5e-324, most, most]


def test_integer_next_to_the_greatest_float_counts(data: Path) -> None:
    fill(data, measured("x", 10**308, -(10**308), 1.5))
    with Workbench(data) as wb:
        frame = wb.latency("x", exact=True)
    assert frame[["count", "min", "max"]].iloc[0].tolist() == [3, -1e308, 1e308]


def test_value_that_is_no_number_does_not_count(data: Path) -> None:
    values = [1, 2.5, True, False, None, "3", [4], {"a": 5}, 10**400]
    fill(data, [*measured("x", *values), {"type": "info", "message": "lacks it"}])
    with Workbench(data) as wb:
        frame = wb.latency("x", exact=True)
    assert_dtypes(frame)
    assert frame["count"].tolist() == [2]
    assert frame[MEASURED].iloc[0].tolist() == describe([1.0, 2.5])


@pytest.mark.parametrize("values", [[], ["text"], [True], [None], [10**400]])
def test_no_number_at_all_gives_an_empty_frame_of_the_same_dtypes(
    data: Path, values: list[object]
) -> None:
    fill(data, measured("x", *values))
    with Workbench(data) as wb:
        assert wb.latency("x", exact=True).empty
        assert_dtypes(wb.latency("x", exact=True))
        assert_dtypes(wb.latency("x", exact=True, by="type"), by="type")
        assert_dtypes(wb.latency("x", exact=True, by="host"), by="host")


def test_column_groups(data: Path) -> None:
    fill(data, measured("x", 1, 2, 3, type="slow") + measured("x", 10, 20, type="error"))
    with Workbench(data) as wb:
        frame = wb.latency("x", exact=True, by="type")
    assert_dtypes(frame, by="type")
    assert frame["type"].tolist() == ["error", "slow"]
    assert frame["count"].tolist() == [2, 3]
    assert frame[MEASURED].iloc[0].tolist() == describe([10.0, 20.0])
    assert frame[MEASURED].iloc[1].tolist() == describe([1.0, 2.0, 3.0])


def test_attribute_groups_and_logs_without_it_are_a_group_too(data: Path) -> None:
    fill(
        data,
        measured("x", 1, host="b") + measured("x", 2, 3, host="a") + measured("x", 4, 5, 6),
    )
    with Workbench(data) as wb:
        frame = wb.latency("x", exact=True, by="host")
    assert_dtypes(frame, by="host")
    assert frame["host"].isna().tolist() == [False, False, True]
    assert frame["host"].tolist()[:2] == ["a", "b"]
    assert frame["count"].tolist() == [2, 1, 3]


def test_groups_without_a_number_are_left_out(data: Path) -> None:
    fill(data, measured("x", 1, host="a") + measured("x", "text", host="b"))
    with Workbench(data) as wb:
        assert wb.latency("x", exact=True, by="host")["host"].tolist() == ["a"]


def test_numbers_group_in_their_order(data: Path) -> None:
    fill(data, [log for n in (1000, 200, 30) for log in measured("x", 1, status=n)])
    with Workbench(data) as wb:
        assert wb.latency("x", exact=True, by="status")["status"].tolist() == ["30", "200", "1000"]


def test_mixed_and_nested_values_group_as_their_json(data: Path) -> None:
    groups = [1, True, "a", {"k": 1}, [1, "b"], {"k": 1}]
    fill(data, [log for each in groups for log in measured("x", 1, g=each)])
    with Workbench(data) as wb:
        frame = wb.latency("x", exact=True, by="g")
    assert dict(zip(frame["g"], frame["count"], strict=True)) == {
        "1": 1,
        "true": 1,
        "a": 1,
        '{"k":1}': 2,
        '[1,"b"]': 1,
    }


@pytest.mark.parametrize("name", ["metric", "count", "p50"])
def test_group_named_like_a_column_of_the_report_gets_a_prefix(data: Path, name: str) -> None:
    fill(data, measured("x", 1, 2, **{name: "a"}))
    with Workbench(data) as wb:
        frame = wb.latency("x", exact=True, by=name)
    assert_dtypes(frame, by=f"attributes.{name}")
    assert frame["metric"].tolist() == ["x"]
    assert frame[f"attributes.{name}"].tolist() == ["a"]
    assert frame["count"].tolist() == [2]


def test_attribute_named_like_a_stored_column_is_the_attribute(data: Path) -> None:
    fill(data, measured("seq", 70, 80) + measured("attributes.seq", 5))
    with Workbench(data) as wb:
        frame = wb.latency("seq", exact=True, by="source")
        assert wb.latency("attributes.seq", exact=True)["max"].tolist() == [5.0]
    assert frame["metric"].tolist() == ["seq"]
    assert frame["source"].tolist() == ["test"]
    assert frame[["min", "max"]].iloc[0].tolist() == [70.0, 80.0]


def test_attribute_can_be_grouped_by_itself(data: Path) -> None:
    fill(data, measured("x", 1, 1, 2))
    with Workbench(data) as wb:
        frame = wb.latency("x", exact=True, by="x")
    assert frame["x"].tolist() == ["1", "2"]
    assert frame["count"].tolist() == [2, 1]


def test_filters_choose_the_logs(data: Path) -> None:
    logs = [
        {"type": each, "message": "m", "timestamp": n, "x": n}
        for n, each in enumerate(["info", "error"] * 5)
    ]
    fill(data, logs)
    with Workbench(data) as wb:
        assert wb.latency("x", exact=True, type="error")["max"].tolist() == [9.0]
        assert wb.latency("x", exact=True, clock="timestamp", since=3, until=6)[
            "mean"
        ].tolist() == [4.0]
        assert wb.latency("x", exact=True, where={"x": ("<", 2)})["count"].tolist() == [2]
        assert wb.latency("x", exact=True, limit=3)["min"].tolist() == [7.0]


def test_percentiles_over_time_are_by_either_clock(data: Path) -> None:
    fill_batches(
        data,
        [
            Batch(measured("x", 1, 2, 9, timestamp=0) + measured("x", 4, type="slow", timestamp=0)),
            Batch(measured("x", "text", 5, timestamp=-1), received_at=NOON + 60_000),
        ],
    )
    with Workbench(data) as wb:
        received = wb.latency("x", every="1min", exact=True)
        happened = wb.latency("x", every="1s", by="type", exact=True, clock="timestamp")
        late = wb.latency("x", exact=True, since=NOON + 1)
        early = wb.latency("x", exact=True, clock="timestamp", until=0)
    assert [*received.columns] == ["metric", "time", *NUMBERS]
    assert str(received["time"].dtype) == "datetime64[us, UTC]"
    assert received["time"].dt.as_unit("ms").astype("int64").tolist() == [NOON, NOON + 60_000]
    assert received[MEASURED].iloc[0].tolist() == describe([1.0, 2.0, 9.0, 4.0])
    assert happened["time"].dt.as_unit("ms").astype("int64").tolist() == [-1000, 0, 0]
    assert happened["type"].tolist() == ["info", "info", "slow"]
    assert happened["count"].tolist() == [1, 3, 1]
    assert late["max"].tolist() == early["max"].tolist() == [5.0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"typ": "error"}, "there is no filter typ"),
        ({"metric": 5}, "metric=5 is no name; give it as text"),
        ({"metric": None}, "exact=True needs an attribute; name one, such as 'duration_ms'"),
        ({"every": "often"}, "every='often' is no duration"),
        ({"clock": "seq"}, "clock='seq' is unknown; give 'received_at' or 'timestamp'"),
        ({"percentiles": 101}, "percentiles=101 are no percentages; give numbers from 0 to 100"),
        ({"percentiles": ()}, "percentiles=() are no percentages; give numbers from 0 to 100"),
        ({"percentiles": "99"}, "percentiles='99' are no percentages; give numbers from 0 to 100"),
        (
            {"percentiles": [True]},
            "percentiles=[True] are no percentages; give numbers from 0 to 100",
        ),
        (
            {"metric": "ack_latency"},
            "none of these logs has a number as 'ack_latency', and the measurements of that name",
        ),
        ({"by": 5}, "by=5 is no name; give it as text"),
    ],
)
def test_arguments_without_meaning_are_refused_for_an_attribute(
    data: Path, arguments: dict[str, Any], sentence: str
) -> None:
    fill(data)
    with (
        Workbench(data) as wb,
        pytest.raises(UsageError, match=f"^{re.escape(sentence)}"),
    ):
        wb.latency(**{"metric": "x", "exact": True, **arguments})
