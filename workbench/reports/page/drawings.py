"""Figures of the report as SVG in the page, in its colours and font."""

import re
import warnings
from collections.abc import Mapping
from io import StringIO
from typing import Final

import matplotlib as mpl
import pandas as pd

from workbench.reports.figures.axes import INK, QUIET
from workbench.reports.figures.compression import RAW
from workbench.reports.figures.draw import draw
from workbench.reports.page.contents import ReportContents
from workbench.reports.page.section import Drawn

# Colours that become the page's, so that figures are legible on a dark page.
_OF_THE_PAGE: Final = {
    INK.lower(): "var(--ink)",
    QUIET.lower(): "var(--muted)",
    RAW.lower(): "var(--raw)",
    "#e3e7eb": "var(--line)",
    "#aeb7c0": "var(--axis)",
}
_COLOUR: Final = re.compile("|".join(_OF_THE_PAGE))
_TAG: Final = re.compile(r"<[^>]*>")
_NOT_OF_A_PAGE: Final = re.compile(
    r"\A.*?(?=<svg)|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL
)
_FONT: Final = re.compile(r"font-family: [^;\"]*;? ?")
# Ids are unused, and would repeat from figure to figure.
_GROUP: Final = re.compile(r'<g id="[^"]*"')
_WIDTH: Final = re.compile(r' width="[^"]*" height="[^"]*"')


def draw_all(contents: ReportContents) -> Mapping[Drawn, str]:
    """Return the figures that have data, as elements `svg`."""
    kept = contents.compression[contents.compression["place"] != "pruned"]
    frames: Mapping[Drawn, pd.DataFrame] = {
        "throughput": contents.by_type,
        "latency": contents.latency_over_time,
        "compression": kept,
    }
    return {name: _svg(name, frame) for name, frame in frames.items() if len(frame)}


def _svg(name: Drawn, frame: pd.DataFrame) -> str:
    written = StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        # Equal contents give an equal page, and figures share no ids.
        mpl.rcParams["svg.hashsalt"] = f"waterline {name}"
        figure = draw(frame)
        if name != "latency":
            # The section has the title's sums; the title of latency names a panel.
            figure.axes[0].set_title("", loc="left")
        with warnings.catch_warnings():
            # The reader's browser has glyphs that matplotlib's font lacks.
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
            figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = _NOT_OF_A_PAGE.sub("", written.getvalue())
    svg = _WIDTH.sub(f' role="img" aria-label="{name}"', svg, count=1)
    return _TAG.sub(lambda tag: _of_the_page(tag[0]), svg)


def _of_the_page(tag: str) -> str:
    tag = _FONT.sub("", _GROUP.sub("<g", tag))
    return _COLOUR.sub(lambda colour: _OF_THE_PAGE[colour[0]], tag)
