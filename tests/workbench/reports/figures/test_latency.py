"""The figures of latency show what their reports say, readably."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.support.folders import NOON
from waterline.errors import UsageError
from waterline.metrics.sketch import RELATIVE_ERROR
from workbench.reports.figures.draw import draw

pytestmark = pytest.mark.slow


def report(*rows: dict[str, Any], error: float = RELATIVE_ERROR) -> pd.DataFrame:
    """Return a report of these rows; p95 and p99 follow from p50."""
    frame = pd.DataFrame(rows)
    keys = [name for name in frame.columns if name not in ("p50", "count")]
    frame = frame.assign(mean=frame["p50"], min=frame["p50"] / 2, max=frame["p50"] * 6)
    frame = frame.assign(p95=2 * frame["p50"], p99=4 * frame["p50"], relative_error=error)
    order = [*keys, "count", "mean", "min", "p50", "p95", "p99", "max", "relative_error"]
    if "time" in frame:
        moments = pd.to_datetime(NOON + 60_000 * frame["time"], unit="ms", utc=True)
        frame["time"] = moments.astype("datetime64[ms, UTC]")
    return frame[order]


def row(metric: str, p50: float, count: int = 10, **keys: object) -> dict[str, Any]:
    return {"metric": metric, **keys, "count": count, "p50": p50}


def lines(axes: Axes) -> dict[str, list[float]]:
    """Return the heights of each line; NaN is a gap."""
    return {
        str(line.get_label()): np.asarray(line.get_ydata(), dtype="float64").tolist()
        for line in axes.lines
    }


def names(figure: Figure) -> list[str]:
    return [each.get_text() for each in figure.axes[0].get_yticklabels()]


def points(axes: Axes) -> dict[str, list[float]]:
    """Return where the points of each percentile lie."""
    return {
        str(bars.get_label()): np.asarray(bars.lines[0].get_xdata(), dtype="float64").tolist()  # type: ignore[attr-defined] # of an ErrorbarContainer
        for bars in axes.containers
    }


# Side by side


def test_each_metric_is_a_row_with_its_percentiles() -> None:
    figure = draw(report(row("ack_latency", 1.0, 1000), row("commit_duration", 3.0, 1)))
    assert names(figure) == ["ack_latency  (1,000 values)", "commit_duration  (1 value)"]
    assert points(figure.axes[0]) == {"p50": [1, 3], "p95": [2, 6], "p99": [4, 12]}
    assert figure.axes[0].get_xlabel() == "ms; within 0.8% of the exact percentile"


def test_groups_of_one_metric_are_named_by_themselves() -> None:
    figure = draw(
        report(row("duration_ms", 1.0, service="a"), row("duration_ms", 2.0, service=None), error=0)
    )
    assert names(figure) == ["a  (10 values)", "no service  (10 values)"]
    assert figure.axes[0].get_title("left") == "duration_ms by service: 20 values"
    assert figure.axes[0].get_xlabel() == "duration_ms; exact"


def test_metric_without_groups_stands_beside_those_with_some() -> None:
    figure = draw(report(row("ack_latency", 1.0, type=None), row("duration_ms", 2.0, type="error")))
    assert names(figure) == ["ack_latency  (10 values)", "duration_ms error  (10 values)"]
    assert figure.axes[0].get_xlabel().startswith("ms and duration_ms in its own unit; ")


def test_values_that_lie_far_apart_have_a_logarithmic_scale() -> None:
    near = draw(report(row("a", 1.0), row("b", 2.0)))
    far = draw(report(row("a", 1.0), row("b", 2000.0)))
    negative = draw(report(row("a", -1.0), row("b", 2000.0)))
    scales = [each.axes[0].get_xscale() for each in (near, far, negative)]
    assert scales == ["linear", "log", "linear"]
    assert near.axes[0].get_xlim()[0] == 0


def test_figure_draws_the_groups_with_the_most_values() -> None:
    rows = [row("x", 1.0, count, host=f"h{count}") for count in range(1, 41)]
    figure = draw(report(*rows))
    assert len(names(figure)) == 24
    assert names(figure)[0] == "h17  (17 values)"
    assert figure.axes[0].get_title("left").endswith("the 24 of 40 with the most values")


@pytest.mark.parametrize("groups", [1, 2, 10, 24])
def test_names_never_run_into_each_other(groups: int) -> None:
    figure = draw(report(*(row("x", 1.0, host=f"host-{n}") for n in range(groups))))
    figure.draw_without_rendering()
    boxes = [each.get_window_extent() for each in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))


# Over time


def test_percentiles_over_time_are_lines_with_their_error_around() -> None:
    figure = draw(report(*(row("ack_latency", 100.0 + n, time=n) for n in range(5))))
    (axes,) = figure.axes
    assert lines(axes)["p50"] == [100, 101, 102, 103, 104]
    assert lines(axes)["p99"] == [400, 404, 408, 412, 416]
    band = np.asarray(axes.collections[0].get_paths()[0].vertices)[:, 1]
    assert band.min() == pytest.approx(100 * (1 - RELATIVE_ERROR))
    assert band.max() == pytest.approx(104 * (1 + RELATIVE_ERROR))
    assert axes.get_xlabel() == "UTC; within 0.8% of the exact percentile"
    assert axes.get_ylabel() == "ms"


def test_step_without_values_is_a_gap() -> None:
    figure = draw(report(*(row("ack_latency", 1.0, time=n) for n in (0, 1, 4, 6, 7))))
    heights = lines(figure.axes[0])["p50"]
    assert [*np.isnan(heights)] == [False, False, True, False, True, False, False]


def test_each_group_has_a_panel_of_its_own() -> None:
    figure = draw(
        report(*(row("x", float(n + 1), time=n, type=each) for n in (0, 1) for each in "ab"))
    )
    assert [each.get_title("left") for each in figure.axes] == ["a", "b"]
    assert [lines(each)["p50"] for each in figure.axes] == [[1, 2], [1, 2]]


def test_single_step_can_be_seen() -> None:
    figure = draw(report(row("ack_latency", 1.0, time=0)))
    (line, *_) = figure.axes[0].lines
    assert line.get_marker() == "o"
    assert line.get_markersize() > 0


def test_empty_report_cannot_be_drawn() -> None:
    with pytest.raises(UsageError, match="there is nothing to draw: the report has no rows"):
        draw(report(row("x", 1.0)).iloc[:0])
