"""Fixtures: a folder with archived logs, and `waterline archive …` on it."""

from pathlib import Path

import pytest

from tests.support.archive_runs import LATER, archive, fill_three_days
from tests.support.folders import fill
from tests.support.processes import run_waterline
from tests.support.said import Run, Waterline


@pytest.fixture
def archived(data: Path) -> Path:
    """A folder with six logs in four batches of three days, and a hot one."""
    fill_three_days(data)
    archive(data)
    fill(data, [{"id": "hot", "type": "info", "message": "now"}], received_at=LATER)
    return data


@pytest.fixture
def waterline(data: Path) -> Waterline:
    """Runs `waterline archive …` on the folder."""

    def run(*arguments: str | Path, stdin: str | None = None) -> Run:
        return run_waterline("archive", *arguments, "--data", data, stdin=stdin)

    return run
