"""The chart of counts: stacked bars, the strip of errors, and an axis on a zone's clock."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from workbench.dashboard.explorer.histogram import NONE, Histogram, colours_of
from workbench.dashboard.explorer.step_figure import ticks_of
from workbench.explore.steps import steps_of
from workbench.explore.tally import Tally
from workbench.query.moment import Moment
from workbench.reports.figures.colours import KNOWN, OTHER

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = Moment("folder", "past", 0, 0, 0, 0, "")
HOUR = 3_600_000
# 2026-10-25T00:00:00Z, the night in which the clocks of Berlin are turned back.
NIGHT = 1_792_886_400_000


def counted(counts: Mapping[str, Sequence[int]]) -> Tally:
    size = len(next(iter(counts.values())))
    steps = steps_of(0, size * 1000, UTC, size)
    return Tally(steps, MOMENT, {label: np.array(each) for label, each in counts.items()})


def drawn(
    tally: Tally, by: str = "type", shown: Sequence[str] | None = None, *, is_log: bool = False
) -> Histogram:
    chart = Histogram()
    chart.is_log = is_log
    chart.show(tally, colours_of(tally.totals, by, {}), shown, UTC, 5)
    return chart


Bar = tuple[int, str, float, float]
"""Begin, colour, bottom and top."""


def bars_of(chart: Histogram) -> list[Bar]:
    data = chart.figure.renderers[0].data_source.data
    return [*zip(data["left"], data["colour"], data["bottom"], data["top"], strict=True)]


def heights(chart: Histogram, colour: str) -> list[float]:
    return [top - bottom for _, each, bottom, top in bars_of(chart) if each == colour and top > 0]


def strip(chart: Histogram) -> list[tuple[int, float]]:
    data = chart.figure.renderers[0].data_source.data
    rows = zip(data["left"], data["alpha"], data["top"], strict=True)
    return [(left, alpha) for left, alpha, top in rows if top < 0]


def said(chart: Histogram) -> list[str]:
    return [*chart.figure.renderers[1].data_source.data["said"]]


def test_bars_stand_on_each_other_with_errors_at_the_base() -> None:
    tally = counted({"info": [5, 6], "error": [1, 0], **{f"t{n}": [1, 1] for n in range(7)}})
    chart = drawn(tally)
    assert heights(chart, KNOWN["info"]) == [5, 6]
    assert heights(chart, KNOWN["error"]) == [1]
    assert heights(chart, OTHER) == [1, 1, 1, 1]
    for begin in (0, 1000):
        of_step = [each for each in bars_of(chart) if each[0] == begin and each[3] > 0]
        assert [each[2] for each in of_step] == [0, *(each[3] for each in of_step[:-1])]
    assert (0, KNOWN["error"], 0, 1) in bars_of(chart)
    assert chart.figure.y_range.end > 13


def test_few_errors_beside_many_others_have_a_strip_of_their_own() -> None:
    chart = drawn(counted({"info": [9000, 9000, 9000], "error": [1, 0, 4]}))
    (first, few), (last, many) = strip(chart)
    assert (first, last) == (0, 2000)
    assert 0.3 < few < many == 1
    assert chart.figure.y_range.start < -0.09 * 9000


@pytest.mark.parametrize("shown", [["info"], ["error"]])
def test_errors_that_are_not_shown_or_alone_have_no_strip(shown: list[str]) -> None:
    chart = drawn(counted({"info": [9, 9], "error": [1, 0]}), shown=shown)
    assert strip(chart) == []
    assert chart.figure.y_range.start == 0


def test_hidden_label_is_neither_drawn_nor_told() -> None:
    chart = drawn(counted({"web": [3, 0], "": [1, 1]}), by="service", shown=[""])
    assert sum(top - bottom for _, _, bottom, top in bars_of(chart)) == 2
    assert f"{NONE}: 1" in said(chart)[0]
    assert "web" not in "".join(said(chart))


def marks_of(chart: Histogram) -> list[tuple[int, str, float]]:
    """Return begin, colour and height of the marks of a logarithmic axis."""
    return [(left, colour, top) for left, colour, bottom, top in bars_of(chart) if bottom > 0]


def test_log_scale_has_one_error_beside_many_and_no_height_for_nothing() -> None:
    tally = counted({"info": [10_000, 0, 10], "error": [1, 0, 0]})
    chart = drawn(tally, is_log=True)
    assert sorted(marks_of(chart)) == [
        (0, KNOWN["info"], 5), (0, KNOWN["error"], 1), (2000, KNOWN["info"], 2),
    ]  # fmt: skip
    assert [begin for begin, _ in strip(chart)] == [0]
    (axis,) = chart.figure.left
    marks = {0: "0", 1: "1", 3: "100", 5: "10k"}
    assert axis.major_label_overrides == marks
    assert axis.ticker.ticks == [*marks]
    assert chart.figure.y_range.start < 0
    chart.is_log = False
    chart.show(tally, {}, None, UTC, 5)
    assert sum(heights(chart, OTHER)) == 10_011
    assert axis.major_label_overrides == {}


def test_errors_of_an_incident_are_hidden_by_nothing_on_a_log_scale() -> None:
    tally = counted({"info": [500, 900], "warning": [40, 800], "error": [0, 700], "debug": [9, 8]})
    chart = drawn(tally, is_log=True)
    data = chart.figure.renderers[0].data_source.data
    painted = [*zip(*(data[name] for name in ("left", "colour", "bottom", "top")), strict=True)]
    mark = next(each for each in painted if each[:2] == (1000, KNOWN["error"]) and each[2] > 0)
    for left, _, bottom, top in painted[painted.index(mark) + 1 :]:
        assert left != 1000 or top <= mark[2] or bottom >= mark[3]
    # And a bar of their own, through which the others are seen.
    bars = zip(data["colour"], data["bottom"], data["alpha"], strict=True)
    assert [(colour, alpha < 0.5) for colour, bottom, alpha in bars if bottom == 0] == [
        (KNOWN["error"], True)
    ]


def test_equal_counts_stand_beside_each_other_on_a_log_scale() -> None:
    chart = drawn(counted({"info": [7], "error": [7]}), is_log=True)
    data = chart.figure.renderers[0].data_source.data
    places = zip(data["left"], data["right"], data["bottom"], strict=True)
    (first, second) = sorted((left, right) for left, right, bottom in places if bottom > 0)
    assert first[1] <= second[0]
    assert first[1] - first[0] == second[1] - second[0] > 0


@pytest.mark.parametrize("most", [10**9, 10**12])
def test_log_scale_of_a_huge_count_has_few_marks(most: int) -> None:
    (axis,) = drawn(counted({"info": [most]}), is_log=True).figure.left
    assert [*axis.major_label_overrides.values()][:2] == ["0", "1"]
    assert len(axis.ticker.ticks) <= 5


def test_tooltip_tells_no_zeros() -> None:
    first, second = said(drawn(counted({"info": [3, 0], "error": [0, 0]})))
    assert "info: 3" in first
    assert "error" not in first
    assert "info" not in second


def test_marks_follow_the_clock_of_a_zone() -> None:
    steps = steps_of(NIGHT, NIGHT + 6 * HOUR, BERLIN, 6)
    marks = ticks_of(steps, BERLIN, 8)
    assert [*marks.values()] == [
        "10-25 02:00", "02:00", "03:00", "04:00", "05:00", "06:00", "07:00",
    ]  # fmt: skip
    assert [*marks] == [NIGHT + hour * HOUR for hour in range(7)]
