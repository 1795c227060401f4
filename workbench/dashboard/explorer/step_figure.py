"""The figure of a chart by steps of time: its axis follows a zone's clock, and it can be zoomed."""

# Bokeh has types in part only.
# mypy: allow-untyped-calls

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from bokeh.models import BoxSelectTool, CustomJS, FixedTicker, LinearAxis

from workbench.dashboard.figures import plain_figure
from workbench.explore.steps import Steps, steps_of

HEADROOM: Final = 1.06
"""Height of a chart, as a multiple of what is highest in it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000
# The page hears of what is done with the pointer, and changes its range by it.
_ZOOM: Final = """
    if (cb_obj.final && cb_obj.geometry.type === "rect") {
      const { x0, x1 } = cb_obj.geometry;
      const detail = [Math.min(x0, x1), Math.max(x0, x1)];
      dispatchEvent(new CustomEvent("waterline-zoom", { detail }));
    }
"""
_BACK: Final = 'dispatchEvent(new Event("waterline-zoom-out"))'
# Bokeh escapes values of columns. Colours are inherited, and follow the page's theme.
TOOLTIP: Final = (
    '<div style="font: 12px/1.5 var(--sans, sans-serif); white-space: pre-line">@said</div>'
)
"""Tooltip of what a column `said` has."""


def step_figure() -> Any:  # noqa: ANN401 - Bokeh has types in part only
    """Return a figure without data; the page hears of a range drawn on it, and of double clicks."""
    axis: Any = LinearAxis()
    axis.ticker = FixedTicker(ticks=[])
    plot = plain_figure("", axis)
    plot.min_height = 60
    plot.min_border_left = 52  # so that charts above each other have one axis
    # Nothing is selected by it.
    select = BoxSelectTool(dimensions="width", renderers=[])
    plot.add_tools(select)
    plot.toolbar.active_drag = select
    plot.js_on_event("selectiongeometry", CustomJS(code=_ZOOM))
    plot.js_on_event("doubletap", CustomJS(code=_BACK))
    return plot


def mark_steps(plot: Any, steps: Steps, zone: ZoneInfo, most: int) -> None:  # noqa: ANN401 - as above
    """Let the axis of time reach over steps, with marks on a zone's clock.

    Args:
        plot: what `step_figure` returned.
        steps: the steps.
        zone: the zone whose clock is shown.
        most: greatest number of marks.
    """
    plot.x_range.update(start=int(steps.edges[0]), end=int(steps.edges[-1]))
    marks = ticks_of(steps, zone, most)
    (axis,) = plot.below
    axis.ticker.ticks = [*marks]
    axis.major_label_overrides = marks


def ticks_of(steps: Steps, zone: ZoneInfo, most: int) -> dict[int, str]:
    """Return where the axis has marks, milliseconds UTC, and their texts.

    Args:
        steps: the steps of the chart.
        zone: the zone whose clock is shown.
        most: greatest number of marks.
    """
    first, last = int(steps.edges[0]), int(steps.edges[-1])
    marks = steps_of(first, last, zone, most)
    places = [each for each in marks.edges.tolist() if first <= each <= last]
    texts, day = {}, None
    for place in places:
        shown = _clock(place, zone)
        is_other_day, day = day is not None and day != shown.date(), shown.date()
        texts[place] = _mark(shown, marks.length, is_other_day=is_other_day or place == places[0])
    return texts


def _mark(shown: datetime, length: int, *, is_other_day: bool) -> str:
    day = shown.date().isoformat()
    if length >= _DAY_MS:
        return day
    if length >= 60_000:
        time = shown.strftime("%H:%M")
    elif length >= 1000:
        time = shown.strftime("%H:%M:%S")
    else:
        time = shown.strftime("%H:%M:%S.") + f"{shown.microsecond // 1000:03}"
    return f"{day[5:]} {time}" if is_other_day else time


def interval(steps: Steps, place: int, zone: ZoneInfo) -> str:
    """Return begin and end of a step as text.

    Args:
        steps: the steps.
        place: index of the step.
        zone: the zone whose clock is shown.
    """
    begin, end = (_clock(int(steps.edges[each]), zone) for each in (place, place + 1))
    if steps.length < 1000:
        return f"{begin:%H:%M:%S.%f} – {end:%H:%M:%S.%f}"  # noqa: RUF001
    until = f"{end:%H:%M:%S}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{begin:%Y-%m-%d %H:%M:%S} – {until}"  # noqa: RUF001


def _clock(moment: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=moment)).astimezone(zone)
