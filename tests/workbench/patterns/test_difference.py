"""The difference of two sets of logs: what counting by hand gives, and the sample's incident."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import Part, archive
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, Log, fill
from tests.support.part_archived import part_archived, parts
from tests.workbench.query.test_scan import folders_and_filters
from waterline.encoding import PARQUET
from waterline.errors import UsageError
from workbench.patterns.difference import LEAST_SCORE
from workbench.patterns.values import MOST_NUMBERS, MOST_VALUES, size_of
from workbench.query.attributes import column_name, query_value
from workbench.samples import day
from workbench.workbench import Workbench

MINUTE = 60_000
DTYPES = {
    "what": "str",
    "value": "str",
    "change": "str",
    "a": "int64",
    "b": "int64",
    "share_a": "float64",
    "share_b": "float64",
    "ratio": "float64",
    "score": "float64",
    "example_seq": "int64",
    "example": "str",
}


def log(message: str, minutes: float, log_type: str = "info", **more: object) -> Log:
    moment = NOON + int(minutes * MINUTE)
    return {"type": log_type, "message": message, "timestamp": moment, **more}


def told(found: pd.DataFrame) -> dict[tuple[str, str], tuple[str, int, int]]:
    columns = (found[name].tolist() for name in ("what", "value", "change", "a", "b"))
    return {(what, value): rest for what, value, *rest_ in zip(*columns, strict=True)
            for rest in [tuple(rest_)]}  # fmt: skip


def test_what_is_new_gone_grown_and_shrunk_is_told(data: Path) -> None:
    before = [log(f"order {n}", -1 - n / 100, service="shop", status=200) for n in range(40)]
    before += [log("swept", -2, service="cron", job="sweep") for _ in range(20)]
    after = [log(f"order {n}", n / 100, service="shop", status=200) for n in range(20)]
    after += [log("no stock", 1, "error", service="shop", status=503) for _ in range(20)]
    fill(data, [*before, *after[:10]], source="web")
    archive(data, [(50, PARQUET)])
    fill(data, after[10:], source="db")
    with Workbench(data, clock=lambda: NOON + 5 * MINUTE) as wb:
        found = wb.diff("before", {"since": NOON})
        as_ranges = wb.diff((NOON - 5 * MINUTE, NOON), (NOON, NOON + 5 * MINUTE))
        as_frames = wb.diff(wb.logs(until=NOON), wb.logs(since=NOON, attributes="all"))
        mixed = wb.diff(wb.logs(until=NOON), {"since": NOON})
        example = wb.logs(type="error").iloc[0]
    assert {name: str(kind) for name, kind in found.dtypes.items()} == DTYPES
    for other in (as_ranges, as_frames, mixed):
        pd.testing.assert_frame_equal(found, other)
    assert told(found) == {
        ("source", "web"): ("shrunk", 60, 10),
        ("source", "db"): ("new", 0, 30),
        ("type", "error"): ("new", 0, 20),
        ("type", "info"): ("shrunk", 60, 20),
        ("status", "503"): ("new", 0, 20),
        ("pattern", "no stock"): ("new", 0, 20),
        ("pattern", "swept"): ("gone", 20, 0),
        ("job", "sweep"): ("gone", 20, 0),
        ("service", "cron"): ("gone", 20, 0),
        ("service", "shop"): ("grown", 40, 40),
    }
    assert found["score"].is_monotonic_decreasing
    (row,) = found[(found["what"] == "pattern") & (found["change"] == "new")].to_dict("records")
    assert (row["example_seq"], row["example"]) == (example["seq"], "no stock")
    assert (row["share_a"], row["share_b"], row["ratio"]) == (0.0, 0.5, math.inf)
    assert (found.attrs["logs_a"], found.attrs["logs_b"]) == (60, 40)


def test_new_pattern_is_told_even_if_it_is_there_once(data: Path) -> None:
    usual = [log("order", minutes / 100 - 1) for minutes in range(200)]
    fill(data, [*usual, log("index rebuilt", 0.5, job="rebuild")])
    with Workbench(data) as wb:
        found = wb.diff({"until": NOON}, {"since": NOON})
    assert told(found) == {("pattern", "index rebuilt"): ("new", 0, 1)}


def test_many_numbers_are_compared_by_size_and_many_texts_as_a_whole(data: Path) -> None:
    before = [log("m", -1, ms=n, request=f"a{n}") for n in range(MOST_NUMBERS)]
    before += [log("m", -1, few=n % 2) for n in range(MOST_VALUES)]
    after = [log("m", 1, ms=5_000 + n, request=f"b{n}", few=n % 2) for n in range(MOST_VALUES)]
    fill(data, [*before, *after])
    with Workbench(data) as wb:
        found = wb.diff({"until": NOON}, {"since": NOON})
    rows = told(found)
    assert rows["ms", "5,000 to 10,000"] == ("new", 0, MOST_VALUES)
    assert rows["ms", "20 to 50"] == ("gone", 30, 0)
    assert rows["request", "any value"] == ("grown", MOST_NUMBERS, MOST_VALUES)
    assert not {value for what, value in rows if what == "request"} - {"any value"}
    assert {("few", "0"), ("few", "1")} & rows.keys() == set()
    assert found.attrs["uncounted"] == ["request"]


@pytest.mark.parametrize(
    ("number", "size"),
    [
        (0, "0"),
        (1, "1 to 2"),
        (1.999, "1 to 2"),
        (2, "2 to 5"),
        (999.9, "500 to 1,000"),
        (1_000, "1,000 to 2,000"),
        (-7, "-5 to -10"),
        (0.3, "0.2 to 0.5"),
        (1e-12, "0 to 1e-09"),
        (10**400, "5e+18 and beyond"),
    ],
)
def test_numbers_have_a_size_each(number: float, size: str) -> None:
    assert size_of(number) == size


@pytest.mark.slow
def test_incident_of_the_sample_is_in_the_first_rows(data: Path) -> None:
    fill(data, day(100_000))
    with Workbench(data) as wb:
        found = wb.diff(
            ("2026-03-17T13:00", "2026-03-17T14:00"), ("2026-03-17T14:00", "2026-03-17T15:00")
        )
    first = told(found.head(6))
    assert ("type", "error") in first
    assert ("duration_ms", "5,000 to 10,000") in first
    patterns = found[found["what"] == "pattern"]
    assert "no free connection" in patterns["value"].iloc[0]
    assert patterns["change"].iloc[0] == "new"
    assert any(patterns["value"].str.contains("Maintenance"))


def counts_of(logs: pd.DataFrame) -> Counter[tuple[str, str]]:
    """Count texts, truths and single numbers by hand."""
    counts: Counter[tuple[str, str]] = Counter()
    for log_type, source, text in zip(
        logs["type"], logs["source"], logs["attributes"], strict=True
    ):
        counts.update([("type", log_type), ("source", source)])
        for name, value in json.loads(text).items():
            if isinstance(value, str | bool | int | float):
                counts[column_name(name), query_value(value)] += 1
    return counts


@pytest.mark.slow
@costly(40)
@given(folders_and_filters(), parts, st.booleans())
def test_counts_are_those_of_both_sets(
    case: tuple[list[Batch], dict[str, Any]], archived: list[Part], as_frame: bool
) -> None:
    batches, filters = case
    filters.pop("columns", None)
    with part_archived(batches, archived) as wb:
        a, b = wb.logs(), wb.logs(**filters)
        found = wb.diff(a if as_frame else {}, b if as_frame else filters)
    assert (found.attrs["logs_a"], found.attrs["logs_b"]) == (len(a), len(b))
    sides = counts_of(a), counts_of(b)
    numbers = {(what, value) for what, value in told(found) if what != "pattern"}
    for row in found.to_dict("records"):
        key = row["what"], row["value"]
        if key in numbers and row["value"] != "any value":
            assert (row["a"], row["b"]) == (sides[0][key], sides[1][key])
        assert row["score"] >= LEAST_SCORE or (row["what"], row["change"]) == ("pattern", "new")
    patterns = found[found["what"] == "pattern"]
    assert patterns["a"].sum() <= len(a)
    # Nothing is new in a part of the logs.
    assert "new" not in set(found["change"])


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("before", "before", "one of the two sets can be 'before'"),
        ("yesterday", {"since": "-1h"}, "a='yesterday' is unknown"),
        ({"since": "-1h"}, "after", "b='after' is unknown"),
        ("before", {}, "which has no begin; give since="),
        (7, {}, "a=7 is no set of logs"),
        ({}, pd.DataFrame({"x": [1]}), "b has no column message"),
        ("before", pd.DataFrame({"message": ["x"]}), "a='before' is unknown beside DataFrame"),
        ({"limit": 3}, {}, "limit=3 has no meaning here"),
        ({"tpye": "x"}, {}, "there is no filter tpye"),
    ],
)
def test_what_has_no_meaning_is_refused(data: Path, a: Any, b: Any, said: str) -> None:  # noqa: ANN401
    fill(data, [log("m", 0)])
    with Workbench(data) as wb, pytest.raises(UsageError, match=said):
        wb.diff(a, b)
