"""Ids of logs that come without: a body that is sent again has the same."""

import hashlib
from functools import cached_property
from typing import Final

from server.decode import new_id

_DIGEST_SIZE: Final = 9


class RepeatableIds:
    """Gives each log of a body an id made of the body and its place in it.

    Most shippers give no ids, and send a batch again if its answer is lost. A log that says no time
    gets an id of its own: two that are equal may both be meant.

    Args:
        content: the body.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    @cached_property
    def _digest(self) -> str:
        return hashlib.blake2b(self._content, digest_size=_DIGEST_SIZE).hexdigest()

    def __call__(self, timestamp: int | None) -> str:
        """Return the id of the next log, which sorts by its time.

        Args:
            timestamp: milliseconds UTC; None if it says none.
        """
        self._place += 1
        if timestamp is None:
            return new_id(None)
        return f"{timestamp:012x}-{self._digest}-{self._place}"
