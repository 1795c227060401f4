"""What `waterline report` says to its streams, as an operator types it."""

import subprocess
from pathlib import Path

import pytest

from tests.support.folders import Batch
from tests.support.forking import WATERLINE
from tests.support.measured import fill_measured
from tests.support.processes import run_waterline
from waterline.clock import now_ms

pytestmark = pytest.mark.slow

MINUTE = 60_000


def test_letters_that_matplotlib_cannot_draw_are_for_the_browser(
    data: Path, tmp_path: Path
) -> None:
    now = now_ms()
    fill_measured(
        data,
        [
            Batch([{"type": "日本語", "message": "m", "duration_ms": age}], "test", now - age)
            for age in (20 * MINUTE, 10 * MINUTE)
        ],
        now=now,
    )
    page = tmp_path / "report.html"
    done = run_waterline("report", "--data", data, "--html", page)
    assert (done.returncode, done.stderr) == (0, "")
    figure = page.read_text().partition("<figure")[2].partition("</figure>")[0]
    assert "日本語" in figure


@pytest.mark.parametrize("command", ["report", "settings"])
def test_a_text_that_cannot_be_written_ends_in_one_sentence(data: Path, command: str) -> None:
    fill_measured(data, [Batch([{"type": "info", "message": "m"}])], now=now_ms())
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [WATERLINE, command, "--data", str(data)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "waterline: the stream cannot be written: No space left on device\n"
