"""`waterline archive rewrite`: it says what it would do, does it, and names what it cannot."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.archive_runs import all_rows, archive, catalog, fill_three_days
from tests.support.archives import change, path_of
from tests.support.said import Waterline
from waterline.encoding import JSON_GZ

pytestmark = pytest.mark.slow


@pytest.fixture
def earlier(data: Path) -> Path:
    """A folder with batches of JSON."""
    fill_three_days(data)
    archive(data, format=JSON_GZ)
    return data


def test_dry_run_says_what_would_be_rewritten_and_changes_nothing(
    earlier: Path, waterline: Waterline
) -> None:
    before = catalog(earlier)
    done = waterline("rewrite", "--dry-run")
    assert (done.returncode, done.stderr, catalog(earlier)) == (0, "", before)
    first, *days = done.stdout.splitlines()
    assert first == "6 logs in 4 batches would be rewritten"
    assert [each.split(",")[0] for each in days] == [
        "2026-03-17: 3 logs in 2 batches",
        "2026-03-18: 2 logs in 1 batch",
        "2026-03-19: 1 log in 1 batch",
    ]


def test_rewrite_tells_what_it_did_and_then_there_is_nothing(
    earlier: Path, waterline: Waterline
) -> None:
    logs = all_rows(earlier)
    done = waterline("rewrite", "--level", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("rewrote 6 logs in 4 batches: ")
    assert all_rows(earlier) == logs
    assert {each.format for each in catalog(earlier)} == {"parquet"}
    assert waterline("rewrite").stdout == "no batch was rewritten\n"
    assert waterline("rewrite", "--dry-run").stdout == "no batch would be rewritten\n"
    assert waterline("verify").returncode == 0


def test_rewrite_takes_a_range(earlier: Path, waterline: Waterline) -> None:
    done = waterline("rewrite", "--since", "2026-03-18", "--until", "2026-03-19T00:00")
    assert done.returncode == 0
    assert [each.day for each in catalog(earlier) if each.rewritten_at] == [
        each.day
        for each in catalog(earlier)
        if each.last_timestamp >= 1_773_792_000_000 and each.first_timestamp < 1_773_878_400_000
    ]


def test_level_that_the_format_lacks_is_refused(earlier: Path, waterline: Waterline) -> None:
    done = waterline("rewrite", "--format", "json.gz", "--level", "20")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--level" in done.stderr
    assert catalog(earlier)[0].rewritten_at is None


def test_damaged_batch_is_named_with_exit_code_1(earlier: Path, waterline: Waterline) -> None:
    path = path_of(earlier, catalog(earlier)[0])
    path.write_bytes(b"?")
    done = waterline("rewrite")
    assert done.returncode == 1
    assert done.stderr.startswith(f"waterline: {path} is damaged: ")
    assert done.stdout.startswith("rewrote 4 logs in 3 batches: ")


def test_batch_with_a_copy_stays_where_object_storage_cannot_be_asked(
    earlier: Path, waterline: Waterline
) -> None:
    first = replace(catalog(earlier)[0], uploaded_to="s3://logs", uploaded_at=1)
    change(earlier, [first])
    done = waterline("rewrite")
    assert done.returncode
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert catalog(earlier)[0] == first
