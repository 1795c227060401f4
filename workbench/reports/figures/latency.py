"""Figures of latency: percentiles over time or side by side, with their error bound."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from waterline.errors import UsageError
from waterline.metrics.registry import BY_NAME
from waterline.units import counted
from workbench.frames import milliseconds_of
from workbench.reports.figures.axes import (
    INK,
    QUIET,
    Picture,
    as_times,
    plain,
    plain_rows,
    show_times,
    step_of,
    write_legend,
    write_title,
)
from workbench.reports.sketches import Floats

_FIGURES: Final = ("count", "mean", "min", "max", "relative_error")
# Light to dark from the middle outwards; markers differ too.
_SHADES: Final = ("#56B4E9", "#3A7BD0", "#7A4FC4", "#22303C", "#009E73", "#D55E00")
_MARKERS: Final = ("o", "s", "D", "^", "v", "P")
_WORKBENCHS: Final = {"query_duration": "ms"}
# Panels and rows at most: those with the most values.
_MOST_PANELS: Final = 5
_MOST_ROWS: Final = 24
# Ratio of highest to lowest beyond which a scale from zero would hide the lower half.
_LINEAR: Final = 20


def draw_latency(report: pd.DataFrame) -> Picture:
    """Draw percentiles over time if the report has steps, otherwise a row a metric and group.

    Args:
        report: what `latency` returned, or some of its rows.

    Raises:
        UsageError: the report has no rows.
    """
    if not len(report):
        raise UsageError("there is nothing to draw: the report has no rows")
    return _over_time(report) if "time" in report else _side_by_side(report)


def _over_time(report: pd.DataFrame) -> Picture:
    groups = _groups(report)
    drawn = _most(groups, _MOST_PANELS)
    figure, panels = plain_rows(len(drawn), height=max(4.2, 1.2 + 2.1 * len(drawn)))
    step = step_of(report["time"]) or 0
    for axes, (name, rows) in zip(panels, drawn, strict=True):
        _draw_lines(axes, rows, step)
        axes.set_ylabel(_unit(rows), color=QUIET)
        if len(drawn) > 1:
            axes.set_title(name, loc="left", fontsize=10, color=INK)
        axes.xaxis.label.set_visible(False)
    show_times(panels[-1])
    panels[-1].set_xlabel(f"UTC; {_bound(report)}", color=QUIET)
    panels[-1].xaxis.label.set_visible(True)
    write_legend(panels[0], len(_percentiles(report)))
    title = _title(report, groups, len(drawn))
    if len(drawn) > 1:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12.5, fontweight="bold", color=INK)
        panels[0].set_title(drawn[0][0], loc="left", fontsize=10, color=INK, pad=24)
    else:
        write_title(panels[0], title)
    return figure


def _draw_lines(axes: Axes, rows: pd.DataFrame, step: int) -> None:
    moments, error = milliseconds_of(rows["time"]), rows["relative_error"].to_numpy()
    breaks = np.flatnonzero(np.diff(moments) > step) + 1
    times = as_times(np.insert(moments, breaks, moments[breaks] - 1))
    marker = 3.0 if len(rows) <= 60 else 0.0
    values = rows[list(_percentiles(rows))].to_numpy()
    for (shade, shape), name in zip(_looks(), _percentiles(rows), strict=False):
        # No line across a gap, in which nothing was measured.
        line = np.insert(rows[name].to_numpy(), breaks, np.nan)
        width = np.abs(line) * np.insert(error, breaks, np.nan)
        alone = np.isnan(np.append(line[1:], np.nan)) & np.isnan(np.insert(line[:-1], 0, np.nan))
        axes.plot(times, line, color=shade, linewidth=1.6, marker=shape, markersize=marker,
                  markevery=None if marker else np.flatnonzero(alone).tolist() or [], label=name,
                  zorder=3)  # fmt: skip
        axes.fill_between(times, line - width, line + width, color=shade, alpha=0.25, linewidth=0)
    _scale(axes, values, "y")


def _side_by_side(report: pd.DataFrame) -> Picture:
    groups = _groups(report)
    drawn = _most(groups, _MOST_ROWS)
    figure, axes = plain(height=max(2.4, 1.7 + 0.36 * len(drawn)))
    rows = pd.concat([rows for _, rows in drawn], ignore_index=True)
    places = np.arange(len(rows))
    names = _percentiles(rows)
    values = rows[list(names)].to_numpy()
    axes.hlines(places, values.min(axis=1), values.max(axis=1), color="#C9D3DC", linewidth=3)
    for (shade, shape), name in zip(_looks(), names, strict=False):
        error = rows[name].abs() * rows["relative_error"]
        axes.errorbar(rows[name], places, xerr=error, fmt=shape, color=shade, markersize=7,
                      elinewidth=1.4, label=name, zorder=3)  # fmt: skip
    axes.set_yticks(places, [_row_name(each) for each in drawn])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="y", visible=False)
    _scale(axes, values, "x")
    axes.set_xlabel(f"{_unit(rows)}; {_bound(report)}", color=QUIET)
    write_legend(axes, len(names))
    write_title(axes, _title(report, groups, len(drawn)))
    return figure


_Group = tuple[str, pd.DataFrame]


def _groups(report: pd.DataFrame) -> list[_Group]:
    """Return the rows of each metric and group by name, in the order of the report."""
    by = _by(report)
    several = report["metric"].nunique() > 1
    keys = ["metric", *([] if by is None else [by])]
    groups = []
    apart: Any = report.groupby(keys, dropna=False, sort=False)
    for key, rows in apart:
        label = "" if by is None or (pd.isna(key[-1]) and several) else _label(key[-1], by)
        metric = str(key[0]) if several or not label else ""
        groups.append((" ".join(filter(None, (metric, label))), rows))
    return groups


def _label(value: Any, by: str) -> str:  # noqa: ANN401 - a column's value
    return f"no {by}" if pd.isna(value) else str(value)


def _by(report: pd.DataFrame) -> str | None:
    known = {"metric", "time", *_FIGURES, *_percentiles(report)}
    return next((str(name) for name in report.columns if name not in known), None)


def _percentiles(report: pd.DataFrame) -> Sequence[str]:
    """Return the names of the percentiles, the columns between min and max."""
    columns = [str(name) for name in report.columns]
    return columns[columns.index("min") + 1 : columns.index("max")]


def _most(groups: Sequence[_Group], most: int) -> list[_Group]:
    counts = [rows["count"].sum() for _, rows in groups]
    largest = sorted(range(len(groups)), key=lambda place: -counts[place])[:most]
    return [groups[place] for place in sorted(largest)]


def _row_name(group: _Group) -> str:
    name, rows = group
    return f"{name}  ({counted(int(rows['count'].sum()), 'value')})"


def _looks() -> Iterator[tuple[str, str]]:
    return zip(cycle(_SHADES), cycle(_MARKERS), strict=False)


def _unit(rows: pd.DataFrame) -> str:
    """Return the unit of a report's numbers, as far as known."""
    metrics = [str(each) for each in rows["metric"].unique()]
    units = {each: _WORKBENCHS.get(each) or _own_unit(each) for each in metrics}
    known = {unit for unit in units.values() if unit is not None}
    attributes = [each for each in metrics if units[each] is None]
    if not known:
        return ", ".join(attributes)
    return " and ".join([*sorted(known), *(f"{each} in its own unit" for each in attributes)])


