"""Which JSON objects are logs of our own contract, and which of other programs look like them."""

from collections.abc import Mapping, Sequence
from itertools import compress, repeat
from operator import contains, is_
from typing import Final

from waterline.recognition.time_values import read_time

# Characters of a `type` of ours, which stands as it is given.
MAX_TYPE_LENGTH: Final = 64
ENVELOPE: Final = "waterline.log"
"""Member with a log whose attributes may have any name, also those that a log has itself.

`{"id": …, "waterline.log": {"type": …, "message": …, "timestamp": …, "attributes": {…}}}`
"""
TIMES_OF_OTHERS: Final = frozenset(
    ("@timestamp", "time", "ts", "asctime", "@t", "timeMillis", "Timestamp", "instant", "datetime")
)
"""Members that say when a log of another program happened, and hardly anything else."""
MARK_OF_ELASTICSEARCH: Final = "cluster.name"
"""Elasticsearch's own logs name its parts in `type`, and their level beside it."""


def is_ours(value: Mapping[str, object]) -> bool:
    """Return whether an object is a log of our own contract, with a type and a message.

    One that has its time where other programs have it, and neither `timestamp` nor `id`, is of
    another program.
    """
    name = value.get("type")
    return (
        isinstance(value.get("message"), str)
        and isinstance(name, str)
        and 0 < len(name) <= MAX_TYPE_LENGTH
        and not _says_so_otherwise(value)
    )


def _says_so_otherwise(value: Mapping[str, object]) -> bool:
    """Return whether an object with type and message has its time or level as others write it.

    A producer that gives an id of ours waits for its ack.
    """
    if isinstance(value.get("id"), str):
        return False
    if MARK_OF_ELASTICSEARCH in value and isinstance(value.get("level"), str):
        return True
    return value.get("timestamp") is None and any(
        read_time(value[name]) is not None for name in TIMES_OF_OTHERS.intersection(value)
    )


def may_be_of_others(logs: Sequence[Mapping[str, object]], timestamps: Sequence[object]) -> bool:
    """Return whether one of many logs of our own contract may be of another program after all.

    Args:
        logs: the logs.
        timestamps: the `timestamp` of each.
    """
    if any(map(contains, logs, repeat(MARK_OF_ELASTICSEARCH))):
        return True
    return None in timestamps and not all(
        map(TIMES_OF_OTHERS.isdisjoint, compress(logs, map(is_, timestamps, repeat(None))))
    )


def is_envelope(value: Mapping[str, object]) -> bool:
    """Return whether an object is a log of ours in an envelope, with an id or without."""
    return ENVELOPE in value and len(value) == (2 if "id" in value else 1)
