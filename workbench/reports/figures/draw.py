"""Draws reports as figures; matplotlib is loaded with the first."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final, cast

import pandas as pd

from waterline.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COMPRESSION: Final = "workbench.reports.figures.compression"
_REPORTS: Final = {
    "compression_compare": (
        {"format", "codec", "level", "saved", "write_mb_per_s", "is_default"},
        _COMPRESSION,
        "draw_codecs",
    ),
    "compression": (
        {"day", "file", "rows", "raw_bytes", "stored_bytes", "place"},
        _COMPRESSION,
        "draw_batches",
    ),
    "throughput": (
        {"time", "logs", "logs_per_second"},
        "workbench.reports.figures.throughput",
        "draw_throughput",
    ),
    "latency": (
        {"metric", "count", "min", "max", "relative_error"},
        "workbench.reports.figures.latency",
        "draw_latency",
    ),
}
"""Columns that tell a report, and module and function that draw it, by name."""


def draw(report: pd.DataFrame) -> "Figure":
    """Draw a report as a figure of matplotlib.

    Args:
        report: what `Workbench.compression`, `compression_compare`, `throughput` or `latency`
            returned, or some of its rows.

    Raises:
        UsageError: `report` is none of these or has no rows, or matplotlib is not installed.
    """
    for columns, module, function in _REPORTS.values():
        if columns <= set(getattr(report, "columns", ())):
            draws = getattr(drawing(module), function)
            # Dollar signs in a type are no formula.
            with drawing("matplotlib").rc_context({"text.parse_math": False}):
                return cast("Figure", draws(report))
    raise UsageError(
        "this frame is no report with a figure; give what one of "
        f"{', '.join(sorted(_REPORTS))} returns"
    )


def drawing(module: str) -> ModuleType:
    """Return a module that draws, loaded when it is first needed.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise UsageError(
            "figures need matplotlib, which is not installed; install Waterline with its extra: "
            "pip install 'waterline[lab]'"
        ) from error
