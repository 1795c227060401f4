"""What was not stored: counted by reason and source, for a range."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.folders import NOON
from waterline.metrics.recorder import Series
from waterline.metrics.rollup_store import RollupStore
from waterline.metrics.summary import Summary
from waterline.storage.folder import DataFolder
from workbench.reports.refusals import Refusals, refusals

pytestmark = pytest.mark.slow

_ROWS = (
    (NOON, "logs_rejected", "reason", "type", 2),
    (NOON + 1_000, "logs_rejected", "reason", "type", 3),
    (NOON + 1_000, "logs_rejected", "reason", "json", 7),
    (NOON + 1_000, "logs_rejected", "source", "edge", 12),
    (NOON + 1_000, "logs_duplicate", "source", "edge", 4),
    (NOON + 9_000, "logs_duplicate", "source", "late", 1),
)


@pytest.fixture
def metrics(data: Path) -> Path:
    """A metrics.db with logs that were refused and such as came twice."""
    folder = DataFolder(data)
    folder.create()
    rows = {}
    for begin, metric, dimension, label, count in _ROWS:
        summary = rows[begin, Series(metric, dimension, label)] = Summary()
        summary.add_count(count, count)
    with closing(RollupStore(folder.metrics)) as file:
        file.begin("test", 0, NOON)
        file.write(rows, {}, 0)
    return folder.metrics


def test_refusals_are_counted_once_each_the_most_frequent_first(metrics: Path) -> None:
    found = refusals(metrics, NOON, NOON + 60_000)
    assert list(found.rejected.items()) == [("json", 7), ("type", 5)]
    assert list(found.duplicates.items()) == [("edge", 4), ("late", 1)]


def test_range_counts_only_what_was_refused_in_it(metrics: Path) -> None:
    assert refusals(metrics, NOON, NOON + 1_000) == Refusals({"type": 2}, {})


def test_refusals_without_measurements_are_empty(data: Path) -> None:
    assert refusals(data / "metrics.db", 0, NOON) == Refusals({}, {})
