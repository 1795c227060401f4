"""Conditions of a query: on one attribute, and on the text of a column."""

from dataclasses import dataclass
from typing import Final, Literal

Scalar = str | int | float | bool

OPERATORS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
"""Operators that compare with values; `exists` and `lacks` have none."""


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers from one to another, both inclusive; None is no end."""

    low: int | float | None
    high: int | float | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression of RE2, found anywhere in a text."""

    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One attribute compared with a value; `values` holds one, or several for `in`.

    Numbers are compared with numbers, text with text, booleans with booleans. An integer beyond 64
    bits counts as the nearest float. A log without the attribute, or with null, meets no condition
    but `lacks`: `!=` needs the attribute with another value. A range or a pattern is equal to what
    lies in it, or matches it. `attribute` may be a path: see `waterline.query_text.paths`.
    """

    attribute: str
    operator: str
    values: tuple[Scalar | Range | Pattern, ...]

    @property
    def has_patterns(self) -> bool:
        """Whether a pattern is among the values, which SQLite cannot match."""
        return any(isinstance(each, Pattern) for each in self.values)


@dataclass(frozen=True, slots=True)
class ColumnPattern:
    """A pattern that the text of a column matches, or does not match."""

    column: Literal["type", "source", "message"]
    pattern: Pattern
    is_negated: bool = False
