"""The chart of counts: stacked bars, the strip of errors, and an axis on a zone's clock."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from workbench.dashboard.explorer.histogram import NONE, Histogram, colours_of, ticks_of
from workbench.explore.steps import steps_of
from workbench.explore.tally import Tally
from workbench.query.moment import Moment
from workbench.reports.figures.colours import KNOWN, OTHER, SLOTS

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


def drawn(tally: Tally, by: str = "type", shown: Sequence[str] | None = None) -> Histogram:
    chart = Histogram()
    chart.show(tally, colours_of(tally.totals, by, {}), shown, UTC, 5)
    return chart


def column(chart: Histogram, name: str) -> list[float]:
    return [*chart.figure.renderers[0].data_source.data[name]]


def slot_of(colour: str) -> str:
    return f"slot{SLOTS.index(colour)}"


def test_bars_have_a_layer_a_colour_and_labels_without_one_share_theirs() -> None:
    tally = counted({"info": [5, 6], "error": [1, 0], **{f"t{n}": [1, 1] for n in range(7)}})
    chart = drawn(tally)
    assert column(chart, slot_of(KNOWN["info"])) == [5, 6]
    assert column(chart, slot_of(KNOWN["error"])) == [1, 0]
    assert column(chart, slot_of(OTHER)) == [2, 2]
    assert chart.figure.y_range.end > 13


def test_few_errors_beside_many_others_have_a_strip_of_their_own() -> None:
    chart = drawn(counted({"info": [9000, 9000, 9000], "error": [1, 0, 4]}))
    few, none, many = column(chart, "strip_alpha")
    assert none == 0
    assert 0.3 < few < many == 1
    assert chart.figure.y_range.start < column(chart, "strip_bottom")[0] < 0


@pytest.mark.parametrize("shown", [["info"], ["error"]])
def test_errors_that_are_not_shown_or_alone_have_no_strip(shown: list[str]) -> None:
    chart = drawn(counted({"info": [9, 9], "error": [1, 0]}), shown=shown)
    assert column(chart, "strip_alpha") == [0, 0]
    assert chart.figure.y_range.start == 0


def test_hidden_label_is_neither_drawn_nor_told() -> None:
    chart = drawn(counted({"web": [3, 0], "": [1, 1]}), by="service", shown=[""])
    assert sum(sum(column(chart, f"slot{number}")) for number in range(len(SLOTS))) == 2
    said = column(chart, "said")
    assert f"{NONE}: 1" in str(said[0])
    assert "web" not in str(said)


def test_tooltip_tells_no_zeros() -> None:
    said = column(drawn(counted({"info": [3, 0], "error": [0, 0]})), "said")
    assert "info: 3" in str(said[0])
    assert "error" not in str(said)
    assert "info" not in str(said[1])


def test_marks_follow_the_clock_of_a_zone() -> None:
    steps = steps_of(NIGHT, NIGHT + 6 * HOUR, BERLIN, 6)
    marks = ticks_of(steps, BERLIN, 8)
    assert [*marks.values()] == [
        "10-25 02:00", "02:00", "03:00", "04:00", "05:00", "06:00", "07:00",
    ]  # fmt: skip
    assert [*marks] == [NIGHT + hour * HOUR for hour in range(7)]
