"""`waterline archive restore`: a folder that answers questions, or none where nothing matches."""

from pathlib import Path

import pandas as pd
import pytest

import workbench
from tests.support.archive_runs import LATER
from tests.support.said import Waterline, said

pytestmark = pytest.mark.slow


def test_restore_builds_a_range_into_a_folder_that_answers(
    archived: Path, waterline: Waterline, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    wanted = ["--since", "2026-01-01", "--type", "info", "--into", into]
    for _ in range(2):  # run again, it says the same
        code, (line,), errors = said(waterline("restore", *wanted))
        assert (code, errors) == (0, "")
        assert line.startswith(f"{into} holds 1 log in 1 batch, ")
    with workbench.connect(into) as wb, workbench.connect(archived) as origin:
        restored = wb.logs()
        pd.testing.assert_frame_equal(restored, origin.logs(type="info", until=LATER))
        assert len(restored) == 1


@pytest.mark.usefixtures("archived")
def test_restore_of_an_empty_range_makes_no_folder(waterline: Waterline, tmp_path: Path) -> None:
    done = waterline("restore", "--since", "2030-01-01", "--into", tmp_path / "into")
    assert said(done) == (0, ["no archived log is in this range, so no folder was made"], "")
    assert not (tmp_path / "into").exists()
