"""Figures of reports; what draws them is loaded when the first is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

import pandas as pd

from server.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REPORTS: Final = {
    "compression_compare": (
        {"format", "codec", "level", "saved", "write_mb_per_s", "is_default"},
        "draw_codecs",
    ),
    "compression": (
        {"day", "file", "rows", "raw_bytes", "stored_bytes", "place"},
        "draw_batches",
    ),
}
"""Report to the columns that are drawn and the function that draws it."""


def draw(report: pd.DataFrame) -> "Figure":
    """Draw a report as a figure of matplotlib.

    Args:
        report: what `Workbench.compression` or `Workbench.compression_compare` returned, or some
            of its rows.

    Raises:
        UsageError: it is no such report, has no rows, or matplotlib is not installed.
    """
    for columns, function in _REPORTS.values():
        if columns <= set(getattr(report, "columns", ())):
            return cast("Figure", getattr(_drawing(), function)(report))
    raise UsageError(
        f"that is no report with a figure; give what one of {', '.join(sorted(_REPORTS))} returns"
    )


def _drawing() -> object:
    try:
        return import_module("workbench.reports.compression_figures")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise UsageError(
            "figures need matplotlib, which is not installed; install Waterline with its extra: "
            "pip install 'waterline[lab]'"
        ) from error
