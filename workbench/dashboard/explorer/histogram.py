"""The chart of matching logs by step of time, stacked by what they are counted by."""

# Bokeh has types in part only.
# mypy: allow-untyped-calls

from collections.abc import Mapping, Sequence
from math import log10
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter, Quad

from workbench.dashboard.explorer.step_figure import (
    HEADROOM,
    TOOLTIP,
    interval,
    mark_steps,
    step_figure,
)
from workbench.display import visible
from workbench.explore.steps import Steps
from workbench.explore.tally import Tally
from workbench.reports.figures.colours import FREE, KNOWN, OTHER, SLOTS

_ERROR: Final = "error"
_BAR_ALPHA: Final = 0.3
_MARK: Final = 0.035
"""Height of a mark on the logarithmic axis, as a share of the chart's."""
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
    """The figure of one page and its data.

    Attributes:
        is_log: whether the next counts are shown on a logarithmic axis.
    """

    def __init__(self) -> None:
        self.is_log = False
        self._bars = ColumnDataSource({name: [] for name in _BAR})
        self._steps = ColumnDataSource({name: [] for name in ("left", "right", "top", "said")})
        self.figure = step_figure()
        (axis,) = self.figure.left
        axis.formatter = NumeralTickFormatter(format="0,0.[0]a")
        self._linear = axis.ticker
        self._linear.update(desired_num_ticks=3, min_interval=1)
        # One glyph for all bars: each more is some models that every session makes and sends.
        bars = Quad(
            left="left", right="right", bottom="bottom", top="top", fill_color="colour",
            fill_alpha="alpha", line_color=None,
        )  # fmt: skip
        self.figure.add_glyph(self._bars, bars)
        # What the pointer is over is a step, and none of its bars.
        step = Quad(left="left", right="right", bottom=0, top="top", fill_alpha=0, line_color=None)
        steps = self.figure.add_glyph(self._steps, step)
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
        # Labels of one colour stand beside each other.
        kept.sort(key=lambda each: SLOTS.index(colours.get(each, OTHER)))
        if self.is_log:
            most = max((log_height(_most(tally, each)) for each in kept), default=0)
            most = max(most, log_height(10))
            bars = _marked(tally, kept, colours, most)
        else:
            bars = _stacked(tally, kept, colours)
            most = max([5, *(each.top for each in bars)])
        has_strip = _ERROR in kept and len(kept) > 1
        if has_strip:
            bars += _strip(tally, most)
        columns = zip(*bars, strict=True) if bars else ((),) * len(_BAR)
        self._bars.data = dict(zip(_BAR, map(list, columns), strict=True))
        edges = steps.edges.tolist()
        self._steps.data = {
            "left": edges[:-1],
            "right": edges[1:],
            "top": [most] * len(steps),
            "said": [_said(tally, kept, place, zone) for place in range(len(steps))],
        }
        self.figure.y_range.update(start=-0.11 * most if has_strip else 0, end=HEADROOM * most)
        self._mark_counts(most)
        mark_steps(self.figure, steps, zone, ticks)

    def _mark_counts(self, most: float) -> None:
        """Mark the axis of counts: on a logarithmic one 0, 1, 10 and so on."""
        (axis,) = self.figure.left
        if not self.is_log:
            axis.update(ticker=self._linear, major_label_overrides={})
            return
        decades = range(int(log_height(1)), int(most) + 1)
        # A chart is low: it has room for five marks.
        every = -(-len(decades) // 4)
        marks = {0: "0"} | {each: _short(10 ** (each - 1)) for each in decades[::every]}
        axis.update(ticker=FixedTicker(ticks=[*marks]), major_label_overrides=marks)


def log_height(count: int) -> float:
    """Return the height of a bar on the logarithmic axis.

    Nothing has no height, one log is as high as each tenfold above it.
    """
    return 1 + log10(count) if count else 0


def _short(count: int) -> str:
    for size, unit in ((10**9, "b"), (10**6, "m"), (1000, "k")):
        if count >= size:
            return f"{count // size}{unit}"
    return str(count)


class _Bar(NamedTuple):
    left: float
    right: float
    bottom: float
    top: float
    colour: str
    alpha: float = 1.0


_BAR: Final = _Bar._fields


def _gap(steps: Steps) -> float:
    """Return the room between the bars of two steps, in milliseconds."""
    length = min(steps.length, int(steps.edges[1] - steps.edges[0]))
    return 0.15 * length if len(steps) < 150 else 0


def _stacked(tally: Tally, kept: Sequence[str], colours: Mapping[str, str]) -> list[_Bar]:
    """Return bars that stand on each other; errors at the base, where they are exact."""
    edges, gap = tally.steps.edges.tolist(), _gap(tally.steps)
    bars = []
    heights = np.zeros(len(tally.steps), np.int64)
    for label in kept:
        counts = tally.counts[label]
        for place in np.flatnonzero(counts).tolist():
            left, right = edges[place], edges[place + 1] - gap
            bottom = int(heights[place])
            top = bottom + int(counts[place])
            bars.append(_Bar(left, right, bottom, top, colours.get(label, OTHER)))
        heights = heights + counts
    return bars


def _most(tally: Tally, label: str) -> int:
    return int(tally.counts[label].max(initial=0))


def _marked(
    tally: Tally, kept: Sequence[str], colours: Mapping[str, str], most: float
) -> list[_Bar]:
    """Return a mark at the height of each count, as lengths of a logarithm cannot be stacked.

    Those of one height share the width. Errors are painted last, and have a bar besides that lets
    what is behind it through.

    Args:
        tally: the counts.
        kept: labels that are drawn.
        colours: their colours.
        most: height of the chart.
    """
    edges, gap = tally.steps.edges.tolist(), _gap(tally.steps)
    bars, marks = [], []
    for place in range(len(tally.steps)):
        by_count: dict[int, list[str]] = {}
        for label in kept:
            by_count.setdefault(int(tally.counts[label][place]), []).append(label)
        by_count.pop(0, None)
        left, right = edges[place], edges[place + 1] - gap
        for count, labels in by_count.items():
            top = log_height(count)
            if _ERROR in labels:
                bars.append(_Bar(left, right, 0, top, KNOWN[_ERROR], _BAR_ALPHA))
            ends = np.linspace(left, right, len(labels) + 1).tolist()
            for label, begin, end in zip(labels, ends, ends[1:], strict=False):
                colour = colours.get(label, OTHER)
                marks.append(_Bar(begin, end, top - _MARK * most, top, colour))
    marks.sort(key=lambda each: each.colour == KNOWN[_ERROR])
    return [*bars, *marks]


def _strip(tally: Tally, most: float) -> list[_Bar]:
    """Return a strip below the bars that shows where errors are, however few beside others.

    Args:
        tally: the counts.
        most: height of the chart.
    """
    errors, edges = tally.counts[_ERROR], tally.steps.edges.tolist()
    bottom, top, highest = -0.09 * most, -0.03 * most, errors.max()
    return [
        _Bar(
            edges[place], edges[place + 1], bottom, top, KNOWN[_ERROR],
            0.35 + 0.65 * float(errors[place] / highest),
        )
        for place in np.flatnonzero(errors).tolist()
    ]  # fmt: skip


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
