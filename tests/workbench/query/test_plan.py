"""A plan names the files that an answer reads, all of them and no other."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import workbench
from tests.support.archives import archive, change, prune
from tests.support.folders import NOON, fill
from tests.support.sessions import session_of
from waterline.encoding import PARQUET
from waterline.errors import UsageError
from waterline.storage.catalog import ArchivedBatch
from workbench.query.plan import Plan

TYPES = ["info", "info", "error", "info", "info", "error", "error", "info"]


@pytest.fixture
def batches(data: Path) -> list[ArchivedBatch]:
    """Four batches of two logs each, and two hot ones."""
    logs = [
        {"type": each, "message": "m", "timestamp": NOON + place}
        for place, each in enumerate([*TYPES, "info", "error"])
    ]
    fill(data, logs)
    return archive(data, [(2, PARQUET)] * 4, clear=True)


def explained(data: Path, **filters: Any) -> Plan:  # noqa: ANN401 - any filter
    """Return a plan, once it is known that an answer reads the files that it names."""
    with workbench.connect(data) as wb:
        found = wb.explain(**filters)
        read: list[str] = []
        reader = session_of(wb).logs.reader
        before = reader.read_packed

        def noted(batch: ArchivedBatch, *wanted: Any) -> object:  # noqa: ANN401 - what is read of it
            read.append(batch.file)
            return before(batch, *wanted)

        reader.read_packed = noted  # type: ignore[method-assign, assignment]
        wb.logs(**filters)
    assert sorted(read) == [each.file for each in found.files]
    return found


@pytest.mark.parametrize(
    ("filters", "places", "most"),
    [
        ({}, [0, 1, 2, 3], 8),
        ({"type": "error"}, [1, 2, 3], 3),
        ({"since": NOON + 2, "until": NOON + 6}, [1, 2], 4),
        ({"source": "nobody"}, [], 0),
        ({"contains": "m"}, [0, 1, 2, 3], 8),
    ],
)
def test_files_are_those_that_the_catalog_does_not_rule_out(
    data: Path, batches: list[ArchivedBatch], filters: dict[str, Any], places: list[int], most: int
) -> None:
    found = explained(data, **filters)
    assert [each.file for each in found.files] == [batches[place].file for place in places]
    assert (found.left_out, found.pruned, found.most) == (4 - len(places), 0, most)
    assert found.size == sum(batches[place].stored_bytes for place in places)


def test_pin_rules_out_what_came_later(data: Path, batches: list[ArchivedBatch]) -> None:
    with workbench.connect(data) as wb:
        pin = wb.pin()
        assert len(wb.explain(at=replace(pin, seq=3)).files) == 2
        assert len(wb.explain(at=pin).files) == len(batches)


def test_hot_rows_are_found_by_the_index_that_serves(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    assert batches
    with workbench.connect(data) as wb:
        for found in (wb.explain(since=NOON + 8), wb.explain(limit=1)):
            (by_time,) = found.hot
            assert "logs USING INDEX logs_timestamp" in by_time


def test_plan_prints_itself(data: Path, batches: list[ArchivedBatch]) -> None:
    prune(data, batches[:1])
    change(data, [replace(batches[1], uploaded_to="s3://logs", local_removed_at=NOON)])
    with workbench.connect(data) as wb:
        lines = str(wb.explain(type="error")).splitlines()
    assert lines[0] == "from the cache: nothing"
    assert lines[1].startswith("hot rows: ")
    assert lines[2].startswith("archive files: 3 with 6 logs, ")
    assert lines[2].endswith(", 1 of them in object storage")
    assert lines[3:] == [
        "of these at most 3 logs",
        "left out by the catalog: 0 files",
    ]


def test_arguments_without_meaning_are_refused(data: Path, batches: list[ArchivedBatch]) -> None:
    assert batches
    with workbench.connect(data) as wb, pytest.raises(UsageError, match="there is no filter typ;"):
        wb.explain(typ="error")  # type: ignore[call-arg]
