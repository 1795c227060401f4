"""Ids of logs that come without: a body that is sent again has the same."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from server.decode.ids import new_ids

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

    def __call__(self, timestamps: Sequence[int | None]) -> Sequence[str]:
        """Return the ids of the next logs, which sort by their times.

        Args:
            timestamps: milliseconds UTC; None of a log that says none.
        """
        places = range(self._place + 1, self._place + 1 + len(timestamps))
        self._place += len(timestamps)
        if None not in timestamps:
            # The format is made once: half the cost of an f-string for each.
            return list(
                map(f"%012x-{self._digest}-%d".__mod__, zip(timestamps, places, strict=True))
            )
        return [
            f"{timestamp:012x}-{self._digest}-{place}"
            if timestamp is not None
            else new_ids([timestamp])[0]
            for timestamp, place in zip(timestamps, places, strict=True)
        ]
