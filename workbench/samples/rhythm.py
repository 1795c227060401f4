"""The rhythm of the day: how much happens in each of its minutes."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

MINUTES = 24 * 60


def hourly(*weights: int) -> tuple[int, ...]:
    """A weight a minute, from one at each full hour, on straight lines between them."""
    following = (*weights[1:], weights[0])
    return tuple(
        here * (60 - minute) + there * minute
        for here, there in zip(weights, following, strict=True)
        for minute in range(60)
    )


def between(start: int, end: int) -> tuple[int, ...]:
    """The same weight from minute `start` up to minute `end` of the day, nothing outside."""
    return tuple(int(start <= minute < end) for minute in range(MINUTES))


def portioned(rhythm: Sequence[int], share: int) -> tuple[int, ...]:
    """The rhythm scaled so that its day weighs `share` millions, whatever its own scale."""
    whole = sum(rhythm)
    return tuple(share * 1_000_000 * weight // whole for weight in rhythm)


def apportion(count: int, weights: Sequence[int]) -> Iterator[int]:
    """Shares of `count` by weight: whole numbers whose sum is exactly `count`."""
    whole = sum(weights)
    given = 0
    for passed in accumulate(weights):
        due = (2 * count * passed + whole) // (2 * whole)
        yield due - given
        given = due


# fmt: off
CUSTOMERS = hourly(
    5, 3, 2, 2, 3, 9, 22, 38, 46, 44, 42, 42,
    46, 44, 42, 42, 46, 56, 68, 74, 70, 52, 28, 12,
)
OFFICE = hourly(
    6, 5, 4, 4, 5, 8, 16, 34, 52, 58, 58, 54,
    48, 52, 56, 56, 52, 46, 42, 44, 38, 26, 16, 9,
)
# fmt: on
STEADY = hourly(*[1] * 24)
