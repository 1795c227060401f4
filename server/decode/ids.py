"""Ids of logs that come without one."""

from collections.abc import Callable, Sequence

import uuid_utils

from server.decode.columns import kinds_of, short_texts
from waterline.records import MAX_ID_LENGTH

MakeIds = Callable[[Sequence[int | None]], Sequence[str]]
"""Returns ids for logs without one, by their timestamps, if they have one."""


def new_ids(timestamps: Sequence[int | None]) -> Sequence[str]:
    """Return ids that sort by time, UUIDv7 (RFC 9562, section 5.7), for so many logs."""
    return [str(uuid_utils.uuid7()) for _ in timestamps]


def complete_ids(
    given: Sequence[object], timestamps: Sequence[int | None], make_ids: MakeIds
) -> tuple[Sequence[str], frozenset[int]]:
    """Return the id of each log, and the positions of those that were made here.

    Args:
        given: the id of each log as it came; None where it has none.
        timestamps: the timestamp of each log, if it has one.
        make_ids: returns ids for logs without one.

    Raises:
        OddLog: an id is no text, or of a length that none may have.
    """
    if not given:
        return (), frozenset()
    if None not in given:
        return short_texts(given, MAX_ID_LENGTH), frozenset()
    if kinds_of(given) == {type(None)}:
        return make_ids(timestamps), frozenset(range(len(given)))
    made = [index for index, log_id in enumerate(given) if log_id is None]
    ids = list(given)
    for index, log_id in zip(made, make_ids([timestamps[at] for at in made]), strict=True):
        ids[index] = log_id
    return short_texts(ids, MAX_ID_LENGTH), frozenset(made)
