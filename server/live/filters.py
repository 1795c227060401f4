"""Filters of live readers, and their query parameters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from waterline.errors import UsageError
from waterline.records import StoredLog

# Characters that could be looked at in the time that a search takes to begin.
_SEARCH_COST: Final = 512
# Highest row id of SQLite.
MAX_SEQ: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """Filter on logs; each non-empty attribute must match.

    Attributes:
        types: alternative log types.
        sources: alternative token names.
        contains: alternative substrings of the message, case-sensitive.
    """

    types: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    contains: frozenset[str] = frozenset()

    @property
    def takes_all(self) -> bool:
        """Whether every log matches."""
        return not (self.types or self.sources or self.contains)

    def accepts(self, log: StoredLog) -> bool:
        """Return whether a log matches."""
        if not self._accepts_origin(log):
            return False
        return not self.contains or any(text in log.message for text in self.contains)

    def choose(self, logs: Sequence[StoredLog]) -> Sequence[bool] | None:
        """Return whether each log matches; None if all do."""
        return None if self.takes_all else list(map(self.accepts, logs))

    def cost(self, logs: Sequence[StoredLog]) -> int:
        """Return about the work of `choose`, as characters to look at."""
        return sum(map(self._cost, logs))

    def choose_slowly(self, logs: Sequence[StoredLog], step: int) -> Iterator[int | list[bool]]:
        """Choose in steps.

        Args:
            logs: the logs.
            step: about the work of one step, as characters to look at.

        Yields:
            The work of each step, then whether each log matches.
        """
        chosen, work = [], 0
        for log in logs:
            cost = self._cost(log)
            if cost <= step:
                chosen.append(self.accepts(log))
                work += cost
            else:
                is_wanted = False
                for found, looked_at in self._search(log.message, step):
                    is_wanted = found
                    work += looked_at
                    if work >= step:
                        yield work
                        work = 0
                chosen.append(is_wanted)
            if work >= step:
                yield work
                work = 0
        yield work
        yield chosen

    def _cost(self, log: StoredLog) -> int:
        if not self.contains or not self._accepts_origin(log):
            return 1
        return (len(log.message) + _SEARCH_COST) * len(self.contains)

    def _search(self, message: str, step: int) -> Iterator[tuple[bool, int]]:
        """Yield whether a text was found and how many characters were looked at, until one is."""
        for text, start in product(self.contains, range(0, len(message) + 1, step)):
            end = min(start + step + len(text), len(message))
            is_found = message.find(text, start, end) >= 0
            yield is_found, end - start + _SEARCH_COST
            if is_found:
                return

    def _accepts_origin(self, log: StoredLog) -> bool:
        return (not self.types or log.type in self.types) and (
            not self.sources or log.source in self.sources
        )


EVERYTHING: Final = Filter()
# More would cost the server too much for one reader.
MAX_TEXTS: Final = 100
MAX_TEXT_LENGTH: Final = 1000

# A browser's WebSocket cannot send headers, so its token is in the query.
_ALLOWED: Final = ("type", "source", "contains", "after", "token")


def read_query(arguments: Mapping[str, Sequence[bytes]]) -> tuple[Filter, int | None]:
    """Return filter and begin of a query.

    Args:
        arguments: parameter values by name. `type`, `source` and `contains` may be repeated, as
            alternatives.

    Returns:
        The filter, and the seq after which to begin; None begins with the present.

    Raises:
        UsageError: a parameter is unknown or its value invalid.
    """
    for name in arguments:
        if name not in _ALLOWED:
            raise UsageError(f"{name[:40]!r} is unknown here; there is {', '.join(_ALLOWED)}")
    wanted = Filter(*(_texts(arguments, name) for name in ("type", "source", "contains")))
    return wanted, _after(arguments.get("after", ()))


def _texts(arguments: Mapping[str, Sequence[bytes]], name: str) -> frozenset[str]:
    try:
        texts = frozenset(value.decode() for value in arguments.get(name, ()))
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8") from error
    if len(texts) > MAX_TEXTS:
        raise UsageError(f"{name} may be given {MAX_TEXTS} times at most, not {len(texts)} times")
    if any(len(text) > MAX_TEXT_LENGTH for text in texts):
        raise UsageError(f"{name} may have {MAX_TEXT_LENGTH} characters at most")
    if "" in texts:
        raise UsageError(f"{name} is empty; give a text, or leave it out for any")
    return texts


def _after(values: Sequence[bytes]) -> int | None:
    if not values:
        return None
    # Only digits, as int() also accepts signs, spaces and underscores.
    digits = values[0].isdigit() and len(values[0]) <= len(str(MAX_SEQ))
    if len(values) > 1 or not digits or int(values[0]) > MAX_SEQ:
        raise UsageError("after is one seq: a whole number from 0; 0 begins with the first log")
    return int(values[0])
