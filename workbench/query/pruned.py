"""What an answer lacks because it was pruned: told in one sentence."""

from collections.abc import Iterable

from waterline.records import MAX_TIMESTAMP
from waterline.storage.catalog import ArchivedBatch
from waterline.units import counted
from workbench.query.question import Question
from workbench.query.times import iso_text


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
    firsts, lasts = zip(*(each.reach(question.clock) for each in batches), strict=True)
    first, last = min(firsts), max(lasts)
    return (
        f"this answer lacks {amount}, pruned with batches that reached from {iso_text(first)} to "
        f"{iso_text(last)}{_advice(last + 1, question)}"
    )


def _advice(since: int, question: Question) -> str:
    if since > MAX_TIMESTAMP or (question.until is not None and since >= question.until):
        return ""
    return f"; since={iso_text(since)!r} asks only for what is kept"
