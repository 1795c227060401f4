"""How an object shows itself: as text in a terminal, as a small table in a notebook."""

import html
from collections.abc import Iterable, Sequence

from waterline.printable import printable

Line = tuple[str, str]
"""What there is to tell, and how much."""

_LEFT = "style='text-align:left'"


def as_text(lines: Iterable[Line]) -> str:
    """Return lines for a terminal."""
    return "\n".join(f"{what:<12} {printable(value)}" for what, value in lines)


def as_html(caption: str, lines: Iterable[Line]) -> str:
    """Return lines as a small table."""
    rows = "".join(
        f"<tr><th {_LEFT}>{what}</th><td {_LEFT}>{_escaped(value)}</td></tr>"
        for what, value in lines
    )
    return f"<table><caption>{caption}</caption>{rows}</table>"


def as_html_table(caption: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of texts below their names; all but the first column is set to the right."""
    head = "".join(f"<th>{_escaped(name)}</th>" for name in names)
    body = "".join(
        f"<tr><th {_LEFT}>{_escaped(row[0])}</th>"
        + "".join(f"<td>{_escaped(each)}</td>" for each in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def _escaped(text: str) -> str:
    # What turns text around does so in a page too.
    return html.escape(printable(text))
