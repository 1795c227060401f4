"""Warnings of answers that lack something, at the analyst's own line."""

import inspect
import warnings
from pathlib import Path
from typing import Final

from waterline.errors import INSTALLED, PrunedLogs
from waterline.printable import printable
from workbench.query.progress import EFFORT

_HERE: Final = f"{Path(__file__).parents[1]}/"


def warn_of(sentence: str | None, kind: type[UserWarning] = PrunedLogs) -> None:
    """Warn of what an answer lacks, if anything, at the line that called the workbench."""
    effort = EFFORT.get()
    if sentence is None:
        return
    sentence = printable(sentence)
    if effort is None:
        warnings.warn(kind(sentence), stacklevel=_callers_level())
    else:
        effort.warnings.append((sentence, kind))


def _callers_level() -> int:
    """Return what `warnings.warn`, called by our caller, needs to name the analyst's line.

    That is the first line outside of ours and of what is installed, as pandas or SQLAlchemy may lie
    between; where there is none, as in a thread of its own, the first one outside of ours.
    """
    level, first, frame = 0, None, inspect.currentframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_HERE):
            if not file.startswith(INSTALLED):
                return level
            first = level if first is None else first
        level, frame = level + 1, frame.f_back
    return level if first is None else first
