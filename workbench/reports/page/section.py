"""Parts of the report, which page and terminal each write in their own way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Drawn = Literal["throughput", "latency", "compression"]
"""Figure of a section, if it can be drawn."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    is_text: bool = False
    """Whether it is text, aligned left; numbers are aligned right."""
    is_free: bool = False
    """Whether producers chose the text, which may be long and is cut first."""


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
    """One section of the report."""

    key: str
    """Fragment of its address on the page."""
    title: str
    about: str
    """What the numbers mean, in a sentence or two."""
    facts: Sequence[Fact] = ()
    tables: Sequence[Table] = ()
    figure: Drawn | None = None
    nothing: str = ""
    """Sentence to show if there is no data."""
