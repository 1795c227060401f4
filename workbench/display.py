"""How things are shown: numbers, times and texts in words, objects in a terminal or a notebook."""

import html
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from waterline.printable import printable
from waterline.units import format_duration

NOTHING: Final = "–"  # noqa: RUF001 - the dash stands for a number that is not known
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTHS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))
# Controls, what turns the direction of a text, and what takes no room; as in log_text.js.
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)

Line = tuple[str, str]
"""What is shown, and its text."""

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
    """Return an HTML table; all columns but the first are aligned right.

    Args:
        caption: HTML above the table.
        names: a name for each column, as text.
        rows: the cells of each row, as text.
    """
    head = "".join(f"<th>{_escaped(name)}</th>" for name in names)
    body = "".join(
        f"<tr><th {_LEFT}>{_escaped(row[0])}</th>"
        + "".join(f"<td>{_escaped(each)}</td>" for each in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def _escaped(text: str) -> str:
    # Bidi controls act in a page too.
    return html.escape(printable(text))


def visible(text: str) -> str:
    """Return a text with invisible characters as escapes."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def safe(text: str) -> str:
    """Return a text as HTML, escaped, with invisible characters as escapes."""
    return html.escape(visible(text))


def whole(number: float | None) -> str:
    """Return a count such as `1,234`."""
    return NOTHING if number is None else f"{number:,.0f}"


def rate(number: float) -> str:
    """Return logs a second with three digits or so; a rate above 0 is never `0`."""
    if number == 0 or number >= 100:
        return f"{number:,.0f}"
    return f"{number:,.1f}" if number >= 1 else f"{number:.3g}" if number >= 0.001 else "<0.001"


def short_rate(number: float | None) -> str:
    """Return logs a second for a changing figure: whole from ten on, one decimal below."""
    if number is None:
        return NOTHING
    return f"{number:,.1f}" if 0 < number < 10 and number != int(number) else f"{number:,.0f}"


def value(number: float) -> str:
    """Return a measured value with three to four significant digits."""
    size = abs(number)
    if size >= 1_000:
        return f"{number:,.0f}"
    return f"{number:.1f}" if size >= 100 else f"{number:.2f}" if size >= 1 else f"{number:.3g}"


def short_milliseconds(number: float | None) -> str:
    """Return milliseconds without the unit, with two to three significant digits."""
    if number is None:
        return NOTHING
    return (
        f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
    )


def share(part: float, of: float) -> str:
    """Return a share such as `12.3%`; a share above 0 is never `0.0%`."""
    if not of:
        return NOTHING
    percent = 100 * part / of
    return "<0.1%" if 0 < percent < 0.1 else f"{percent:.1f}%"


def saved(raw_bytes: float, stored_bytes: float) -> str:
    """Return the share of bytes saved, such as `89.6%`; negative if they grew."""
    return f"{100 * (1 - stored_bytes / raw_bytes):.1f}%" if raw_bytes else NOTHING


def clock_time(milliseconds: int) -> str:
    """Return a time of the day such as `16:31:07 UTC`."""
    return f"{date_time(milliseconds)[-8:]} UTC"


def date_time(milliseconds: int | None, nothing: str = NOTHING) -> str:
    """Return a moment, milliseconds UTC, such as `2026-11-23 16:31:07`; `nothing` for None."""
    if milliseconds is None:
        return nothing
    whole_seconds = _EPOCH + timedelta(seconds=milliseconds // 1000)
    return str(whole_seconds.replace(tzinfo=None))  # %Y would leave out zeros before 1000


def moment(milliseconds: int | None, nothing: str = NOTHING) -> str:
    """Return a moment such as `2026-11-23 16:31:07 UTC`; `nothing` for None."""
    return nothing if milliseconds is None else f"{date_time(milliseconds)} UTC"


def span(milliseconds: float, units: int = 2) -> str:
    """Return a length of time in its largest units, such as `3 h 12 min`."""
    rest = int(milliseconds)
    parts: list[str] = []
    for length, name in _LENGTHS:
        amount, rest = divmod(rest, length)
        if amount or parts:
            parts.append(f"{amount} {name}" if amount else "")
        if len(parts) == units:
            break
    return " ".join(filter(None, parts)) or format_duration(rest)
