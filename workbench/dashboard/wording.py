"""Numbers, times and texts of others as the dashboard writes them."""

import re
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

NOTHING: Final = "–"  # noqa: RUF001 - the dash stands for a number that is not known
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Controls, what turns the direction of a text, and what takes no room; as in log_text.js.
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


def visible(text: str) -> str:
    """Return a text of somebody else with each character that is not seen as its escape."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def safe(text: str) -> str:
    """Return a text of somebody else as HTML: all of it is seen, and nothing acts."""
    return escape(visible(text))


def whole(number: int | None) -> str:
    """Return a count such as `1,234`."""
    return NOTHING if number is None else f"{number:,}"


def rate(number: float | None) -> str:
    """Return logs per second: whole from ten on, with one decimal below."""
    if number is None:
        return NOTHING
    return f"{number:,.1f}" if 0 < number < 10 and number != int(number) else f"{number:,.0f}"


def milliseconds(number: float | None) -> str:
    """Return a latency without its unit, with two to three digits that count."""
    if number is None:
        return NOTHING
    return (
        f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
    )


def share(part: int, all_of_them: int) -> str:
    """Return a share such as `12.3%`; what is there is never `0.0%`."""
    percent = 100 * part / all_of_them
    return "<0.1%" if percent < 0.1 else f"{percent:.1f}%"


def saved(raw_bytes: int, stored_bytes: int) -> str:
    """Return the part of the space that is saved, such as `89.6%`; below 0 where it is more."""
    return f"{100 * (1 - stored_bytes / raw_bytes):.1f}%" if raw_bytes else NOTHING


def clock_time(moment: int) -> str:
    """Return a time of the day such as `16:31:07 UTC`."""
    return f"{_as_datetime(moment):%H:%M:%S} UTC"


def date_time(moment: int | None) -> str:
    """Return a moment such as `2026-11-23 16:31:07`."""
    return NOTHING if moment is None else f"{_as_datetime(moment):%Y-%m-%d %H:%M:%S}"


def _as_datetime(moment: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=moment)
