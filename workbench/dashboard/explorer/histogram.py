"""The chart of matching logs by step of time, stacked by what they are counted by."""

# Bokeh has types in part only.
# mypy: allow-untyped-calls

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter

from workbench.dashboard.explorer.step_figure import (
    HEADROOM,
    TOOLTIP,
    interval,
    mark_steps,
    step_figure,
)
from workbench.display import visible
from workbench.explore.tally import Tally
from workbench.reports.figures.colours import FREE, KNOWN, OTHER, SLOTS

_ERROR: Final = "error"
_BAR: Final = ("left", "right", "bottom", "top", "colour", "alpha")
"""Columns of the bars, a row a label and step."""
OTHERS: Final = "others"
NONE: Final = "(none)"
"""Label of logs without the attribute that they are counted by."""


def colours_of(totals: Mapping[str, int], by: str, types: Mapping[str, str]) -> dict[str, str]:
    """Return the colours of labels; those of all others are one.

    Args:
        totals: number of logs by label, the most frequent first.
        by: what they are counted by.
        types: colours of types.
    """
    if by == "type":
        given = {label: types.get(label) or KNOWN.get(label, "") for label in totals}
        free = [each for each in FREE if each not in given.values()]
        return {
            label: colour or (free.pop(0) if free else OTHER) for label, colour in given.items()
        }
    order = (KNOWN["info"], *FREE, KNOWN["warning"], KNOWN["error"], KNOWN["debug"])
    return {
        label: order[place] if place < len(order) else OTHER for place, label in enumerate(totals)
    }


class Histogram:
    """The figure of one page and its data."""

    def __init__(self) -> None:
        self._bars = ColumnDataSource({name: [] for name in _BAR})
        self._steps = ColumnDataSource({name: [] for name in ("left", "right", "top", "said")})
        self.figure = step_figure()
        self.figure.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]a")
        self.figure.yaxis.ticker.desired_num_ticks = 3
        self.figure.yaxis.ticker.min_interval = 1
        # One glyph for all bars: each more is a dozen models that every session makes and sends.
        self.figure.quad(
            left="left", right="right", bottom="bottom", top="top", fill_color="colour",
            fill_alpha="alpha", line_color=None, source=self._bars,
        )  # fmt: skip
        # What the pointer is over is a step, and none of its bars.
        steps = self.figure.quad(
            left="left", right="right", bottom=0, top="top", fill_alpha=0, line_color=None,
            source=self._steps,
        )  # fmt: skip
        self.figure.add_tools(HoverTool(renderers=[steps], tooltips=TOOLTIP, mode="vline"))

    def show(
        self,
        tally: Tally,
        colours: Mapping[str, str],
        shown: Sequence[str] | None,
        zone: ZoneInfo,
        ticks: int,
    ) -> None:
        """Show counts.

        Args:
            tally: the counts.
            colours: colours of their labels.
            shown: labels that are drawn; None is all.
            zone: the zone of the axis.
            ticks: number of marks on it.
        """
        steps = tally.steps
        kept = [label for label in tally.totals if shown is None or label in shown]
        edges = steps.edges.tolist()
        gap = min(0.15 * steps.length, 0.15 * (edges[1] - edges[0])) if len(steps) < 150 else 0
        bars: dict[str, list[Any]] = {name: [] for name in _BAR}
        heights = np.zeros(len(steps), np.int64)
        # Errors stand at the base, where they are exact; labels of one colour beside each other.
        for label in sorted(kept, key=lambda each: SLOTS.index(colours.get(each, OTHER))):
            counts = tally.counts[label]
            for place in np.flatnonzero(counts).tolist():
                bars["left"].append(edges[place])
                bars["right"].append(edges[place + 1] - gap)
                bars["bottom"].append(int(heights[place]))
                bars["top"].append(int(heights[place] + counts[place]))
                bars["colour"].append(colours.get(label, OTHER))
                bars["alpha"].append(1.0)
            heights = heights + counts
        most = max(5, int(heights.max(initial=0)))
        self._add_strip(bars, tally, kept, most)
        self._bars.data = {**bars}
        self._steps.data = {
            "left": edges[:-1],
            "right": edges[1:],
            "top": [most] * len(steps),
            "said": [_said(tally, kept, place, zone) for place in range(len(steps))],
        }
        self.figure.y_range.end = HEADROOM * most
        mark_steps(self.figure, steps, zone, ticks)

    def _add_strip(
        self, bars: dict[str, list[Any]], tally: Tally, kept: Sequence[str], most: int
    ) -> None:
        """Add a strip below the bars that shows where errors are, however few beside others.

        Args:
            bars: the bars, which it is added to.
            tally: the counts.
            kept: labels that are drawn.
            most: height of the chart.
        """
        has_strip = _ERROR in kept and len(kept) > 1
        self.figure.y_range.start = -0.11 * most if has_strip else 0
        if not has_strip:
            return
        errors = tally.counts[_ERROR]
        for place in np.flatnonzero(errors).tolist():
            bars["left"].append(int(tally.steps.edges[place]))
            bars["right"].append(int(tally.steps.edges[place + 1]))
            bars["bottom"].append(-0.09 * most)
            bars["top"].append(-0.03 * most)
            bars["colour"].append(KNOWN[_ERROR])
            bars["alpha"].append(0.35 + 0.65 * float(errors[place] / errors.max()))


def _said(tally: Tally, kept: Sequence[str], place: int, zone: ZoneInfo) -> str:
    """Return a line for each label with logs in a step, the most frequent first."""
    counts = sorted(
        ((int(tally.counts[label][place]), label) for label in kept), key=lambda each: -each[0]
    )
    lines = [f"{visible(label) or NONE}: {count:,}" for count, label in counts[:12] if count]
    rest = sum(count for count, _ in counts[12:])
    if rest:
        lines.append(f"{OTHERS}: {rest:,}")
    if len(lines) > 1:
        lines.append(f"in all: {sum(count for count, _ in counts):,}")
    return "\n".join([interval(tally.steps, place, zone), *lines])
