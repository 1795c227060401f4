"""What is refused first, when, and how it shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from waterline.descriptors import for_connections
from waterline.settings.model import Settings
from waterline.units import format_size

CONNECTION_BYTES: Final = 32 * 2**10
"""Memory of an idle connection; as much again for the window of one that is compressed."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and what happens beyond it."""

    name: str
    share: float
    """What is used of it, as planned; from 1 on it acts."""
    told: str
    """How much of how much."""
    shows: str
    """How it shows."""


def limits(
    settings: Settings, *, producers: int, busy: float, received: float, descriptors: int
) -> Iterator[Limit]:
    """Yield the limits that act at once, the disk left aside.

    Args:
        settings: the settings.
        producers: connections of producers.
        busy: share of the time in which a commit is under way.
        received: bytes a second.
        descriptors: files and connections that the server may have open.
    """
    yield Limit(
        "the writer",
        busy,
        f"{busy:.1%} of the time it commits",
        "nothing is refused: producers are held back (TCP, acks come later), queue_bytes is near "
        f"queue_size ({format_size(settings.queue_size)})",
    )
    most = for_connections(descriptors)
    yield Limit(
        "descriptors",
        producers / most,
        f"{producers:,} of {most:,} connections",
        "connections wait; /health: no new connections are accepted",
    )
    yield Limit(
        "token_connections",
        producers / settings.token_connections,
        f"{producers:,} of {settings.token_connections:,}, if they share a token",
        "429 too_many_connections with Retry-After",
    )
    if settings.token_rate is not None:
        yield Limit(
            "token_rate",
            received / settings.token_rate,
            f"{received:,.0f} of {settings.token_rate:,} bytes/s, if they share a token",
            "WebSockets are held back, requests get 429",
        )