def _own_unit(metric: str) -> str | None:
    own = BY_NAME.get(metric)
    return None if own is None else str(own.unit)


def _bound(report: pd.DataFrame) -> str:
    errors = sorted({float(each) for each in report["relative_error"]})
    if errors[-1] == 0:
        return "exact"
    within = f"within {100 * errors[-1]:.1f}% of the exact percentile"
    return f"{within}, or exact" if errors[0] == 0 else within


def _title(report: pd.DataFrame, groups: Sequence[_Group], drawn: int) -> str:
    metrics = [str(each) for each in report["metric"].unique()]
    by, count = _by(report), int(report["count"].sum())
    what = metrics[0] if len(metrics) == 1 else "Percentiles"
    text = f"{what} by {by}" if by is not None else what
    if len(metrics) == 1:
        text += f": {counted(count, 'value')}"
    if drawn < len(groups):
        text += f", the {drawn} of {len(groups)} with the most values"
    return text


def _scale(axes: Axes, values: Floats, side: Literal["x", "y"]) -> None:
    """Choose a scale from zero, or a logarithmic one if values lie far apart."""
    low, high = float(values.min()), float(values.max())
    axis = axes.xaxis if side == "x" else axes.yaxis
    set_scale, set_limits = (
        (axes.set_xscale, axes.set_xlim) if side == "x" else (axes.set_yscale, axes.set_ylim)
    )
    if 0 < low < high / _LINEAR:
        set_scale("log")
        set_limits(low / 1.4, high * 1.4)
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 2_000 else (1,)))
        axis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis=side, which="minor", length=0)
    elif low >= 0:
        set_limits(0, 1.08 * high or 1)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
