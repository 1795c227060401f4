"""The formatter of DataFrames in a notebook: logs and reports as tables, all else as before.

Frames of logs stay plain DataFrames, whatever is done with them. IPython asks this function how any
of them looks; it knows logs by what their `attrs` say.
"""

import sys
from collections.abc import Callable
from typing import Any, Final

import pandas as pd

from workbench.notebook.log_table import LogTable, Roles
from workbench.notebook.report_table import ReportTable, is_report

_HTML: Final = "text/html"
_OF_AN_ANSWER: Final = frozenset({"pin", "seconds"})

_Format = Callable[[pd.DataFrame], object]


class LogFormatter:
    """Formats DataFrames as HTML.

    Args:
        before: the formatter that was there, or None.
    """

    def __init__(self, before: _Format | None) -> None:
        self.before = before

    def __call__(self, frame: pd.DataFrame) -> object:
        """Return HTML, or None where pandas is told to make none."""
        if pd.get_option("display.notebook_repr_html") and is_plain_answer(frame):
            if "message" in frame.columns:
                return LogTable(frame, Roles.of(frame, "message"))._repr_html_()
            if is_report(frame):
                return ReportTable(frame)._repr_html_()
        if self.before is not None:
            return self.before(frame)
        return frame._repr_html_()  # type: ignore[operator] # its stubs lack it


def is_plain_answer(frame: pd.DataFrame) -> bool:
    """Return whether a frame is an answer of the workbench, or a part of one, and not reshaped."""
    return (
        not _OF_AN_ANSWER.isdisjoint(frame.attrs)
        and frame.columns.nlevels == 1
        and frame.columns.is_unique
        and frame.index.nlevels == 1
        and frame.index.name is None
    )


def register() -> None:
    """Format frames in the IPython that runs, if one does; again is as once."""
    formatter = _formatter()
    if formatter is None:
        return
    before = formatter.type_printers.get(pd.DataFrame)
    if not isinstance(before, LogFormatter):
        formatter.for_type(pd.DataFrame, LogFormatter(before))


def unregister() -> None:
    """Format frames as before."""
    formatter = _formatter()
    if formatter is None:
        return
    ours = formatter.type_printers.get(pd.DataFrame)
    if isinstance(ours, LogFormatter):
        formatter.pop(pd.DataFrame)
        if ours.before is not None:
            formatter.for_type(pd.DataFrame, ours.before)


def _formatter() -> Any:  # noqa: ANN401 - IPython's, which is not loaded for this
    """Return IPython's formatter of HTML, or None outside of IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return None if shell is None else shell.display_formatter.formatters[_HTML]
