"""A condition: one attribute compared with values, for commands that start without pandas too."""

from dataclasses import dataclass
from typing import Final

Scalar = str | int | float | bool

OPERATORS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")


@dataclass(frozen=True, slots=True)
class Condition:
    """One attribute compared with a value; `values` holds one, or several for `in`.

    Numbers are compared with numbers, text with text, booleans with booleans. An integer beyond 64
    bits counts as the nearest float. A log without the attribute, or with null, meets no condition:
    `!=` needs the attribute with another value.
    """

    attribute: str
    operator: str
    values: tuple[Scalar, ...]
