"""How an object shows itself: as text in a terminal, as a small table in a notebook."""

import html
from collections.abc import Iterable, Sequence

Line = tuple[str, str]
"""What there is to tell, and how much."""

_LEFT = "style='text-align:left'"


def as_text(lines: Iterable[Line]) -> str:
    """Return lines for a terminal."""
    return "\n".join(f"{what:<12} {value}" for what, value in lines)


def as_html(caption: str, lines: Iterable[Line]) -> str:
    """Return lines as a small table."""
    rows = "".join(
        f"<tr><th {_LEFT}>{what}</th><td {_LEFT}>{html.escape(value)}</td></tr>"
        for what, value in lines
    )
    return f"<table><caption>{caption}</caption>{rows}</table>"


def as_html_table(caption: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of texts below their names; all but the first column is set to the right."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr><th {_LEFT}>{html.escape(row[0])}</th>"
        + "".join(f"<td>{html.escape(each)}</td>" for each in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"
