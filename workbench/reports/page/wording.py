"""Numbers and times as the report writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from waterline.metrics.registry import BY_NAME
from waterline.units import format_duration
from workbench.reports.arguments import QUERY_DURATION

NOTHING: Final = "–"  # noqa: RUF001 - the dash stands for a number that is not there
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def whole(number: float) -> str:
    """Return a count such as `1,234`."""
    return f"{number:,.0f}"


def rate(number: float) -> str:
    """Return logs a second with the digits that count; what is there is never `0`."""
    if number == 0 or number >= 100:
        return f"{number:,.0f}"
    return f"{number:,.1f}" if number >= 1 else f"{number:.3g}" if number >= 0.001 else "<0.001"


def value(number: float) -> str:
    """Return a measured value with three to four digits that count."""
    size = abs(number)
    if size >= 1_000:
        return f"{number:,.0f}"
    return f"{number:.1f}" if size >= 100 else f"{number:.2f}" if size >= 1 else f"{number:.3g}"


def share(part: float, of: float) -> str:
    """Return a share such as `12.3%`."""
    return f"{part / of:.1%}" if of else NOTHING


def moment(milliseconds: int | None) -> str:
    """Return a moment such as `2026-11-23 16:31:07 UTC`."""
    if milliseconds is None:
        return NOTHING
    whole_seconds = _EPOCH + timedelta(seconds=milliseconds // 1000)
    return f"{whole_seconds.replace(tzinfo=None)} UTC"  # %Y would leave out zeros before 1000


def of_frame(stamp: Any) -> str:  # noqa: ANN401 - a timestamp of pandas, or NaT
    """Return the moment in a frame, without its zone; a heading names that."""
    return NOTHING if pd.isna(stamp) else f"{stamp:%Y-%m-%d %H:%M}"


def span(milliseconds: float, units: int = 2) -> str:
    """Return a length of time in its largest units, such as `3 h 12 min`."""
    rest = int(milliseconds)
    parts: list[str] = []
    for length, name in _UNITS:
        amount, rest = divmod(rest, length)
        if amount or parts:
            parts.append(f"{amount} {name}" if amount else "")
        if len(parts) == units:
            break
    return " ".join(filter(None, parts)) or format_duration(rest)


def unit_of(metric: str) -> str:
    """Return the unit of a metric; empty where it is an attribute's own."""
    if metric == QUERY_DURATION:
        return "ms"
    own = BY_NAME.get(metric)
    return "" if own is None else str(own.unit)
