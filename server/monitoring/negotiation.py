"""Negotiation: in which format a request wants /metrics, and of which range of time."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from waterline.errors import UsageError

HISTORY_MS: Final = 3_600_000
"""The report covers so long a time unless told otherwise."""
# Beyond the year 9999 no time makes sense, and SQLite's integers end somewhere.
_MAX_TIME: Final = 253_402_300_800_000
_INTEGER: Final = re.compile(r"\d{1,15}", re.ASCII)
_TEXT_TYPES: Final = ("application/openmetrics-text", "text/plain")


class MetricsFormat(StrEnum):
    """What /metrics can be."""

    JSON = "json"
    PROMETHEUS = "prometheus"
    OPENMETRICS = "openmetrics"


class _MediaRange(NamedTuple):
    """One media range of an Accept header (RFC 9110, 12.5.1), and how it was written."""

    media: str
    weight: float
    text: str


def accept_for(format_text: str | None, accept: str) -> str | None:
    """Return the Accept header by which text is to be chosen; None for JSON.

    JSON is what is sent to those who do not ask for text by its name: browsers and curl.
    The header that is returned names one media type: prometheus-client 0.26 ignores weights.

    Args:
        format_text: the parameter `format`, which goes before the header.
        accept: the Accept header, empty where there is none.

    Raises:
        UsageError: there is no such format.
    """
    if format_text is None:
        ranges = list(_ranges(accept))
        weights = {each.media: each.weight for each in reversed(ranges)}
        texts = [each for each in ranges if each.media in _TEXT_TYPES and each.weight > 0]
        if not texts or texts[0].weight <= weights.get("application/json", 0.0):
            return None
        return ", ".join(each.text for each in texts if each.media == texts[0].media)
    if format_text not in [*MetricsFormat]:
        raise UsageError(f"format is one of {', '.join(MetricsFormat)}, and not {format_text!r}")
    return {
        MetricsFormat.JSON: None,
        MetricsFormat.PROMETHEUS: "text/plain;version=0.0.4",
        MetricsFormat.OPENMETRICS: "application/openmetrics-text",
    }[MetricsFormat(format_text)]


def time_range(since: str | None, until: str | None, now: int) -> tuple[int, int]:
    """Return which time is wanted: the last hour up to `until`, or up to now.

    Args:
        since: the parameter `from`, milliseconds UTC.
        until: the parameter `to`, which is excluded.
        now: milliseconds UTC.

    Raises:
        UsageError: one of them is no time, or nothing is between them.
    """
    end = now if until is None else _time("to", until)
    begin = end - HISTORY_MS if since is None else _time("from", since)
    if begin >= end:
        raise UsageError(f"from must be before to: {begin} is not before {end}")
    return begin, end


def _time(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) > _MAX_TIME:
        raise UsageError(f"{name} is a time in milliseconds since 1970 UTC, and not {text!r}")
    return int(text)


def _ranges(accept: str) -> Iterator[_MediaRange]:
    """Yield the media ranges of an Accept header, the heaviest first, as they came among equals."""
    found = []
    for each in accept.split(","):
        media, *parameters = (part.strip().lower() for part in each.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        try:
            found.append(_MediaRange(media, float(weights[0]) if weights else 1.0, each.strip()))
        except ValueError:  # no weight that RFC 9110, 12.4.2, knows
            continue
    yield from sorted(found, key=lambda item: -item.weight)
