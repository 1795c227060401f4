"""Gaps: what pruned logs leave in a range, as a table shows it between its rows."""

from pathlib import Path

import pytest

from tests.support.archives import archive, prune
from tests.support.finding import finding
from tests.support.folders import NOON, fill
from waterline.encoding import PARQUET
from workbench.explore.lines import find_gaps
from workbench.query.gaps import Gap
from workbench.query.question import ask

SECOND = 1000


@pytest.fixture
def pruned(data: Path) -> Path:
    """Six batches of two logs a second apart, and two hot logs; of them 2, 3 and 5 are pruned."""
    kinds = ("info", "error")
    fill(
        data,
        [
            {"type": kinds[n % 2], "message": f"m{n}", "timestamp": NOON + n * SECOND}
            for n in range(14)
        ],
    )
    batches = archive(data, [(2, PARQUET)] * 6)
    prune(data, [batches[1], batches[2], batches[4]])
    return data


def test_pruned_batches_beside_each_other_are_one_gap(pruned: Path) -> None:
    with finding(pruned) as found:
        assert find_gaps(found, ask(now=NOON)) == [
            Gap(NOON + 8 * SECOND, NOON + 9 * SECOND, 10, 2, is_exact=True),
            Gap(NOON + 2 * SECOND, NOON + 5 * SECOND, 6, 4, is_exact=True),
        ]


def test_gap_has_only_what_may_match(pruned: Path) -> None:
    with finding(pruned) as found:
        assert [each.logs for each in find_gaps(found, ask(now=NOON, type="error"))] == [1, 2]
        (first, second) = find_gaps(found, ask(now=NOON, query="m3"))
        assert (first.logs, second.logs) == (2, 4)
        assert not first.is_exact
        assert find_gaps(found, ask(now=NOON, type="debug")) == []


def test_gap_is_cut_at_the_range(pruned: Path) -> None:
    with finding(pruned) as found:
        asked = ask(now=NOON, since=NOON + 3 * SECOND, until=NOON + 5 * SECOND)
        (gap,) = find_gaps(found, asked)
        assert (gap.first, gap.last) == (NOON + 3 * SECOND, NOON + 5 * SECOND - 1)
        assert (gap.logs, gap.is_exact) == (4, False)


def test_folder_without_pruned_logs_has_no_gap(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m"}] * 3)
    archive(data, [(2, PARQUET)])
    with finding(data) as found:
        assert find_gaps(found, ask(now=NOON)) == []


def test_many_gaps_are_told_as_few(data: Path) -> None:
    count = 410
    fill(
        data,
        [
            {"type": "info", "message": "m", "timestamp": NOON + n * SECOND, "n": n}
            for n in range(count)
        ],
    )
    batches = archive(data, [(1, PARQUET)] * count)
    prune(data, batches[::2])
    with finding(data) as found:
        gaps = find_gaps(found, ask(now=NOON))
    assert len(gaps) == 200
    assert sum(each.logs for each in gaps) == count // 2
    assert gaps[-1].first == NOON
    assert gaps[-1].last < gaps[-2].first
