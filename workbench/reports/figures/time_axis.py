"""The axis of time of a figure, in UTC."""

from datetime import UTC

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from workbench.frames import milliseconds_of
from workbench.reports.figures.picture import QUIET


def step_of(times: "pd.Series[pd.Timestamp]") -> int | None:
    """Return the milliseconds of which all steps are multiples apart; None where there is one."""
    moments = np.unique(milliseconds_of(times))
    return int(np.gcd.reduce(np.diff(moments))) if len(moments) > 1 else None


def show_times(axes: Axes) -> None:
    """Let x be time, with few and short names."""
    locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=9)  # type: ignore[no-untyped-call] # matplotlib has no types for it
    axes.xaxis.set_major_locator(locator)
    names = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call] # the same
    axes.xaxis.set_major_formatter(names)
    axes.set_xlabel("UTC", color=QUIET)
    axes.margins(x=0.01)


def as_times(milliseconds: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> "pd.DatetimeIndex":
    """Return milliseconds since 1970 UTC as what matplotlib draws."""
    return pd.DatetimeIndex(milliseconds.astype("datetime64[ms]"), tz=UTC)
