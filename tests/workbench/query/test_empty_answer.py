"""Answers without a log: the filter that left none is named, and the nearest name that exists."""

import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import workbench
from tests.support.archives import archive
from tests.support.folders import NOON, fill
from waterline.encoding import PARQUET
from waterline.errors import NothingFound
from waterline.storage.folder import DataFolder
from workbench.exports.export import export_logs
from workbench.exports.formats import ExportFormat
from workbench.query import empty_answer as nothing
from workbench.query.question import ask

APRIL, MARCH = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
LOGS = [
    {"type": kind, "message": "m", "timestamp": NOON, "status": 500, "path": "/a", "ok": True}
    for kind in ("error", "info")
]
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"type": "eror"}, "type='eror' .*did you mean 'error'"),
    ({"type": "ERROR"}, "did you mean 'error'"),
    ({"type": ["x", "y"]}, "there are 'error', 'info'"),
    ({"source": "tst"}, "source='tst' .*did you mean 'test'"),
    ({"where": {"statuss": 500}}, "attribute 'statuss'; did you mean 'status'"),
    ({"where": {"status": "500"}}, "'500' is text, and in the logs status is a number"),
    ({"where": {"path": 1}}, "1 is a number, and in the logs path is text"),
    ({"where": {"ok": "true"}}, "is true or false"),
    ({"where": {"type": "error"}}, "the column of that name"),
    ({"since": NOON // 1000, "until": NOON // 1000 + 60}, f"seconds, give {NOON // 1000 * 1000}"),
    ({"since": NOON * 1000}, f"microseconds, give {NOON}"),
    ({"since": NOON * 10**6}, f"nanoseconds, give {NOON}"),
    ({"since": NOON + 60_000}, "the newest is of 2026-03-17T12:00:00.000Z"),
    ({"since": NOON, "until": NOON}, "is not before until=.*: no log lies between"),
    ({"where": {"path": "/A"}}, "'/A'; did you mean '/a'"),
    ({"where": {"path": ("in", ["/aa", "/aaa"])}}, "did you mean '/a'"),
    ({"until": NOON}, "the oldest is of 2026-03-17T12:00:00.000Z"),
]
CALLS: list[Callable[[Any, dict[str, Any]], object]] = [
    lambda wb, filters: wb.logs(**filters),
    lambda wb, filters: wb.count(**filters),
    lambda wb, filters: wb.arrow(**filters),
    lambda wb, filters: [*wb.iter_logs(**filters)],
    lambda wb, filters: wb.throughput(exact=True, clock="timestamp", **filters),
    lambda wb, filters: wb.latency("status", exact=True, clock="timestamp", **filters),
]


@pytest.mark.parametrize(("filters", "sentence"), MISTAKES)
@pytest.mark.parametrize("is_archived", [False, True])
def test_filter_that_left_none_is_named(
    data: Path, *, is_archived: bool, filters: dict[str, Any], sentence: str
) -> None:
    fill(data, LOGS)
    if is_archived:
        archive(data, [(2, PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        for call in CALLS:
            with pytest.warns(NothingFound, match=sentence) as told:
                call(wb, filters)
            assert [Path(each.filename).name for each in told] == [Path(__file__).name]
    exported = export_logs(
        DataFolder(data), ask(now=NOON, **filters), ExportFormat.CSV, data / "logs.csv"
    )
    assert exported.why_none is not None


STATEMENTS: list[tuple[str, Any, str]] = [
    ("type = 'eror'", None, "type='eror' .*did you mean 'error'"),
    ("'eror' = type", None, "did you mean 'error'"),
    ("seq > 0 AND type IN ('eror', 'inf')", None, "did you mean 'error'"),
    ("logs.type = ?", ["eror"], "did you mean 'error'"),
    ("type = $kind", {"kind": "eror"}, "did you mean 'error'"),
    ("source = 'tst'", None, "source='tst' .*did you mean 'test'"),
    ("attributes->>'statuss' = '500'", None, "'statuss'; did you mean 'status'"),
    ("CAST(attributes->>'$.statuss' AS INT) > 400", None, "'statuss'; did you mean 'status'"),
    ("json_extract_string(attributes, 'pth') = '/a'", None, "'pth'; did you mean 'path'"),
    ("timestamp > '2027-01-01'", None, "the newest is of 2026-03-17T12:00:00.000Z"),
    ("timestamp < TIMESTAMPTZ '2025-01-01'", None, "the oldest is of 2026-03-17T12:00:00.000Z"),
    ("timestamp BETWEEN '2026-04-01' AND '2026-03-01'", None, "no log lies between"),
    ("timestamp > ? AND timestamp < ?", [APRIL, MARCH], "no log lies between"),
]
ASKED = [
    "SELECT * FROM logs WHERE {}",
    "SELECT count(*), sum(seq) FROM logs WHERE {}",
    "WITH chosen AS (SELECT * FROM logs WHERE {}) SELECT type, count(*) FROM chosen GROUP BY type",
]


@pytest.mark.parametrize(("condition", "values", "sentence"), STATEMENTS)
@pytest.mark.parametrize("asked", ASKED)
def test_comparison_of_sql_that_left_none_is_named(
    data: Path,
    asked: str,
    condition: str,
    values: Any,  # noqa: ANN401 - as DuckDB takes them
    sentence: str,
) -> None:
    fill(data, LOGS)
    with workbench.connect(data) as wb, pytest.warns(NothingFound, match=sentence) as told:
        wb.sql(asked.format(condition), values)
    assert [Path(each.filename).name for each in told] == [Path(__file__).name]


def test_tool_on_the_engine_is_told_at_the_line_of_the_analyst(data: Path) -> None:
    fill(data, LOGS)
    with workbench.connect(data) as wb, pytest.warns(NothingFound, match="'error'") as told:
        pd.read_sql("SELECT * FROM logs WHERE type = 'eror'", wb.engine)
    assert [Path(each.filename).name for each in told] == [Path(__file__).name]


def test_old_type_among_many_newer_logs_is_not_told_as_a_mistake(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nothing, "TYPED", 2)
    fill(data, [{"type": kind, "message": "m"} for kind in ("fatal", "info", "info", "info")])
    with workbench.connect(data) as wb:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert wb.count(type="fatal", contains="x") == 0
        with pytest.warns(NothingFound, match="no log has it"):
            wb.count(type="fatl")
        with pytest.warns(NothingFound, match="of the newest 2 hot logs .*did you mean 'info'"):
            wb.count(type="inof", contains="x")


def test_long_attributes_are_not_looked_at(data: Path) -> None:
    fill(data, [*LOGS, {"type": "info", "message": "m", "long": "x" * 10_000}])
    with (
        workbench.connect(data) as wb,
        pytest.warns(NothingFound, match="none of the 2 logs looked at"),
    ):
        wb.count(where={"lng": "x"})


def test_attribute_that_no_log_has_is_named(data: Path) -> None:
    fill(data, LOGS)
    with (
        workbench.connect(data) as wb,
        pytest.warns(NothingFound, match="'pth'; did you mean 'path'"),
    ):
        wb.logs(attributes=["pth", "status"])


def test_answer_that_is_rightly_empty_warns_of_nothing(data: Path) -> None:
    fill(data, LOGS)
    with workbench.connect(data) as wb, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wb.count(where={"status": 404}) == 0
        assert wb.logs(contains="x").empty
        assert wb.logs(limit=0).empty
        assert wb.count(where={"path": "/nothing-like-it"}) == 0
        assert wb.sql("SELECT * FROM logs WHERE attributes->>'status' = '404'").empty
        assert wb.sql("SELECT * FROM logs WHERE type = 'error' OR type = 'eror' LIMIT 0").empty
        assert wb.sql("SELECT * FROM archive_batches WHERE file = 'x'").empty
        assert wb.sql("SELECT count(*) AS n FROM logs WHERE contains(message, 'x')")["n"][0] == 0
