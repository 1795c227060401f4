"""The latency report: exact for attributes, within the stated error for the server's own."""

import itertools
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import DataFolderError, NewerSchema, UsageError
from server.formats import Format
from server.monitor.performance import PerformanceMonitor
from server.monitor.rollups import Rollups
from server.monitor.sketch import RELATIVE_ERROR
from tests.support.archives import archive, path_of
from tests.support.folders import NOON, Log, alter, fill
from tests.support.processes import serving
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
    quantiles = [float(np.quantile(values, q)) for q in (0.5, 0.95, 0.99)]
    return [float(np.mean(sorted(values))), min(values), *quantiles, max(values)]


def roll_up(data: Path, *seconds: tuple[int, Sequence[float]], metric: str = "ack_latency") -> None:
    """Write values into metrics.db as the server does, each with the second it belongs to."""
    for second, values in seconds:
        monitor = PerformanceMonitor()
        for value in values:
            monitor.record(metric, value)
        # A flush is for the second that has just ended; stopping flushes.
        clock = partial(int, second + 1000)
        rollups = Rollups(data / "metrics.db", monitor, retention=10**15, clock=clock)
        rollups.start()
        rollups.stop()


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.floats(-1e9, 1e9) | st.integers(-(2**53), 2**53), min_size=1, max_size=40))
def test_percentiles_are_those_of_numpy_exactly(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    data = tmp_path_factory.mktemp("data")
    fill(data, measured("duration_ms", *values))
    with Workbench(data) as wb:
        frame = wb.latency("duration_ms")
    assert_dtypes(frame)
    assert frame["metric"].tolist() == ["duration_ms"]
    assert frame["count"].tolist() == [len(values)]
    assert frame[MEASURED].iloc[0].tolist() == describe([float(each) for each in values])
    assert frame["relative_error"].tolist() == [0.0]


def test_numbers_whose_sum_is_beyond_a_float_have_a_mean_and_percentiles(data: Path) -> None:
    most = 1.7e308
    fill(data, [*measured("x", most, most), *measured("y", -most, most, 5e-324)])
    with Workbench(data) as wb:
        assert wb.latency("x")[MEASURED].iloc[0].tolist() == [most] * len(MEASURED)
        of_y = wb.latency("y").iloc[0]
    assert of_y[["mean", "min", "p50", "max"]].tolist() == [0.0, -most, 0.0, most]
    assert of_y["p95"] == pytest.approx(0.9 * most)


def test_what_is_no_number_does_not_count(data: Path) -> None:
    values = [1, 2.5, True, False, None, "3", [4], {"a": 5}, 10**400]
    fill(data, [*measured("x", *values), {"type": "info", "message": "lacks it"}])
    with Workbench(data) as wb:
        frame = wb.latency("x")
    assert_dtypes(frame)
    assert frame["count"].tolist() == [2]
    assert frame[MEASURED].iloc[0].tolist() == describe([1.0, 2.5])


@pytest.mark.parametrize("values", [[], ["text"], [True], [None], [10**400]])
def test_no_number_at_all_gives_an_empty_frame_of_the_same_dtypes(
    data: Path, values: list[object]
) -> None:
    fill(data, measured("x", *values))
    with Workbench(data) as wb:
        assert wb.latency("x").empty
        assert_dtypes(wb.latency("x"))
        assert_dtypes(wb.latency("x", by="type"), by="type")
        assert_dtypes(wb.latency("x", by="host"), by="host")


def test_a_column_groups(data: Path) -> None:
    fill(data, measured("x", 1, 2, 3, type="slow") + measured("x", 10, 20, type="error"))
    with Workbench(data) as wb:
        frame = wb.latency("x", by="type")
    assert_dtypes(frame, by="type")
    assert frame["type"].tolist() == ["error", "slow"]
    assert frame["count"].tolist() == [2, 3]
    assert frame[MEASURED].iloc[0].tolist() == describe([10.0, 20.0])
    assert frame[MEASURED].iloc[1].tolist() == describe([1.0, 2.0, 3.0])


def test_an_attribute_groups_and_logs_without_it_are_a_group_too(data: Path) -> None:
    fill(
        data,
        measured("x", 1, host="b") + measured("x", 2, 3, host="a") + measured("x", 4, 5, 6),
    )
    with Workbench(data) as wb:
        frame = wb.latency("x", by="host")
    assert_dtypes(frame, by="host")
    assert frame["host"].isna().tolist() == [False, False, True]
    assert frame["host"].tolist()[:2] == ["a", "b"]
    assert frame["count"].tolist() == [2, 1, 3]


def test_groups_without_a_number_are_left_out(data: Path) -> None:
    fill(data, measured("x", 1, host="a") + measured("x", "text", host="b"))
    with Workbench(data) as wb:
        assert wb.latency("x", by="host")["host"].tolist() == ["a"]


def test_numbers_group_in_their_order(data: Path) -> None:
    fill(data, [log for n in (1000, 200, 30) for log in measured("x", 1, status=n)])
    with Workbench(data) as wb:
        assert wb.latency("x", by="status")["status"].tolist() == ["30", "200", "1000"]


def test_mixed_and_nested_values_group_as_their_json(data: Path) -> None:
    groups = [1, True, "a", {"k": 1}, [1, "b"], {"k": 1}]
    fill(data, [log for each in groups for log in measured("x", 1, g=each)])
    with Workbench(data) as wb:
        frame = wb.latency("x", by="g")
    assert dict(zip(frame["g"], frame["count"], strict=True)) == {
        "1": 1,
        "true": 1,
        "a": 1,
        '{"k":1}': 2,
        '[1,"b"]': 1,
    }


@pytest.mark.parametrize("name", ["metric", "count", "p50"])
def test_a_group_named_like_a_column_of_the_report_gets_a_prefix(data: Path, name: str) -> None:
    fill(data, measured("x", 1, 2, **{name: "a"}))
    with Workbench(data) as wb:
        frame = wb.latency("x", by=name)
    assert_dtypes(frame, by=f"attributes.{name}")
    assert frame["metric"].tolist() == ["x"]
    assert frame[f"attributes.{name}"].tolist() == ["a"]
    assert frame["count"].tolist() == [2]


def test_an_attribute_named_like_a_stored_column_is_the_attribute(data: Path) -> None:
    fill(data, measured("seq", 70, 80) + measured("attributes.seq", 5))
    with Workbench(data) as wb:
        frame = wb.latency("seq", by="source")
        assert wb.latency("attributes.seq")["max"].tolist() == [5.0]
    assert frame["metric"].tolist() == ["seq"]
    assert frame["source"].tolist() == ["test"]
    assert frame[["min", "max"]].iloc[0].tolist() == [70.0, 80.0]


def test_an_attribute_can_be_grouped_by_itself(data: Path) -> None:
    fill(data, measured("x", 1, 1, 2))
    with Workbench(data) as wb:
        frame = wb.latency("x", by="x")
    assert frame["x"].tolist() == ["1", "2"]
    assert frame["count"].tolist() == [2, 1]


def test_filters_choose_the_logs(data: Path) -> None:
    logs = [
        {"type": each, "message": "m", "timestamp": n, "x": n}
        for n, each in enumerate(["info", "error"] * 5)
    ]
    fill(data, logs)
    with Workbench(data) as wb:
        assert wb.latency("x", type="error")["max"].tolist() == [9.0]
        assert wb.latency("x", since=3, until=6)["mean"].tolist() == [4.0]
        assert wb.latency("x", where={"x": ("<", 2)})["count"].tolist() == [2]
        assert wb.latency("x", limit=3)["min"].tolist() == [7.0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"typ": "error"}, "there is no filter typ"),
        ({"attribute": 5}, "attribute=5 is no name; give it as text"),
        ({"by": 5}, "by=5 is no name; give it as text"),
    ],
)
def test_what_makes_no_sense_is_refused_for_an_attribute(
    data: Path, arguments: dict[str, Any], sentence: str
) -> None:
    fill(data)
    with (
        Workbench(data) as wb,
        pytest.raises(UsageError, match=f"^{re.escape(sentence)}"),
    ):
        wb.latency(**{"attribute": "x", **arguments})


