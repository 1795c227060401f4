"""wb.compression and wb.compression_compare, as an analyst asks for them."""

import inspect
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tests.support.archived import batch, record
from tests.support.folders import Log, fill
from waterline.errors import UsageError
from workbench.query.question import Filters
from workbench.reports.compression_compare import ENCODINGS
from workbench.workbench import Workbench

LOGS: list[Log] = [
    {"type": "error" if n % 5 == 0 else "info", "message": f"number {n}", "n": n}
    for n in range(100)
]


def test_archives_are_reported_and_drawn_without_a_file(data: Path) -> None:
    fill(data, LOGS)
    record(data, batch(1), batch(2))
    with Workbench(data) as wb:
        report = wb.compression()
        assert report["rows"].tolist() == [1000, 1000]
        assert isinstance(wb.figure(report), Figure)


def test_codecs_are_compared_over_the_logs_that_are_asked_for(data: Path) -> None:
    fill(data, LOGS)
    with Workbench(data) as wb:
        assert set(wb.compression_compare(1, type="error")["rows"]) == {20}
        assert set(wb.compression_compare(1, limit=7)["rows"]) == {7}
        report = wb.compression_compare(rounds=1)
        assert set(report["rows"]) == {100}
        assert len(report) == len(ENCODINGS)
        assert isinstance(wb.figure(report), Figure)


def test_codecs_are_compared_over_a_hundred_thousand_logs_unless_told_otherwise(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, LOGS)
    monkeypatch.setattr("workbench.workbench._COMPARED", 30)
    with Workbench(data) as wb:
        assert set(wb.compression_compare(1)["rows"]) == {30}
        assert set(wb.compression_compare(1, limit=None)["rows"]) == {30}
        assert set(wb.compression_compare(1, limit=50)["rows"]) == {50}


def test_compression_compare_refuses_a_folder_without_logs(data: Path) -> None:
    fill(data, LOGS)
    with Workbench(data) as wb, pytest.raises(UsageError, match="there are no logs"):
        wb.compression_compare(type="none such")


def test_order_of_logs_has_no_meaning_for_codecs(data: Path) -> None:
    fill(data, LOGS)
    with Workbench(data) as wb, pytest.raises(UsageError, match="order='newest' has no meaning"):
        wb.compression_compare(order="newest")


def test_help_shows_each_filter() -> None:
    shown = set(inspect.signature(Workbench.compression_compare).parameters)
    assert shown >= {"rounds", *Filters.__annotations__}
