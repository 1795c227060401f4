"""The table of archived batches: where each lies, and that nothing breaks its columns."""

import re

from tests.support.archived import batch
from tests.support.folders import NOON
from waterline.records import MAX_TIMESTAMP
from workbench.cli.archive_listing import listing

BUCKET = "s3://logs/water"


def places(lines: list[str]) -> list[str]:
    """Return what stands below WHERE."""
    at = lines[0].index("WHERE")
    return [line[at:] for line in lines[1:-1]]


def test_it_tells_where_each_batch_lies() -> None:
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


def test_where_all_is_pruned_there_is_no_sum() -> None:
    lines = listing([batch(1, pruned_at=NOON)])
    assert len(lines) == 2


def test_the_longest_of_everything_stays_in_its_column() -> None:
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
