"""How much is kept, and for how long, as an analyst says it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from waterline.errors import UsageError
from waterline.units import parse_duration, parse_size
from workbench.query.times import plain

TTL: Final = "1h"
SIZE: Final = "256MiB"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the cache may keep."""

    ttl: int
    """Milliseconds for which an answer is kept."""
    size: int
    """Bytes that all answers may take; the least recently used go first."""

    @classmethod
    def of(cls, cache_ttl: str, cache_size: str) -> Self:
        """Return the limits that were given as texts.

        Raises:
            UsageError: one has no meaning; the sentence names the argument.
        """
        return cls(
            parsed(parse_duration, "cache_ttl", cache_ttl, TTL),
            parsed(parse_size, "cache_size", cache_size, SIZE),
        )


def parsed(parse: Callable[[str], int], argument: str, given: object, such: str) -> int:
    """Return a number that was given as a text.

    Args:
        parse: reads the text; its ValueError says what is wrong with it.
        argument: what the text was given as.
        given: the text.
        such: an example.

    Raises:
        UsageError: it is no text, or has no meaning; the sentence names the argument.
    """
    length = plain(given)
    if isinstance(length, timedelta) and parse is parse_duration:
        given = f"{length // timedelta(milliseconds=1)}ms"
    if not isinstance(given, str):
        raise UsageError(f"{argument}={given!r} is no text; give one such as {such!r}")
    try:
        return parse(given)
    except ValueError as error:
        raise UsageError(f"{argument}: {error}") from error
