"""Steps of time: what an analyst gives as `every`, and how many steps a report may have."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from waterline.errors import UsageError
from waterline.units import format_duration, parse_duration
from workbench.query.times import plain

# More would be a mistake in `every` rather than a report.
MAX_ROWS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """A step of time; steps begin at its multiples in UTC."""

    text: str
    """As the analyst wrote it."""
    length: int
    """Milliseconds, at least 1."""

    def begins(self, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the begin of the step that each moment lies in; all are milliseconds UTC."""
        length = np.int64(self.length)
        return moments // length * length

    def check(self, steps: int, groups: int, what: str) -> None:
        """See that a report of so many steps and groups has an end.

        Raises:
            UsageError: it is too long; the sentence says what would be shorter.
        """
        if steps * groups > MAX_ROWS:
            raise UsageError(
                f"every={self.text!r} gives {steps} steps for {groups} {what}; choose a longer "
                "step, or a shorter range with since and until"
            )


def to_step(every: object) -> Step:
    """Return the step that an analyst means.

    Raises:
        UsageError: it is no duration, or none at all.
    """
    given = plain(every)
    if isinstance(given, timedelta):
        every = format_duration(given // timedelta(milliseconds=1))
    if not isinstance(every, str):
        raise UsageError(f"every={every!r} is no text; give a number and a unit, such as '5min'")
    try:
        length = parse_duration(every)
    except ValueError as error:
        raise UsageError(f"every={error}") from error
    if length < 1:
        raise UsageError(f"every={every!r} is no step; the shortest is '1ms'")
    return Step(every, length)
