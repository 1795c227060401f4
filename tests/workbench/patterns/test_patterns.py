"""The report of patterns: counts that add up, and what is new against another range."""

import math
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
from waterline.errors import NothingFound, UsageError
from workbench.workbench import Workbench

MINUTE = 60_000
DTYPES = {
    "pattern": "str",
    "logs": "int64",
    "share": "float64",
    "type": "str",
    "type_share": "float64",
    "first_seen": "datetime64[us, UTC]",
    "last_seen": "datetime64[us, UTC]",
    "over_time": "str",
    "example_seq": "int64",
    "example": "str",
}
OF_CHANGE = {"before": "int64", "change": "float64", "score": "float64", "is_new": "bool"}


def log(message: str, minutes: float, log_type: str = "info") -> Log:
    return {"type": log_type, "message": message, "timestamp": NOON + int(minutes * MINUTE)}


def assert_dtypes(frame: pd.DataFrame, wanted: dict[str, str]) -> None:
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == wanted
    assert isinstance(frame.index, pd.RangeIndex)


def test_patterns_are_counted_over_hot_and_archived_logs(data: Path) -> None:
    orders = [log(f"order {number} took {number} ms", number) for number in range(4)]
    fill(data, [*orders, log("no stock of 7", 4, "error")])
    archive(data, [(3, PARQUET)])
    fill(data, [log("no stock of 8", 9, "warning"), log("no stock of 9", 8, "error")])
    with Workbench(data) as wb:
        found = wb.patterns()
        newest = wb.logs(contains="stock of 7")
    assert_dtypes(found, DTYPES)
    assert found.to_dict("list") == {
        "pattern": ["order <*> took <*> ms", "no stock of <*>"],
        "logs": [4, 3],
        "share": [4 / 7, 3 / 7],
        "type": ["info", "error"],
        "type_share": [1.0, 2 / 3],
        "first_seen": [pd.Timestamp(NOON + each * MINUTE, unit="ms", tz="UTC") for each in (0, 4)],
        "last_seen": [pd.Timestamp(NOON + each * MINUTE, unit="ms", tz="UTC") for each in (3, 9)],
        "over_time": [found["over_time"][0], found["over_time"][1]],
        "example_seq": [1, newest["seq"][0]],
        "example": ["order 0 took 0 ms", "no stock of 7"],
    }
    assert found["over_time"].str.len().nunique() == 1
    first, second = found["over_time"]
    assert (first[0], first[-1], second[0], second[-1]) == ("█", " ", " ", "█")
    assert found.attrs["logs"] == 7


def test_what_is_new_or_grown_comes_first(data: Path) -> None:
    before = [log(f"order {number}", -number - 1) for number in range(9)]
    before += [log("pool is low", -5, "warning"), log("cleaned up", -4)]
    after = [log(f"order {number}", number) for number in range(9)]
    after += [log("pool is low", each, "warning") for each in range(5)]
    after += [log("pool is empty", each, "error") for each in range(9)]
    fill(data, before + after)
    with Workbench(data, clock=lambda: NOON + 10 * MINUTE) as wb:
        found = wb.patterns(since=NOON, against="before")
        same = wb.patterns(since=NOON, against=(NOON - 10 * MINUTE, NOON))
    assert_dtypes(found, DTYPES | OF_CHANGE)
    pd.testing.assert_frame_equal(found, same)
    assert found["pattern"].tolist() == ["pool is empty", "pool is low", "order <*>"]
    assert found["before"].tolist() == [0, 1, 9]
    assert found["is_new"].tolist() == [True, False, False]
    assert found["change"].tolist() == [math.inf, (5 / 23) / (1 / 11), (9 / 23) / (9 / 11)]
    assert found["score"][0] > found["score"][1] > 0 > found["score"][2]
    assert (found.attrs["logs"], found.attrs["logs_before"]) == (23, 11)


def test_new_pattern_of_one_log_is_before_one_that_grew_much(data: Path) -> None:
    before = [log("pool is low", -1), *(log(f"order {number}", -1) for number in range(9))]
    after = [log("pool is low", 1)] * 50 + [log("rebuild of the index began", 2)]
    fill(data, before + after + [log("cache is cold", 3)] * 2)
    with Workbench(data, clock=lambda: NOON + 5 * MINUTE) as wb:
        found = wb.patterns(since=NOON, against="before")
    assert found["pattern"].tolist() == [
        "cache is cold", "rebuild of the index began", "pool is low",
    ]  # fmt: skip
    assert found["score"][2] > found["score"][0] > found["score"][1]


