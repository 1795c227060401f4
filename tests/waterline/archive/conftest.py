"""Fixtures of the archive's tests."""

from pathlib import Path

import pytest

from tests.support.archive_runs import Row, fill_three_days


@pytest.fixture
def rows(data: Path) -> list[Row]:
    """A folder with logs of three days, as they are stored."""
    return fill_three_days(data)
