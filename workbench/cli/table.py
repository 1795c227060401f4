"""Tables of commands: aligned, cut to the width of a terminal, and coloured there."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from workbench.fitting import columns_of, cut, one_line

_GAP: Final = "  "
# Columns of a terminal that a cell keeps, if it is so long, before whole lines are cut.
_LEAST: Final = 4
_RESET: Final = "\x1b[0m"
_BOLD: Final = "\x1b[1m"
_DIM: Final = "\x1b[2m"
COLOURS: Final[Mapping[str, str]] = {
    "error": "\x1b[31m",
    "warning": "\x1b[33m",
    "info": "\x1b[32m",
    "debug": _DIM,
    "trace": _DIM,
}
"""Colours of a terminal by type; the terminal's own palette is fit for its background."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What a table is shown on."""

    width: int | None
    """Columns of the terminal; None cuts nothing, as for a pipe."""
    is_coloured: bool

    @classmethod
    def of_output(cls) -> Self:
        """Return that of standard output; NO_COLOR and a dumb terminal get no colours."""
        if not sys.stdout.isatty():
            return cls(width=None, is_coloured=False)
        is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(width=shutil.get_terminal_size().columns, is_coloured=not is_plain)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    at_right: bool = False
    """Whether cells are aligned at the right, as numbers are."""
    is_type: bool = False
    """Whether cells are types of logs, which have a colour each."""
    least: int = 0
    """Width at least, for a table whose later rows are not known yet."""


class Table:
    """Makes lines of rows; the first rows set the widths for those that follow.

    Args:
        columns: the columns.
        screen: what it is shown on.
    """

    def __init__(self, columns: Sequence[Column], screen: Screen) -> None:
        self._columns = columns
        self._screen = screen
        self._widths: list[int] | None = None

    def lines(self, rows: Sequence[Sequence[str]], *, header: bool = True) -> list[str]:
        """Return lines of rows, the first time below the names of the columns.

        Args:
            rows: the cells of each row; their control characters are made harmless.
            header: whether the names are shown.
        """
        cells = [[one_line(cell, self._screen.width) for cell in row] for row in rows]
        lines = []
        if self._widths is None:
            names = [one_line(each.name, self._screen.width) for each in self._columns]
            self._widths = self._fitting([names, *cells] if header else cells)
            if header:
                lines.append(self._line(names, is_header=True))
        return [*lines, *map(self._line, cells)]

    def _fitting(self, rows: Sequence[Sequence[str]]) -> list[int]:
        """Return widths that show all where there is room, and else cut the longest cells."""
        widths = [each.least for each in self._columns]
        for row in rows:
            widths = [max(width, columns_of(cell)) for width, cell in zip(widths, row, strict=True)]
        if self._screen.width is None:
            return widths
        room = self._screen.width - len(_GAP) * (len(widths) - 1)
        if sum(widths) <= room:
            return widths
        most = max(widths)
        while most > _LEAST and sum(min(each, most) for each in widths) > room:
            most -= 1
        fitting = [min(each, most) for each in widths]
        # What is left over is for the last of the columns that are cut, mostly the message.
        cut = [place for place, each in enumerate(widths) if each > most]
        if cut:
            fitting[cut[-1]] += max(0, room - sum(fitting))
        return fitting

    def _line(self, cells: Sequence[str], *, is_header: bool = False) -> str:
        """Return a line that is no wider than the screen."""
        left = self._screen.width
        parts: list[str] = []
        for place, (column, cell) in enumerate(zip(self._columns, cells, strict=True)):
            gap = _GAP if place else ""
            width = (self._widths or [])[place]
            if left is not None:
                width = min(width, left - len(gap))
                if width < 1:
                    break
                cell = cut(cell, width)
                left -= len(gap) + width
            blanks = " " * max(0, width - columns_of(cell))
            colour = self._colour(column, cell, is_header=is_header)
            shown = f"{colour}{cell}{_RESET}" if colour and cell else cell
            parts.append(f"{gap}{blanks}{shown}" if column.at_right else f"{gap}{shown}{blanks}")
        return "".join(parts).rstrip(" ")

    def _colour(self, column: Column, cell: str, *, is_header: bool) -> str:
        if not self._screen.is_coloured:
            return ""
        if is_header:
            return _BOLD
        return COLOURS.get(cell, "\x1b[36m") if column.is_type else ""
