"""Negotiation of format and range of time for /metrics."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from waterline.errors import UsageError

HISTORY_MS: Final = 3_600_000
"""Milliseconds that the report covers by default."""
# Milliseconds UTC: the end of the year 9999.
_MAX_TIME: Final = 253_402_300_800_000
_INTEGER: Final = re.compile(r"\d{1,15}", re.ASCII)
_TEXT_TYPES: Final = ("application/openmetrics-text", "text/plain")


class MetricsFormat(StrEnum):
    """Format of /metrics."""

    JSON = "json"
    PROMETHEUS = "prometheus"
    OPENMETRICS = "openmetrics"


class _MediaRange(NamedTuple):
    """Media range of an Accept header (RFC 9110, 12.5.1), with its text."""

    media: str
    weight: float
    text: str


def accept_for(format_text: str | None, accept: str) -> str | None:
    """Return the Accept header for a text format; None for JSON.

    JSON is for clients that do not name a text type: browsers and curl. The returned header has one
    media type, as prometheus-client 0.26 ignores weights.

    Args:
        format_text: the parameter `format`, which precedes the header.
        accept: the header Accept, or empty.

    Raises:
        UsageError: the format is unknown.
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
    """Return begin and end of the requested time, by default the last hour.

    Args:
        since: the parameter `from`, milliseconds UTC.
        until: the parameter `to`, milliseconds UTC, exclusive.
        now: milliseconds UTC.

    Raises:
        UsageError: a parameter is no time, or the range is empty.
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
    """Yield the media ranges of an Accept header by weight, the heaviest first."""
    found = []
    for each in accept.split(","):
        media, *parameters = (part.strip().lower() for part in each.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        try:
            found.append(_MediaRange(media, float(weights[0]) if weights else 1.0, each.strip()))
        except ValueError:  # an invalid weight (RFC 9110, 12.4.2)
            continue
    yield from sorted(found, key=lambda item: -item.weight)