def test_no_measurements_give_an_empty_frame_of_the_same_dtypes(data: Path) -> None:
    fill(data)
    with Workbench(data) as wb:
        assert wb.latency().empty
        assert_dtypes(wb.latency())
    roll_up(data, (NOON, [1.0]), metric="commit_duration")
    with Workbench(data) as wb:
        assert wb.latency().empty
        assert_dtypes(wb.latency())


def test_seconds_are_merged_within_the_stated_error(data: Path) -> None:
    fill(data)
    values = [float(each) ** 1.5 + 0.01 for each in range(1000)]
    roll_up(data, *((NOON + n * 1000, values[n::10]) for n in range(10)))
    with Workbench(data) as wb:
        frame = wb.latency()
    assert_dtypes(frame)
    assert frame["metric"].tolist() == ["ack_latency"]
    assert frame["count"].tolist() == [1000]
    assert frame["relative_error"].tolist() == [RELATIVE_ERROR]
    assert frame[["min", "max"]].iloc[0].tolist() == [min(values), max(values)]
    assert frame["mean"].iloc[0] == pytest.approx(np.mean(values))
    for q in (50, 95, 99):
        exact = float(np.quantile(values, q / 100, method="inverted_cdf"))
        assert frame[f"p{q}"].iloc[0] == pytest.approx(exact, rel=RELATIVE_ERROR)


