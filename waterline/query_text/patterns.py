r"""Patterns: regular expressions of RE2, whose time grows with the text and never explodes.

Arrow has RE2, and stored rows lie in Arrow. What comes in is matched by it too, so that a pattern
means the same everywhere. Its packages are those of the server; a program that only pushes logs
needs none.
"""

import re
from collections.abc import Sequence
from typing import Final

from waterline.parts import require
from waterline.query_text.condition import Pattern

LONGEST: Final = 1_000
"""Greatest number of characters of a pattern."""
MOST_REPEATED: Final = 1_000
"""Greatest sum of the counts in a pattern, such as those of `a{2,10}b{5}`: 15."""

_COUNTS: Final = re.compile(r"\{(\d+)(?:,(\d*))?\}", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff]+")
# What Arrow puts before the reason of RE2.
_PREFIX: Final = "Invalid regular expression: "


def fault_of(pattern: str) -> str | None:
    """Return why a text is no pattern; None if it is one.

    Raises:
        MissingPart: the packages that match patterns are not installed.
    """
    require("server", "a regular expression, or a text whose case is ignored,")
    import pyarrow as pa

    if len(pattern) > LONGEST:
        return f"a regular expression has {LONGEST:,} characters at most"
    counts = [high or low for low, high in _COUNTS.findall(pattern)]
    # RE2 refuses a count of five digits by itself.
    if sum(int(each[:5]) for each in counts) > MOST_REPEATED:
        return f"the counts of a regular expression add up to {MOST_REPEATED:,} at most"
    try:
        found([""], Pattern(pattern))
    except pa.ArrowInvalid as error:
        return f"RE2 reads no regular expression here: {str(error).removeprefix(_PREFIX)}"
    return None


def found(texts: Sequence[str | None], pattern: Pattern) -> list[bool]:
    """Return for each text whether a pattern matches in it; None never does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.array(texts, pa.large_string())
    matched: list[bool | None] = pc.match_substring_regex(column, pattern.text).to_pylist()
    return [each is True for each in matched]


def ignoring_case(text: str) -> str:
    """Return a pattern of a text in any case."""
    return f"(?i:{escaped(text)})"


def one_of(alternatives: Sequence[str]) -> Pattern:
    """Return the pattern of texts that are, from begin to end, one of several patterns."""
    return Pattern(rf"\A(?:{'|'.join(alternatives)})\z")


def escaped(text: str) -> str:
    """Return a pattern of a text as it is."""
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if _PLAIN.fullmatch(character):
        return character
    return r"\x00" if character == "\0" else f"\\{character}"
