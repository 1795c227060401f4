"""`waterline archive list`: each batch and where it lies, in columns that nothing breaks."""

import re
from pathlib import Path

import pytest

from tests.support.archive_runs import catalog
from tests.support.archived import batch
from tests.support.folders import NOON, fill
from tests.support.said import Waterline, said
from waterline.recognition.time_values import MAX_TIMESTAMP
from workbench.cli.archive.list import listing

BUCKET = "s3://logs/water"


def places(lines: list[str]) -> list[str]:
    """Return what stands below WHERE."""
    at = lines[0].index("WHERE")
    return [line[at:] for line in lines[1:-1]]


def test_listing_tells_where_each_batch_lies() -> None:
    lines = listing(
        [
            batch(1, pruned_at=NOON),
            batch(2, uploaded_to=BUCKET, uploaded_at=NOON, local_removed_at=NOON),
            batch(3, uploaded_to=BUCKET, uploaded_at=NOON),
            batch(4),
        ]
    )
    assert places(lines) == ["pruned 2026-03-17", BUCKET, f"here, {BUCKET}", "here"]
    assert lines[-1] == "3,000 logs in 3 batches: 878.9 KiB as JSON, 87.9 KiB stored, 90.0% saved"


def test_listing_of_pruned_batches_has_no_sum() -> None:
    lines = listing([batch(1, pruned_at=NOON)])
    assert len(lines) == 2


def test_listing_keeps_the_longest_values_in_their_columns() -> None:
    long = batch(
        2,
        file="2026-01-02/batch-12345.json.gz",
        rows=10**9,
        first_timestamp=-(10**12),
        last_timestamp=MAX_TIMESTAMP,
        stored_bytes=600_000,
    )
    lines = listing([batch(1), long])
    assert len({line.index("here") for line in lines[1:-1]}) == 1
    assert re.split(" {2,}", lines[2]) == [
        "2026-01-02/batch-12345.json.gz",
        "1,000,000,000",
        "1938-04-24 22:13:20",
        "9999-12-31 23:59:59",
        "585.9 KiB",
        "-100.0%",
        "here",
    ]


@pytest.mark.slow
def test_list_is_aligned_and_ends_with_the_sum(archived: Path, waterline: Waterline) -> None:
    code, (header, *rows, total), errors = said(waterline("list"))
    assert (code, errors) == (0, "")
    assert header.split() == ["FILE", "LOGS", "FROM", "TO", "STORED", "SAVED", "WHERE"]
    assert [row.split()[:2] for row in rows] == [
        [each.file, str(each.rows)] for each in catalog(archived)
    ]
    assert rows[1].split()[2:4] == ["1969-12-31", "23:59:59"]
    for name in ("FROM", "TO", "WHERE"):
        at = header.index(f"  {name}") + 2
        assert all(row[at - 2 : at] == "  " != row[at] for row in rows)
    assert total.startswith("6 logs in 4 batches: ")


@pytest.mark.slow
def test_list_of_nothing_says_so(data: Path, waterline: Waterline) -> None:
    fill(data)
    assert said(waterline("list")) == (0, ["nothing is archived yet"], "")
