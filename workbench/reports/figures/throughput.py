"""The figure of throughput: logs a second over time, stacked by type or source."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter

from waterline.errors import UsageError
from waterline.units import counted, format_duration, human_size
from workbench.frames import milliseconds_of
from workbench.reports.figures.axes import (
    QUIET,
    Picture,
    as_times,
    plain,
    show_times,
    step_of,
    write_title,
)
from workbench.reports.figures.colours import FREE, KNOWN, OTHER

_ALL: Final = "all logs"
_SECOND: Final = 1_000
# Steps at most, of two pixels each: more neighbours are drawn as one.
_MOST_STEPS: Final = 480
_LONGEST: Final = 24


def draw_throughput(report: pd.DataFrame) -> Picture:
    """Draw logs a second by step.

    Args:
        report: what `throughput` returned, or some of its rows.

    Raises:
        UsageError: the report has no rows.
    """
    if not len(report):
        raise UsageError("there is nothing to draw: the report has no rows")
    whole, step = _rates(report), _step(report)
    joined = -(-len(whole) // _MOST_STEPS)
    rates = whole.groupby(np.arange(len(whole)) // joined).mean()
    # The last step is drawn as wide as the others.
    edges = as_times(np.append(whole.index[::joined], whole.index[-1] + step))
    figure, axes = plain()
    base = np.zeros(len(edges))
    colours = _colours(rates)
    parts = []
    for label in rates.columns:
        values = rates[label].to_numpy()
        top = base + np.append(values, values[-1])
        parts.append(
            axes.fill_between(
                edges, base, top, step="post", color=colours[label], linewidth=0, label=label
            )
        )
        base = top
    axes.set_ylim(0, 1.08 * base.max() or 1)
    what = "logs a second"
    if joined > 1:
        what += f", mean of {format_duration(joined * step)}"
    axes.set_ylabel(what, color=QUIET)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,g}"))
    show_times(axes)
    axes.margins(x=0)
    if list(rates.columns) != [_ALL]:
        # In the order of the stack. Given labels, matplotlib keeps those that begin with an
        # underscore.
        names = [_short(str(name)) for name in rates.columns]
        figure.legend(parts[::-1], names[::-1], loc="outside right upper", frameon=False)
    write_title(axes, _title(report, step * len(whole)), pad=10)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _rates(report: pd.DataFrame) -> pd.DataFrame:
    """Return logs a second, a row a step (milliseconds UTC), a column a label in drawing order."""
    by = next((name for name in ("type", "source") if name in report), None)
    labels = report[by] if by else pd.Series(_ALL, report.index)
    totals = report["logs"].groupby(labels).sum().sort_values(ascending=False, kind="stable")
    drawn = _drawn([str(name) for name in totals.index])
    named = labels.where(labels.isin(drawn), counted(len(totals) - len(drawn), f"other {by}"))
    keys = [pd.Series(milliseconds_of(report["time"]), report.index), named]
    rates = report["logs_per_second"].groupby(keys).sum().unstack(fill_value=0)
    step = step_of(report["time"])
    if step is not None:
        first, last = rates.index[0], rates.index[-1]
        rates = rates.reindex(range(first, last + step, step), fill_value=0.0)
    return rates[[*dict.fromkeys([*drawn, *rates.columns])]]


def _drawn(labels: Sequence[str]) -> list[str]:
    """Return the labels that have a colour of their own, in drawing order.

    Args:
        labels: all labels, the most frequent first.
    """
    known = [each for each in KNOWN if each in labels]
    free = [each for each in labels if each not in KNOWN]
    # A single further label is not called the rest.
    return known + free[: len(FREE) + (len(free) == len(FREE) + 1)]


def _colours(rates: pd.DataFrame) -> dict[Any, str]:
    if list(rates.columns) == [_ALL]:
        return {_ALL: KNOWN["info"]}
    free = [name for name in rates.columns if name not in KNOWN]
    return {**KNOWN, **dict.fromkeys(free, OTHER), **dict(zip(free, FREE, strict=False))}


def _step(report: pd.DataFrame) -> int:
    """Return the milliseconds of a step; for a single step they follow from its rate."""
    step = step_of(report["time"])
    if step is not None:
        return step
    logs, rate = int(report["logs"].max()), float(report["logs_per_second"].max())
    return round(1000 * logs / rate) if logs else _SECOND


def _title(report: pd.DataFrame, length: int) -> str:
    logs = int(report["logs"].sum())
    text = f"{counted(logs, 'log')}, {1000 * logs / length:,.1f} a second on average"
    if "bytes" in report:
        text += f", {human_size(int(report['bytes'].sum()))} received"
    return text
