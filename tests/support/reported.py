"""A data folder of two sources that is measured and partly archived, and its report."""

from pathlib import Path
from typing import Final

import workbench
from tests.support.archive_runs import archive
from tests.support.folders import DAY, NOON, Batch
from tests.support.measured import fill_measured
from workbench.reports.page.contents import ReportContents, gather

NOW: Final = NOON + 3_600_000
HOSTILE: Final = "<script>alert('$1')</script>"


def logs(count: int, log_type: str, begin: int = 0) -> list[dict[str, object]]:
    """Return logs of a type, with durations 1, 2, 3 and so on, in milliseconds."""
    return [
        {
            "id": f"{log_type}{begin + each}",
            "type": log_type,
            "message": "m",
            "duration_ms": each,
            "timestamp": NOON,
        }
        for each in range(1, count + 1)
    ]


def fill_reported(data: Path) -> None:
    """Fill it with 60 logs of today, of three minutes, and six archived ones of before."""
    fill_measured(
        data,
        [
            Batch(logs(6, "old"), "edge", NOON - 40 * DAY),
            Batch(logs(40, "info"), "edge", NOON),
            Batch(logs(15, HOSTILE), "<b>billing</b>", NOON + 60_000),
            Batch(logs(5, "info", 100), "edge", NOON + 120_000),
        ],
        now=NOW,
    )
    archive(data, now=NOW, batch_rows=3)


def contents_of(data: Path, since: int = NOW - DAY, now: int = NOW) -> ReportContents:
    """Return what there is to tell of a folder."""
    with workbench.connect(data) as opened:
        return gather(opened._session, since, "10min", now)
