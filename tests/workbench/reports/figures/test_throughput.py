"""The figure of throughput shows what its report says, readably."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.support.folders import NOON
from waterline.errors import UsageError
from workbench.reports.figures.axes import Picture
from workbench.reports.figures.draw import draw

pytestmark = pytest.mark.slow


def report(*rows: tuple[int, str, int], step: int = 1000, by: str | None = "type") -> pd.DataFrame:
    """Return a report of rows given by step, label and logs."""
    frame = pd.DataFrame(rows, columns=["time", by or "type", "logs"])
    frame["time"] = pd.to_datetime(NOON + step * frame["time"], unit="ms", utc=True).astype(
        "datetime64[ms, UTC]"
    )
    frame["logs_per_second"] = frame["logs"] / (step / 1000)
    frame["bytes"] = 100 * frame["logs"]
    return frame if by else frame.drop(columns="type")


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def heights(figure: Figure) -> dict[str, list[float]]:
    """Return how high the top of each area is in each step, from the lowest area on."""
    found = {}
    for area in axes_of(figure).collections:
        path = np.asarray(area.get_paths()[0].vertices)
        steps = pairwise(np.unique(path[:, 0]))
        found[str(area.get_label())] = [
            float(max(y for x, y in path if begin <= x <= end)) for begin, end in steps
        ]
    return found


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for each in figure.legends for text in each.get_texts()]


def test_areas_lie_upon_each_other_and_errors_at_the_base() -> None:
    figure = draw(report((0, "error", 2), (0, "info", 10), (0, "zeta", 3)))
    assert heights(figure) == {"error": [2], "info": [12], "zeta": [15]}
    assert legend(figure) == ["zeta", "info", "error"]
    assert axes_of(figure).get_title("left") == (
        "15 logs, 15.0 a second on average, 1.5 KiB received"
    )
    assert axes_of(figure).get_ylabel() == "logs a second"


def test_rates_are_drawn_whatever_the_step() -> None:
    figure = draw(report((0, "info", 600), step=60_000))
    assert heights(figure) == {"info": [10]}
    left, right = axes_of(figure).get_xlim()
    assert (right - left) * 86_400 == pytest.approx(60, abs=1e-3)


def test_throughput_without_a_group_is_one_area_without_a_legend() -> None:
    figure = draw(report((0, "", 5), (1, "", 5), by=None))
    assert list(heights(figure)) == ["all logs"]
    assert legend(figure) == []


def test_labels_without_a_colour_are_one_area() -> None:
    figure = draw(report(*((0, f"type-{n}", 20 - n) for n in range(9)), by="source"))
    assert legend(figure)[0] == "4 other sources"
    assert len(legend(figure)) == 6
    colours = {tuple(np.asarray(area.get_facecolor())[0]) for area in axes_of(figure).collections}
    assert len(colours) == 6


def test_many_steps_are_drawn_as_means_of_some() -> None:
    figure = draw(report(*((n, "info", n % 2) for n in range(3600))))
    assert axes_of(figure).get_ylabel() == "logs a second, mean of 8s"
    (area,) = axes_of(figure).collections
    path = np.asarray(area.get_paths()[0].vertices)
    assert path[:, 1].max() == 0.5


def test_steps_that_are_missing_are_drawn_as_nothing() -> None:
    whole = report((0, "info", 4), (1, "info", 0), (2, "info", 0), (5, "info", 4), (7, "info", 2))
    figure, filtered = draw(whole), draw(whole[whole["logs"] > 0])
    for each in (figure, filtered):
        (area,) = axes_of(each).collections
        path = np.asarray(area.get_paths()[0].vertices)
        assert path[:, 1].min() == 0
        assert np.ptp(path[:, 0]) * 86_400 == pytest.approx(8, abs=1e-3)


def test_long_names_are_cut_and_all_of_the_figure_is_on_the_page() -> None:
    figure = draw(report((0, "x" * 64, 4), (1, "y", 4)))
    figure.draw_without_rendering()
    assert legend(figure)[1] == "x" * 23 + "…"
    (names,) = figure.legends
    assert names.get_window_extent().x1 <= figure.bbox.x1
    assert names.get_window_extent().x0 > axes_of(figure).get_window_extent().x1


def test_notebook_gets_a_picture_and_nothing_cannot_be_drawn() -> None:
    figure = draw(report((0, "info", 0)))
    assert isinstance(figure, Picture)
    assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="there is nothing to draw: the report has no rows"):
        draw(report())


def test_type_with_dollar_signs_is_no_formula() -> None:
    figure = draw(report((0, "$\\nothing$", 1), (0, "a $ b $", 2)))
    assert legend(figure) == ["$\\nothing$", "a $ b $"]
    assert isinstance(figure, Picture)
    assert figure._repr_png_().startswith(b"\x89PNG")
