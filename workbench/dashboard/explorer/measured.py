"""The chart of a number in logs: its percentiles by step of time, and the highest of each step."""

# Bokeh has types in part only.
# mypy: allow-untyped-calls

from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, HoverTool, Line, Scatter, TapTool

from workbench.dashboard.explorer.step_figure import (
    HEADROOM,
    TOOLTIP,
    interval,
    mark_steps,
    step_figure,
)
from workbench.display import value
from workbench.explore.percentiles import Percentiles
from workbench.reports.figures.colours import KNOWN, PERCENTILES

_NAMES: Final = tuple(PERCENTILES)
_WIDTHS: Final = {"p50": 1.5, "p95": 2.0, "p99": 2.5}
# The page opens the log whose point is chosen.
_OPEN: Final = """
    for (const place of source.selected.indices) {
      const { slowest, left, right } = source.data;
      const detail = [slowest[place], left[place], right[place]];
      dispatchEvent(new CustomEvent("waterline-open", { detail }));
    }
    source.selected.indices = [];
"""


class MeasuredChart:
    """The figure of one page and its data."""

    def __init__(self) -> None:
        names = ("middle", "left", "right", "highest", "slowest", "said", *_NAMES)
        self._source = ColumnDataSource({name: [] for name in names})
        self.figure = step_figure()
        for name in reversed(_NAMES):
            width, colour = _WIDTHS[name], PERCENTILES[name]
            line = Line(x="middle", y=name, line_color=colour, line_width=width)
            point = Scatter(
                x="middle", y=name, line_color=colour, fill_color=colour, size=width + 1
            )
            for glyph in (line, point):
                self.figure.add_glyph(self._source, glyph)
        highest = Scatter(
            x="middle", y="highest", size=7, fill_color=KNOWN["error"], fill_alpha=0.55,
            line_color=None,
        )  # fmt: skip
        points = self.figure.add_glyph(self._source, highest, nonselection_glyph=None)
        hover = HoverTool(renderers=[points], tooltips=TOOLTIP, mode="vline")
        tap = TapTool(renderers=[points])
        self.figure.add_tools(hover, tap)
        self.figure.toolbar.active_tap = tap
        self._source.selected.js_on_change(
            "indices", CustomJS(args={"source": self._source}, code=_OPEN)
        )

    def show(self, found: Percentiles, zone: ZoneInfo, ticks: int) -> None:
        """Show percentiles.

        Args:
            found: the percentiles.
            zone: the zone of the axis.
            ticks: number of marks on it.
        """
        steps, edges = found.steps, found.steps.edges
        columns: dict[str, Any] = dict(zip(_NAMES, found.quantiles, strict=True))
        columns |= {
            "middle": (edges[:-1] + edges[1:]) / 2,
            "left": edges[:-1].tolist(),
            "right": edges[1:].tolist(),
            "highest": found.highest,
            "slowest": found.slowest.tolist(),
            "said": [_said(found, place, zone) for place in range(len(steps))],
        }
        self._source.data = columns
        finite = found.highest[np.isfinite(found.highest)]
        most, least = (finite.max(), min(0.0, finite.min())) if len(finite) else (1.0, 0.0)
        self.figure.y_range.update(start=least, end=HEADROOM * most or 1)
        mark_steps(self.figure, steps, zone, ticks)


def _said(found: Percentiles, place: int, zone: ZoneInfo) -> str:
    numbers = [*zip(_NAMES, found.quantiles, strict=True), ("highest", found.highest)]
    lines = [f"{name}: {value(float(each[place]))}" for name, each in reversed(numbers)]
    count = int(found.counts[place])
    head = [interval(found.steps, place, zone), f"{count:,} {'log' if count == 1 else 'logs'}"]
    return "\n".join([*head, *(lines if count else ())])
