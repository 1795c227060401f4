"""Answers without a log: the filter that left none is named, and the nearest name that exists."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import workbench
from server.errors import NothingFound
from server.formats import Format
from server.store.folder import DataFolder
from tests.support.archives import archive
from tests.support.folders import NOON, fill
from workbench.asking.question import ask
from workbench.exports.export import export_logs
from workbench.exports.formats import ExportFormat

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
        archive(data, [(2, Format.PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        for call in CALLS:
            with pytest.warns(NothingFound, match=sentence) as told:
                call(wb, filters)
            assert [Path(each.filename).name for each in told] == [Path(__file__).name]
    exported = export_logs(
        DataFolder(data), ask(now=NOON, **filters), ExportFormat.CSV, data / "logs.csv"
    )
    assert exported.why_none is not None


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
