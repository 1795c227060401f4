"""Replies of a server to single logs, as programs are told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.clients.answers import Answer


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer of the server to one log: stored (`seq`), a duplicate, or rejected (`error`)."""

    log_id: str
    seq: int | None = None
    duplicate: bool = False
    error: str | None = None


def replies(ids: Sequence[str], answer: Answer) -> Iterator[Reply]:
    """Yield the reply to each log of a frame, in order."""
    faults = {fault.index: fault.message for fault in answer.errors}
    stored = (
        (seq, run.is_duplicate)
        for run in answer.seqs
        for seq in range(run.seq, run.seq + run.count)
    )
    for index, log_id in enumerate(ids):
        if index in faults:
            yield Reply(log_id, error=faults[index])
        else:
            seq, is_duplicate = next(stored, (None, False))  # an older server tells none
            yield Reply(log_id, seq, is_duplicate)
