"""What an answer lacks because it was pruned: told in one sentence, and as a warning."""

import inspect
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from server.errors import PrunedLogs
from server.records import MAX_TIMESTAMP
from server.store.catalog import ArchivedBatch
from server.units import counted
from workbench.asking.question import Question

_HERE: Final = f"{Path(__file__).parents[1]}/"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def lacking(pruned: Iterable[ArchivedBatch], question: Question) -> str | None:
    """Return a sentence about pruned logs that a question may be about; None where there are none.

    Args:
        pruned: the batches that they were in.
        question: what is asked.
    """
    batches = list(pruned)
    if not batches:
        return None
    known = [question.exactly(each) for each in batches]
    most = sum(question.selection.most(each) for each in batches)
    amount = f"{'up to ' if None in known else ''}{counted(most, 'log')}"
    first = min(each.first_timestamp for each in batches)
    last = max(each.last_timestamp for each in batches)
    return (
        f"this answer lacks {amount}, pruned with batches that reached from {_text(first)} to "
        f"{_text(last)}{_advice(last + 1, question)}"
    )


def warn_of(sentence: str | None) -> None:
    """Warn of pruned logs, if any, at the line that called the workbench."""
    if sentence is not None:
        warnings.warn(PrunedLogs(sentence), stacklevel=_callers_level())


def _advice(since: int, question: Question) -> str:
    if since > MAX_TIMESTAMP or (question.until is not None and since >= question.until):
        return ""
    return f"; since={_text(since)!r} asks only for what is kept"


def _text(timestamp: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=timestamp)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _callers_level() -> int:
    """Return what `warnings.warn`, called by our caller, needs to name the first foreign line."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    return level
