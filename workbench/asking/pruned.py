"""What an answer lacks because it was pruned: told in one sentence."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from server.records import MAX_TIMESTAMP
from server.store.catalog import ArchivedBatch
from server.units import counted
from workbench.asking.question import Question

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


def _advice(since: int, question: Question) -> str:
    if since > MAX_TIMESTAMP or (question.until is not None and since >= question.until):
        return ""
    return f"; since={_text(since)!r} asks only for what is kept"


def _text(timestamp: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=timestamp)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
