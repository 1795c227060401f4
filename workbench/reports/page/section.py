"""A section of the report: what page and terminal write alike, each in its own way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Drawn = Literal["throughput", "latency", "compression"]
"""A figure that a section has, where it can be drawn."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    is_text: bool = False
    """Whether it is text, which stands to the left; numbers stand to the right."""
    is_free: bool = False
    """Whether producers chose the text, so that it may be long and has to give way."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: a text for each column."""

    cells: Sequence[str]
    is_marked: bool = False
    """Whether an operator should look at it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of the report."""

    name: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What the report tells of one matter."""

    key: str
    """What its address on the page ends with."""
    title: str
    about: str
    """What the numbers are, in a sentence or two."""
    facts: Sequence[Fact] = ()
    tables: Sequence[Table] = ()
    figure: Drawn | None = None
    nothing: str = ""
    """What to say where there is nothing to tell."""
