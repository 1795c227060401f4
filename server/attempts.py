"""Failures in a row of a job that is tried again, and how long to wait before the next attempt."""

import logging
from typing import Final

# Seconds before the next attempt after a failure, doubled each time up to the last.
FIRST_PAUSE: Final = 60.0
LAST_PAUSE: Final = 3600.0
# Failures in a row, after which a failure counts as lasting.
LASTING: Final = 3
# Doublings, beyond which the pause is the last one anyway.
_MOST_DOUBLINGS: Final = 10


class Attempts:
    """Counts failures until the job succeeds; each reason is logged once.

    Args:
        logger: takes the reasons.
        what: what failed, as a log line begins.

    Attributes:
        failure: why the last attempt failed, in one sentence; None if it did not.
    """

    def __init__(self, logger: logging.Logger, what: str) -> None:
        self._logger = logger
        self._what = what
        self._failures = 0
        self.failure: str | None = None

    @property
    def is_lasting(self) -> bool:
        """Whether the last LASTING attempts failed."""
        return self._failures >= LASTING

    def fail(self, reason: str) -> None:
        """Count a failure.

        Args:
            reason: why, in one sentence.
        """
        if reason != self.failure:
            self._logger.error("%s and is tried again: %s", self._what, reason)
        self._failures += 1
        self.failure = reason

    def succeed(self) -> None:
        """Forget earlier failures."""
        self._failures, self.failure = 0, None

    def pause(self, look_seconds: float, every: int) -> float:
        """Return the seconds until the next look, or the next attempt after a failure.

        Args:
            look_seconds: seconds between two looks at most.
            every: how often the job is due, milliseconds.
        """
        if self._failures:
            doubled = FIRST_PAUSE * 2.0 ** min(self._failures - 1, _MOST_DOUBLINGS)
            return min(LAST_PAUSE, doubled)
        return max(1.0, min(look_seconds, every / 1000))
