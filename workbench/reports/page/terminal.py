"""The report as aligned text, for a terminal of 100 columns."""

import unicodedata
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

from waterline.printable import printable
from workbench.display import moment, span
from workbench.reports.page.contents import ReportContents
from workbench.reports.page.section import Section, Table
from workbench.reports.page.sections import sections

WIDTH: Final = 100
_GAP: Final = "  "


def to_text(contents: ReportContents) -> str:
    """Return the report as text of at most 100 columns, without control characters."""
    return "\n".join(_lines(contents)) + "\n"


def _lines(contents: ReportContents) -> Iterator[str]:
    yield f"WATERLINE REPORT  {moment(contents.made_at)}, Waterline {contents.version}"
    yield ""
    length = span(contents.made_at - contents.since)
    yield from _named("folder", contents.holdings.path)
    yield from _named("range", f"{moment(contents.since)} to {moment(contents.made_at)} ({length})")
    yield from _named("pin", contents.pin)
    for section in sections(contents):
        yield ""
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield section.title.upper()
    yield from wrap(section.nothing or section.about, WIDTH)
    if section.nothing and not section.facts:
        return
    for fact in section.facts:
        detail = f"  ({fact.detail})" if fact.detail else ""
        yield from _named(fact.name, f"{fact.text}{detail}")
    for table in section.tables:
        yield ""
        yield from _table(table)


def _named(name: str, text: str) -> Iterator[str]:
    """Yield a name and its text, wrapped to lines."""
    lines = wrap(printable(text), WIDTH - 18) or [""]
    yield f"{name:<16}  {_cut(lines[0], WIDTH - 18)}"
    yield from (f"{'':<18}{_cut(each, WIDTH - 18)}" for each in lines[1:])


def _table(table: Table) -> Iterator[str]:
    rows = [[column.name.upper() for column in table.columns]]
    rows += [[printable(each) for each in row.cells] for row in table.rows]
    widths = _widths(table, rows)
    yield f"  {table.caption}"
    for place, row in enumerate(rows):
        marked = place > 0 and table.rows[place - 1].is_marked
        cells = [
            _fill(cell, width, to_the_right=not column.is_text)
            for cell, width, column in zip(row, widths, table.columns, strict=True)
        ]
        yield f"{'!' if marked else ' '} {_GAP.join(cells)}".rstrip()


def _widths(table: Table, rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column; free texts are cut if a row would be too wide."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    room = WIDTH - 2 - len(_GAP) * (len(widths) - 1)
    free = [place for place, column in enumerate(table.columns) if column.is_free]
    while free and sum(widths) > room:
        widest = max(free, key=lambda place: widths[place])
        widths[widest] -= 1
    return widths


def _fill(text: str, width: int, *, to_the_right: bool) -> str:
    cut = _cut(text, width)
    filling = " " * (width - _width(cut))
    return filling + cut if to_the_right else cut + filling


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) >= width:
        text = text[:-1]
    return f"{text}…"


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal; wide East Asian letters take two."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
