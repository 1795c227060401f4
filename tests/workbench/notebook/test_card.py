"""The card of a workbench: what it holds, bars of its last day, and lines that run as they are."""

import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from tests.support.archives import archive
from tests.support.folders import NOON, Batch, fill
from tests.support.measured import fill_measured
from waterline.encoding import PARQUET
from workbench.notebook import card
from workbench.workbench import Workbench

HOUR = 3_600_000


def lines_to_try(html: str) -> list[str]:
    (block,) = re.findall(r"<pre>(.*?)</pre>", html, re.DOTALL)
    return unescape(block).splitlines()


def heights(html: str) -> list[float]:
    return [float(each) for each in re.findall(r'height="([\d.]+)" fill', html)]


def test_card_has_numbers_and_bars_of_the_last_day(data: Path) -> None:
    logs = [{"type": "info", "message": "m", "timestamp": NOON - n * HOUR} for n in range(30)]
    fill(data, logs, source="web")
    archive(data, [(20, PARQUET)])
    fill(data, [{"type": "error", "message": "m", "timestamp": NOON}], source="web")
    with Workbench(data, clock=lambda: NOON + 10 * HOUR) as wb:
        html = wb._repr_html_()
    assert "<b>31</b> logs" in html
    assert 'types</td><td align="left">info 30, error 1</td>' in html
    # The last half hour has an info and an error, the 23 hours before it an info each.
    assert "25 logs in the day up to 2026-03-17 12:30:00 UTC" in html
    assert heights(html) == [28.0] * 25
    assert html.count('fill="#D55E00"') == 1
    # The error stands below the info of its step.
    below, above = re.findall(r'<rect x="565" y="([\d.]+)"', html)
    assert (below, above) == ("28.0", "0.0")


@pytest.mark.parametrize("hours", [0.1, 100])
def test_lines_to_try_run(data: Path, hours: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    fill(data, [{"type": 'a"b', "message": "m", "timestamp": NOON - n} for n in range(20)])
    with Workbench(data, clock=lambda: NOON + int(hours * HOUR)) as wb:
        lines = lines_to_try(wb._repr_html_())
        assert len(lines) == 4
        assert ("wb.watch()" in lines[3]) == (hours < 1)
        for line in lines:
            exec(line.replace("wb.watch()", "wb.watch(seconds=0.1)"), {"wb": wb, "pd": pd})


def test_card_of_an_empty_folder_has_no_bars(data: Path) -> None:
    fill(data)
    with Workbench(data) as wb:
        html = wb._repr_html_()
    assert "<b>0</b> logs" in html
    assert "<svg" not in html


def test_day_of_too_many_logs_is_as_the_server_counted_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "_MOST_COUNTED", 5)
    logs = [{"type": "info", "message": "m"}] * 6
    fill_measured(data, [Batch(logs, "web", NOON - 5 * HOUR), Batch(logs[:3], "web", NOON)])
    with Workbench(data, clock=lambda: NOON) as wb:
        html = wb._repr_html_()
    assert "9 logs in the day up to 2026-03-17 12:30:00 UTC, by receipt" in html
    assert heights(html) == [56.0, 28.0]


def test_day_of_too_many_logs_that_nobody_counted_is_left_out(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "_MOST_COUNTED", 5)
    fill(data, [{"type": "info", "message": "m"}] * 6)
    with Workbench(data, clock=lambda: NOON) as wb:
        html = wb._repr_html_()
    assert "<b>6</b> logs" in html
    assert "<svg" not in html
