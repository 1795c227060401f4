"""Batches of earlier versions beside newer ones: the same questions have the same answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import workbench
from tests.support.archives import archive
from tests.support.folders import NOON, fill
from tests.support.version_2_1 import written_as_version_2_1
from waterline.encoding import PARQUET

LOGS: list[Mapping[str, Any]] = [
    {
        "type": "error" if each % 5 == 0 else "info",
        "message": f"order {each}",
        "timestamp": NOON + each,
        "status": (200, 404, 500)[each % 3],
        "service": f"web-{each % 4}",
        "ms": each / 2 if each % 7 else "none",
        "http": {"path": f"/{each % 2}"},
    }
    for each in range(90)
]


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"where": {"status": (">=", 404)}},
        {"where": {"service": "web-3", "ms": ("<", 20)}},
        {"where": {"ms": "none"}},
        {"where": {"http.path": "/1"}},
        {"query": "service:/web-[12]/ or status:500"},
        {"query": "!http.path:*", "contains": "order"},
        {"contains": "order 8"},
    ],
)
def test_answers_are_those_of_hot_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: dict[str, Any]
) -> None:
    hot, mixed = tmp_path / "hot", tmp_path / "mixed"
    fill(hot, LOGS)
    fill(mixed, LOGS)
    with written_as_version_2_1(monkeypatch):
        archive(mixed, [(30, PARQUET)])
    archive(mixed, [(30, PARQUET)])
    files = sorted((mixed / "archives").glob("*/*.parquet"))
    assert ["attributes_json" in pq.read_schema(each).names for each in files] == [False, True]
    with workbench.connect(hot) as one, workbench.connect(mixed) as other:
        columns = ["seq", "type", "message", "attributes"]
        expected = one.logs(columns=columns, **filters)
        assert other.logs(columns=columns, **filters).equals(expected)
        assert other.count(**filters) == len(expected)
        asked = {"by": "service", "exact": True, **filters}
        assert other.latency("ms", **asked).equals(one.latency("ms", **asked))


def test_no_attributes_leave_the_stored_columns_with_and_without_a_cache(tmp_path: Path) -> None:
    fill(tmp_path, LOGS)
    archive(tmp_path, [(30, PARQUET)])
    with workbench.connect(tmp_path) as kept, workbench.connect(tmp_path, cache=False) as asked:
        expected = kept.logs().drop(columns="attributes")
        assert kept.logs(attributes=[]).equals(expected)
        assert asked.logs(attributes=[]).equals(expected)


@pytest.mark.parametrize("limit", [None, 7])
@pytest.mark.parametrize("odd", [{}, {"status": 2**64, "ms": 1, "service": [1], "ok": True}])
def test_attributes_are_the_same_columns_with_and_without_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: dict[str, Any], limit: int | None
) -> None:
    fill(tmp_path, [*LOGS, {"type": "info", "message": "odd", "timestamp": NOON + 99, **odd}])
    with written_as_version_2_1(monkeypatch):
        archive(tmp_path, [(30, PARQUET)])
    archive(tmp_path, [(30, PARQUET)])
    names = ["status", "ms", "service", "http", "http.path", "ok", "message"]
    with workbench.connect(tmp_path) as kept, workbench.connect(tmp_path, cache=False) as asked:
        for where in (None, {"status": 500}, {"ms": (">=", 0)}):
            of: dict[str, Any] = {
                "attributes": names,
                "where": where,
                "order": "newest",
                "limit": limit,
            }
            expected, found = kept.logs(**of), asked.logs(**of)
            pd.testing.assert_frame_equal(found, expected)
            assert found.drop(columns="http").equals(expected.drop(columns="http"))
