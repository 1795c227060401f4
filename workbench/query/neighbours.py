"""The places just before and just behind a log, among the logs that match a question."""

from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa

from workbench.query.execute import Logs
from workbench.query.question import Place, Question

# Milliseconds behind a place that are looked at first; twice as many each time there are too few.
_FIRST_WIDTH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The logs around one."""

    places: list[Place]
    """In their order, without that of the log itself."""
    lacks: str | None
    """Sentence about pruned logs that may belong to them, or None."""


def neighbours(found: Logs, question: Question, place: Place, count: int) -> Neighbours:
    """Return the places of the logs around one.

    Args:
        found: the logs of a folder.
        question: what they match; its order, limit and columns are ignored.
        place: the place of the log.
        count: greatest number of them on each side.

    Raises:
        IncompleteAnswer: archive files are missing or damaged; the sentence names them.
    """
    question = replace(question, columns=("seq", "timestamp"), order="oldest", limit=count)
    before, lacks_before = _places(found, replace(question, before=place))
    behind, lacks_behind = _behind(found, replace(question, behind=place), place, count)
    return Neighbours([*before, *behind], lacks_before or lacks_behind)


def _behind(
    found: Logs, question: Question, place: Place, count: int
) -> tuple[list[Place], str | None]:
    """Return the first places behind one; an answer with a limit has the last ones."""
    if found.count(question).value < count:
        return _places(found, question)
    width = _FIRST_WIDTH
    while True:
        near = replace(question, until=place[0] + 1 + width)
        if found.count(near).value >= count:
            places, lacks = _places(found, replace(near, limit=None))
            return places[:count], lacks
        width *= 2


def _places(found: Logs, question: Question) -> tuple[list[Place], str | None]:
    rows = found.rows(question)
    timestamps = rows.table["timestamp"].cast(pa.int64()).to_pylist()
    seqs = rows.table["seq"].to_pylist()
    return [*zip(timestamps, seqs, strict=True)], rows.lacks
