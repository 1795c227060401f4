"""What all figures have in common: their size, their quiet axes, their title."""

from io import BytesIO
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.reports.figures.point_labels import INK

QUIET: Final = "#5B6875"
_SIZE: Final = (9.5, 4.2)


class Picture(Figure):
    """A figure that a notebook shows as a picture, also where pyplot was never imported."""

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
    """Return a picture with axes below each other that have the same x; `height` is in inches."""
    figure = Picture(figsize=(_SIZE[0], height), dpi=100, layout="constrained", facecolor="white")
    several = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0].tolist()
    for axes in several:
        quieten(axes)
    return figure, several


def quieten(axes: Axes) -> None:
    """Let axes stand back behind what they show."""
    axes.set_axisbelow(True)
    axes.grid(color="#E3E7EB")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#AEB7C0")
    axes.tick_params(which="both", colors=QUIET)


def write_title(axes: Axes, text: str, pad: float = 32) -> None:
    """Write the title, with room for a legend below it unless `pad` (points) is less."""
    axes.set_title(text, pad=pad, loc="left", fontsize=12.5, fontweight="bold", color=INK)


def write_legend(axes: Axes, columns: int) -> None:
    """Write the legend between the title and the axes."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1), ncols=columns, columnspacing=1.4,
        handletextpad=0.5, frameon=False,
    )  # fmt: skip
