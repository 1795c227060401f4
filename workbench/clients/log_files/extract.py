"""Attributes taken out of the text of a line by a regular expression of the user's."""

import math
import re
from typing import Final

from waterline.errors import UsageError

_MEMBERS_OF_A_LOG: Final = ("id", "type", "message", "timestamp")
_JSON_NUMBER: Final = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?P<beyond_integer>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
)
# Python refuses to read longer integers, and so would whoever reads the log.
_MAX_INTEGER_LENGTH: Final = 4000


class Extraction:
    """A regular expression whose named groups become attributes."""

    def __init__(self, pattern: str) -> None:
        """Compile the pattern.

        Raises:
            UsageError: it is no regular expression, names no group, or names one like a member
                that every log has.
        """
        try:
            self._regex = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(f"'{pattern}' is no regular expression: {error}") from error
        _check_group_names(pattern, list(self._regex.groupindex))

    def attributes(self, line: str) -> dict[str, str | int | float]:
        """Return the named groups of the first match in the line, numbers as numbers.

        Groups that took no part in the match are left out; no match gives no attributes.
        """
        match = self._regex.search(line)
        if match is None:
            return {}
        return {
            name: number_or_text(text)
            for name, text in match.groupdict().items()
            if text is not None
        }


def _check_group_names(pattern: str, names: list[str]) -> None:
    if not names:
        raise UsageError(
            f"'{pattern}' names nothing to extract; give what you want a name, "
            "as in 'time: (?P<seconds>[0-9.]+)'"
        )
    for name in names:
        if name in _MEMBERS_OF_A_LOG:
            raise UsageError(
                f"a group of '{pattern}' has the name {name}, as every log has "
                f"{', '.join(_MEMBERS_OF_A_LOG)}; give it another name"
            )


def number_or_text(text: str) -> str | int | float:
    """Return a text as a number where it is one as JSON writes it, else as it stands."""
    match = _JSON_NUMBER.fullmatch(text)
    if match is None:
        return text
    if match["beyond_integer"]:
        number = float(text)
        return number if math.isfinite(number) else text
    return int(text) if len(text) <= _MAX_INTEGER_LENGTH else text