def test_since_is_inclusive_and_until_exclusive(data: Path) -> None:
    fill(data)
    roll_up(data, *((NOON + n * 1000, [float(n)]) for n in range(1, 6)))
    with Workbench(data, clock=lambda: NOON + 10_000) as wb:

        def bounds(**filters: Any) -> list[float]:  # noqa: ANN401 - since and until
            frame = wb.latency(**filters)
            return [float(each) for each in frame[["min", "max"]].to_numpy().ravel()]

        assert bounds() == [1.0, 5.0]
        assert bounds(since=NOON + 2000) == [2.0, 5.0]
        assert bounds(until=NOON + 4000) == [1.0, 3.0]
        assert bounds(since=NOON + 2001, until=NOON + 4001) == [3.0, 4.0]
        assert bounds(since="-7s", until="-6s") == [3.0, 3.0]
        assert bounds(since=NOON + 6000) == []
        assert bounds(since="2026-03-17T12:00:05Z") == [5.0, 5.0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"by": "type"}, "by='type' wants an attribute; ack latency is measured as one"),
        ({"type": "error"}, "type='error' has no meaning here; leave it out"),
        ({"source": "web"}, "source='web' has no meaning here; leave it out"),
        ({"contains": "x"}, "contains='x' has no meaning here; leave it out"),
        ({"where": {"a": 1}}, "where={'a': 1} has no meaning here; leave it out"),
        ({"order": "oldest"}, "order='oldest' has no meaning here; leave it out"),
        ({"limit": 5}, "limit=5 has no meaning here; leave it out"),
        ({"typ": "error"}, "there is no filter typ; the filters are"),
        ({"since": "soon"}, "since='soon' is no time"),
        ({"since": 2, "until": 1}, "since=2 lies after until=1; swap them"),
    ],
)
def test_what_makes_no_sense_is_refused_for_acks(
    data: Path, arguments: dict[str, Any], sentence: str
) -> None:
    fill(data)
    with (
        Workbench(data) as wb,
        pytest.raises(UsageError, match=f"^{re.escape(sentence)}"),
    ):
        wb.latency(**arguments)


def test_measurements_of_a_later_version_are_refused(data: Path) -> None:
    fill(data)
    roll_up(data, (NOON, [1.0]))
    alter(data / "metrics.db", "PRAGMA user_version = 99")
    with Workbench(data) as wb, pytest.raises(NewerSchema, match=r"metrics\.db has schema"):
        wb.latency()


def test_damaged_measurements_are_refused_in_a_sentence(data: Path) -> None:
    fill(data)
    (data / "metrics.db").write_bytes(b"no database, but long enough to look at" * 100)
    with Workbench(data) as wb, pytest.raises(DataFolderError) as refused:
        wb.latency()
    assert str(refused.value).startswith(f"{data / 'metrics.db'} cannot be read: ")
    assert "\n" not in str(refused.value)


def test_archived_logs_matter_to_attributes_alone(data: Path) -> None:
    fill(data, measured("x", 1, 2))
    roll_up(data, (NOON, [1.0]))
    (batch,) = archive(data, [(1, Format.PARQUET)])
    with Workbench(data) as wb:
        assert wb.latency("x")["count"].tolist() == [2]
        path_of(data, batch).unlink()
        assert wb.latency()["count"].tolist() == [1]


@pytest.mark.slow
def test_a_real_server_measures_each_ack(data: Path) -> None:
    with serving(data) as server:
        socket = server.connect()
        for number in range(100):
            socket.send(f'{{"type":"info","message":"m{number}"}}')
        acks = [msgspec.json.decode(socket.recv()) for _ in range(100)]
        socket.close()
        assert {each["type"] for each in acks} == {"ack"}
    with Workbench(data) as wb:
        frame = wb.latency()
        assert wb.count() == 100
    assert_dtypes(frame)
    assert frame["count"].tolist() == [100]
    figures = frame[["min", "p50", "p95", "p99", "max"]].iloc[0].tolist()
    assert all(low <= high for low, high in itertools.pairwise(figures))
    assert figures[0] > 0
    assert figures[-1] < 60_000
