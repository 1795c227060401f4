"""The two charts of the last five minutes: logs a second by type, and ack latency."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any, Final

from bokeh.models import (
    Axis,
    CDSView,
    ColumnDataSource,
    CrosshairTool,
    DatetimeAxis,
    DatetimeTickFormatter,
    Grid,
    HoverTool,
    Line,
    LinearAxis,
    Plot,
    Range1d,
    Scatter,
    Stack,
    VArea,
)

from workbench.display import visible
from workbench.reports.figures.colours import OTHER, PERCENTILES, SLOTS
from workbench.snapshots.snapshot import (
    SECOND,
    WINDOW_SECONDS,
    MeasuredSecond,
    MeasuredWindow,
    Snapshot,
)

HEADROOM: Final = 1.08
OTHER_TYPES: Final = "other types"
_SLOT_NAMES: Final = tuple(f"slot{number}" for number in range(len(SLOTS)))
_FONT_SIZE: Final = "12px"
_LINE_WIDTHS: Final = {"p50": 1.5, "p95": 3.0, "p99": 5.0}
# Bokeh escapes values of columns. Colours are inherited, and follow the page's theme.
_TOOLTIP: Final = (
    '<div style="font: 12px/1.5 var(--sans, sans-serif); white-space: pre-line">'
    "<b>@time{%H:%M:%S UTC}</b>\n@said</div>"
)

# A change that comes while Panel draws the page can be lost. For the seconds that this may take,
# all data is sent each time, some KB.
DRAWING_SECONDS: Final = 20

# Legible on a light and on a dark page.
CROSSHAIR: Final = "#8792A0"

Columns = dict[str, Any]
"""Column name to numbers."""


class Chart(ABC):
    """A figure of the window; each session has its own figure and data.

    Args:
        unit: unit of the vertical axis.
        names: columns beside `time`.
    """

    def __init__(self, unit: str, names: Iterable[str]) -> None:
        self.source = ColumnDataSource({name: [] for name in ("time", *names)})
        self.figure = plain_figure(unit, _axis_of_seconds())
        self._revision: object = None
        self._last = 0
        self._shown = 0

    @abstractmethod
    def update(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""

    @abstractmethod
    def top(self, seconds: Sequence[MeasuredSecond]) -> float:
        """Return the highest value drawn, above 0 also without data, for the axis."""

    def show(self, window: MeasuredWindow, revision: object, now: int) -> None:
        """Stream new seconds; replace all at first and after a change of the past.

        Args:
            window: the seconds to show.
            revision: a change of it replaces all.
            now: milliseconds UTC, for an empty window.
        """
        end = window.seconds[-1].begin if window.seconds else now
        self.figure.x_range.update(start=end - WINDOW_SECONDS * SECOND, end=end)
        self.figure.y_range.end = HEADROOM * self.top(window.seconds)
        self._shown += 1
        if revision != self._revision or self._shown <= DRAWING_SECONDS:
            self.source.data = self.columns(window.seconds)
            self._revision = revision
        elif fresh := [second for second in window.seconds if second.begin > self._last]:
            self.source.stream(self.columns(fresh), rollover=WINDOW_SECONDS)
        self._last = window.seconds[-1].begin if window.seconds else 0

    @abstractmethod
    def columns(self, seconds: Sequence[MeasuredSecond]) -> Columns:
        """Return the columns of these seconds."""


class ThroughputChart(Chart):
    """Logs stored each second, stacked by type; a layer is a colour, whichever type has it."""

    def __init__(self) -> None:
        super().__init__("logs / s", ("total", "said", *_SLOT_NAMES))
        self._slots: Mapping[str, str] = {}
        view, below = CDSView(), Stack(fields=[])
        for place, colour in enumerate(SLOTS):
            above = Stack(fields=list(_SLOT_NAMES[: place + 1]))
            layer = VArea(
                x="time", y1={"expr": below}, y2={"expr": above}, fill_color=colour, fill_alpha=0.85
            )
            self.figure.add_glyph(self.source, layer, view=view)
            below = above
        top = self.figure.add_glyph(self.source, Line(x="time", y="total", line_alpha=0), view=view)
        _add_hover(self.figure, top)

    def update(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        slots = {
            log_type: _SLOT_NAMES[SLOTS.index(colour)]
            for log_type, colour in snapshot.colours.items()
        }
        if slots != self._slots:
            self._slots = slots
        revision = (snapshot.window.revision, tuple(slots.items()))
        self.show(snapshot.window, revision, snapshot.taken_at)

    def top(self, seconds: Sequence[MeasuredSecond]) -> float:
        """Return the most logs in a second."""
        return max(5, *(second.logs for second in seconds), 0)

    def columns(self, seconds: Sequence[MeasuredSecond]) -> Columns:
        """Return the logs by layer."""
        columns: Columns = {name: [0] * len(seconds) for name in _SLOT_NAMES}
        for place, second in enumerate(seconds):
            for log_type, count in second.stored.items():
                columns[self._slots.get(log_type, _SLOT_NAMES[-1])][place] += count
        columns["time"] = [second.begin for second in seconds]
        columns["total"] = [second.logs for second in seconds]
        columns["said"] = [self._said(second) for second in seconds]
        return columns

    def _said(self, second: MeasuredSecond) -> str:
        """Return a line for each visible layer of a second, the highest first."""
        counts: Counter[str] = Counter()
        for log_type, count in second.stored.items():
            counts[visible(log_type) if log_type in self._slots else OTHER_TYPES] += count
        lines = [f"{name}: {count:,}" for name, count in counts.most_common() if count]
        return "\n".join([f"all logs / s: {second.logs:,}", *lines])


class LatencyChart(Chart):
    """Percentiles of ack latency each second; a second without acks is a gap."""

    def __init__(self) -> None:
        super().__init__("ms", (*PERCENTILES, "said"))
        # The highest is widest and drawn first, so that equal lines are all visible.
        for name, colour in reversed(PERCENTILES.items()):
            width = _LINE_WIDTHS[name]
            line = Line(x="time", y=name, line_color=colour, line_width=width)
            lowest = self.figure.add_glyph(self.source, line)
            # A single second between gaps shows as a point, as it has no line.
            point = Scatter(
                x="time", y=name, line_color=colour, fill_color=colour, size=width + 0.5
            )
            self.figure.add_glyph(self.source, point)
        _add_hover(self.figure, lowest)

    def update(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        self.show(snapshot.window, snapshot.window.revision, snapshot.taken_at)

    def top(self, seconds: Sequence[MeasuredSecond]) -> float:
        """Return the highest percentile in milliseconds."""
        return max(1, *(second.latency.p99 for second in seconds if second.latency), 0)

    def columns(self, seconds: Sequence[MeasuredSecond]) -> Columns:
        """Return the percentiles; NaN for a second without."""
        columns: Columns = {
            name: [getattr(second.latency, name, nan) for second in seconds] for name in PERCENTILES
        }
        columns["time"] = [second.begin for second in seconds]
        columns["said"] = [_said(second) for second in seconds]
        return columns


def _said(second: MeasuredSecond) -> str:
    """Return a line for each percentile of a second, the highest first."""
    return "\n".join(
        f"{name}: {getattr(second.latency, name):,.2f} ms"
        for name in reversed(PERCENTILES)
        if second.latency is not None
    )


def colour_of(log_type: str, colours: Mapping[str, str]) -> str:
    """Return the colour of a type."""
    return colours.get(log_type, OTHER)


def plain_figure(unit: str, axis: Axis) -> Any:  # noqa: ANN401 - Bokeh has types in part only
    """Return a figure over time without data.

    It has only what is seen: what `bokeh.plotting` adds costs each session some milliseconds.

    Args:
        unit: unit of the vertical axis.
        axis: the axis of time.
    """
    upright = LinearAxis(axis_label=unit)
    upright.ticker.desired_num_ticks = 4
    for each in (axis, upright):
        each.axis_label_text_font_style = "normal"
        each.axis_label_text_font_size = each.major_label_text_font_size = _FONT_SIZE
        each.axis_line_color = each.major_tick_line_color = each.minor_tick_line_color = None
    # Colours of axes and grid come from the page's style sheet, so that they follow its theme.
    return Plot(
        sizing_mode="stretch_both",
        min_height=120,
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=0, end=1),
        below=[axis],
        left=[upright],
        center=[Grid(dimension=1, axis=upright)],
        toolbar_location=None,
        title=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border=4,
        output_backend="canvas",
    )


def _axis_of_seconds() -> Axis:
    axis = DatetimeAxis(
        axis_label="time (UTC)",
        formatter=DatetimeTickFormatter(
            seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hourmin="%H:%M", hours="%H:%M"
        ),
    )
    axis.ticker.desired_num_ticks = 6
    return axis


def _add_hover(plot: Any, renderer: Any) -> None:  # noqa: ANN401 - Bokeh has no types
    hover = HoverTool(
        renderers=[renderer],
        tooltips=_TOOLTIP,
        mode="vline",
        line_policy="nearest",
        formatters={"@time": "datetime"},
    )
    plot.add_tools(hover, CrosshairTool(dimensions="height", line_color=CROSSHAIR))
