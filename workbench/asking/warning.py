"""Warnings of answers that lack something, at the analyst's own line."""

import inspect
import warnings
from pathlib import Path
from typing import Final

from server.errors import PrunedLogs
from server.printable import printable
from workbench.asking.effort import EFFORT

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
    """Return what `warnings.warn`, called by our caller, needs to name the first foreign line."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    return level
