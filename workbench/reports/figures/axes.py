"""What figures share: sizes, axes, titles, an axis of time, labels that cover nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from io import BytesIO
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import BboxBase

from workbench.frames import milliseconds_of

INK: Final = "#22303C"
_NEAR: Final = 7
_NEAR_RING: Final = 11

_Numbers = np.ndarray[Any, np.dtype[np.float64]]
_Place = tuple[float, float, str, str]
"""Offset from the point to the right and up, in points, and alignments."""


@dataclass(frozen=True, slots=True)
class PointLabel:
    """Label of a point; bold if the point has a ring."""

    text: str
    x: float
    y: float
    has_ring: bool


def label_points(axes: Axes, labels: Sequence[PointLabel]) -> None:
    """Write labels of points. This fixes the layout, so that all else must be drawn before.

    Args:
        axes: axes with the points and lines drawn.
        labels: labels, the most important first.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    points = axes.transData.transform([(each.x, each.y) for each in labels])
    lines = [axes.transData.transform(line.get_xydata()) for line in axes.get_lines()]
    taken = np.concatenate(
        [_around(points, reach=6), *(_around(_along(each), 2) for each in lines)]
    )
    for each in labels:
        label = axes.annotate(
            each.text,
            (each.x, each.y),
            (0, 0),
            textcoords="offset points",
            fontsize=9,
            color=INK,
            fontweight="bold" if each.has_ring else "normal",
            zorder=5,
        )
        _find_room(label, axes.bbox, taken, _NEAR_RING if each.has_ring else _NEAR)
        taken = np.concatenate([taken, [label.get_window_extent().extents]])


def _find_room(label: Annotation, room: BboxBase, taken: _Numbers, near: float) -> None:
    """Put a label at the nearest place where it covers least and stays within the axes."""

    def covered(place: _Place) -> float:
        _put(label, place)
        box = label.get_window_extent().padded(1)
        inside = _shared(box, np.array([room.extents]))
        return box.width * box.height - inside + _shared(box, taken)

    _put(label, min(_places(near), key=covered))


def _places(near: float) -> Iterator[_Place]:
    """Yield places around a point, the nearest first."""
    for away in (near, near + 8, near + 18, near + 30):
        yield away, 0, "left", "center"
        yield 0, away, "center", "bottom"
        yield 0, -away, "center", "top"
        yield -away, 0, "right", "center"
        for x, y in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            side, height = "left" if x > 0 else "right", "bottom" if y > 0 else "top"
            yield 0.7 * away * x, 0.7 * away * y, side, height


def _put(label: Annotation, place: _Place) -> None:
    x, y, horizontal, vertical = place
    label.set(position=(x, y), horizontalalignment=horizontal, verticalalignment=vertical)


def _around(points: _Numbers, reach: float) -> _Numbers:
    """Return the box around each point: left, bottom, right, top."""
    return np.hstack([points - reach, points + reach])


def _along(corners: _Numbers) -> _Numbers:
    """Return closely spaced points along a line."""
    parts = [corners[:1]]
    for begin, end in pairwise(corners):
        steps = 1 + int(np.hypot(*(end - begin)) / 4)
        parts.append(np.linspace(begin, end, steps))
    return np.concatenate(parts)


def _shared(box: BboxBase, boxes: _Numbers) -> float:
    """Return the area that a box shares with others, in square pixels."""
    width = np.minimum(box.x1, boxes[:, 2]) - np.maximum(box.x0, boxes[:, 0])
    height = np.minimum(box.y1, boxes[:, 3]) - np.maximum(box.y0, boxes[:, 1])
    return float((width.clip(0) * height.clip(0)).sum())


QUIET: Final = "#5B6875"
_SIZE: Final = (9.5, 4.2)


class Picture(Figure):
    """A figure that a notebook shows as a picture, even if pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        picture = BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def plain(height: float = _SIZE[1]) -> tuple[Picture, Axes]:
    """Return a picture with one pair of axes; `height` is in inches."""
    figure = Picture(figsize=(_SIZE[0], height), dpi=100, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    quieten(axes)
    return figure, axes


def plain_rows(rows: int, height: float = _SIZE[1]) -> tuple[Picture, list[Axes]]:
    """Return a picture with axes below each other that share x; `height` is in inches."""
    figure = Picture(figsize=(_SIZE[0], height), dpi=100, layout="constrained", facecolor="white")
    several = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0].tolist()
    for axes in several:
        quieten(axes)
    return figure, several


def quieten(axes: Axes) -> None:
    """Draw axes in quiet colours, behind the data."""
    axes.set_axisbelow(True)
    axes.grid(color="#E3E7EB")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#AEB7C0")
    axes.tick_params(which="both", colors=QUIET)


def write_title(axes: Axes, text: str, pad: float = 32) -> None:
    """Write the title, `pad` points above the axes: room for a legend.

    Args:
        axes: the axes.
        text: the title.
        pad: points between axes and title: room for a legend.
    """
    axes.set_title(text, pad=pad, loc="left", fontsize=12.5, fontweight="bold", color=INK)


def write_legend(axes: Axes, columns: int) -> None:
    """Write the legend between the title and the axes."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1), ncols=columns, columnspacing=1.4,
        handletextpad=0.5, frameon=False,
    )  # fmt: skip


def step_of(times: "pd.Series[pd.Timestamp]") -> int | None:
    """Return the greatest common divisor of all gaps, in milliseconds; None for a single time."""
    moments = np.unique(milliseconds_of(times))
    return int(np.gcd.reduce(np.diff(moments))) if len(moments) > 1 else None


def show_times(axes: Axes) -> None:
    """Make x an axis of time with few, short labels."""
    locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=9)  # type: ignore[no-untyped-call] # matplotlib has no types for it
    axes.xaxis.set_major_locator(locator)
    names = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call] # the same
    axes.xaxis.set_major_formatter(names)
    axes.set_xlabel("UTC", color=QUIET)
    axes.margins(x=0.01)


def as_times(milliseconds: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> "pd.DatetimeIndex":
    """Return milliseconds since 1970 UTC as times for matplotlib."""
    return pd.DatetimeIndex(milliseconds.astype("datetime64[ms]"), tz=UTC)
