"""Percentiles by step are those of the sorted numbers, over hot and archived logs."""

import math
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.support.archives import archive
from tests.support.finding import finding
from tests.support.folders import NOON, fill
from waterline.encoding import JSON_GZ, PARQUET
from workbench.explore.percentiles import QUANTILES, percentiles
from workbench.explore.steps import steps_of
from workbench.query.question import ask

pytestmark = pytest.mark.slow

UTC = ZoneInfo("UTC")
MINUTE = 60_000
ODD = ["9", True, None, [1], {"a": 1}]
"""Values that are no numbers."""


def numbers_of(step: int) -> list[float]:
    return [((17 * n * (step + 1)) % 101) / 4 for n in range(3 * step)]


@pytest.mark.parametrize("parts", [[], [(9, PARQUET), (5, JSON_GZ)], [(99, PARQUET)]])
@pytest.mark.parametrize("name", ["ms", "a.ms", "a\0ms"])
def test_percentiles_are_those_of_the_sorted_numbers(
    data: Path, parts: list[Any], name: str
) -> None:
    logs = [
        {"type": "info", "message": "m", "timestamp": NOON + step * MINUTE, name: number}
        for step in range(5)
        for number in [*numbers_of(step), *ODD]
    ]
    fill(data, [*logs, {"type": "info", "message": "m", "timestamp": NOON}])
    archive(data, parts, clear=True)
    steps = steps_of(NOON, NOON + 5 * MINUTE, UTC, 5)
    with finding(data) as found:
        measured = percentiles(found, ask(now=NOON), steps, name)
        for step in range(5):
            numbers = sorted(numbers_of(step))
            assert measured.counts[step] == len(numbers)
            if not numbers:
                assert np.isnan(measured.highest[step])
                assert measured.slowest[step] == 0
                continue
            for share, each in zip(QUANTILES, measured.quantiles, strict=True):
                assert each[step] == numbers[math.ceil(share * len(numbers)) - 1]
            assert measured.highest[step] == numbers[-1]
            (log,) = (
                found.rows(ask(now=NOON))
                .table.filter(
                    np.array(found.rows(ask(now=NOON)).table["seq"]) == measured.slowest[step]
                )
                .to_pylist()
            )
            assert f":{numbers[-1]:g}" in log["attributes"].replace(".0}", "}")


def test_filters_hold_and_numbers_beyond_floats_are_infinite(data: Path) -> None:
    fill(
        data,
        [
            {"type": "error", "message": "m", "timestamp": NOON, "ms": 10**400},
            {"type": "info", "message": "m", "timestamp": NOON, "ms": 5},
        ],
    )
    steps = steps_of(NOON, NOON + MINUTE, UTC, 1)
    with finding(data) as found:
        assert percentiles(found, ask(now=NOON, type="info"), steps, "ms").highest[0] == 5
        assert (
            percentiles(found, ask(now=NOON, query='type~"err"'), steps, "ms").highest[0]
            == math.inf
        )