def test_score_is_dunnings_log_likelihood_ratio(data: Path) -> None:
    fill(data, [log("a", -1)] * 2 + [log("b", -1)] * 8 + [log("a", 1)] * 6 + [log("b", 1)] * 4)
    with Workbench(data, clock=lambda: NOON + 2 * MINUTE) as wb:
        found = wb.patterns(since=NOON, against="before")
    # 2 * sum(k * ln(k / expected)) of the table 6, 4 and 2, 8, by hand.
    expected = 2 * (
        6 * math.log(6 / 4) + 4 * math.log(4 / 6) + 2 * math.log(2 / 4) + 8 * math.log(8 / 6)
    )
    assert found.set_index("pattern")["score"].round(9).to_dict() == {
        "a": round(expected, 9),
        "b": -round(expected, 9),
    }


def test_everything_is_new_against_an_empty_range(data: Path) -> None:
    fill(data, [log("a", 1)])
    with Workbench(data) as wb:
        found = wb.patterns(against=(NOON - MINUTE, NOON))
    assert found[["before", "change", "score", "is_new"]].to_numpy().tolist() == [
        [0, math.inf, 0.0, True]
    ]


def test_pinned_patterns_stay(data: Path) -> None:
    fill(data, [log("a 1", 0)])
    with Workbench(data) as wb:
        pin = wb.pin()
        fill(data, [log("a 2", 1)])
        assert wb.patterns(at=pin)["logs"].tolist() == [1]
        found = wb.patterns()
        assert found["logs"].tolist() == [2]
        assert wb.patterns(at=found.attrs["pin"])["logs"].tolist() == [2]


def test_no_log_is_an_empty_frame_and_the_filter_is_told(data: Path) -> None:
    fill(data, [log("a", 0)])
    with Workbench(data) as wb, pytest.warns(NothingFound, match="type='eror'"):
        found = wb.patterns(type="eror")
    assert_dtypes(found, DTYPES)
    assert len(found) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"against": "before"}, "which has no begin; give since="),
        ({"against": "yesterday"}, "against='yesterday' is unknown; give 'before'"),
        ({"against": ("-1h", "-2h")}, "ends before it begins"),
        ({"against": ("-1h", "x")}, "against='x' is no time"),
        ({"limit": 7}, "limit=7 has no meaning here"),
    ],
)
def test_what_has_no_meaning_is_refused(data: Path, arguments: dict[str, Any], said: str) -> None:
    fill(data, [log("a", 0)])
    with Workbench(data) as wb, pytest.raises(UsageError, match=r"^[^\n]*$") as told:
        wb.patterns(**arguments)
    assert said in str(told.value)


def test_steps_of_years_are_few(data: Path) -> None:
    fill(data, [log("a", minutes) for minutes in (-5_000_000, 0, 1, 5_000_000)])
    with Workbench(data) as wb:
        (bars,) = wb.patterns()["over_time"]
    assert len(bars) <= 20
    assert [bars[0], bars[-1], bars.strip(" ")] == ["▄", "▄", bars]
    assert bars.count("█") == 1


@pytest.mark.slow
@costly(40)
@given(folders_and_filters(), parts)
def test_counts_add_up_to_the_logs(
    case: tuple[list[Batch], dict[str, Any]], archived: list[Part]
) -> None:
    batches, filters = case
    filters.pop("columns", None)
    with part_archived(batches, archived) as wb:
        logs = wb.logs(**filters)
        found = wb.patterns(**filters)
    assert found["logs"].sum() == len(logs) == found.attrs["logs"]
    assert found["pattern"].is_unique
    if len(logs):
        assert found["share"].sum() == pytest.approx(1)
        assert found["first_seen"].min() == logs["timestamp"].min()
        assert found["last_seen"].max() == logs["timestamp"].max()
        by_seq = logs.set_index("seq")["message"]
        assert found["example"].tolist() == by_seq[found["example_seq"]].tolist()
