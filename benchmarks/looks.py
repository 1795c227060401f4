"""Looks at a server: how much memory it holds, and what its /health says."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Final, Self
from urllib.error import HTTPError
from urllib.request import urlopen

import msgspec

from benchmarks.servers import MeasuredServer
from tests.support.meanwhile import meanwhile

_WATCH_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 30.0
_REFUSED: Final = "refused in the last hour"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a server at once.

    Attributes:
        resident: how many bytes of memory it holds.
        health: what /health says: its status, its reasons, its warnings but those of refusals.
    """

    resident: int
    health: Sequence[str]

    @classmethod
    def at(cls, server: MeasuredServer) -> Self:
        """Look at a server."""
        return cls(server.resident_bytes(), _health(server))


@contextmanager
def watching(server: MeasuredServer) -> Iterator[Sequence[Look]]:
    """Look at a server now, each second, and once at the end."""
    looks = [Look.at(server)]

    def watch(ended: Event) -> None:
        while not ended.wait(_WATCH_SECONDS):
            looks.append(Look.at(server))
        looks.append(Look.at(server))

    with meanwhile(watch):
        yield looks


def _health(server: MeasuredServer) -> list[str]:
    try:
        with urlopen(server.monitoring + "/health", timeout=_PATIENCE_SECONDS) as page:
            answer = page.read()
    except HTTPError as error:  # degraded, which is told with a status of its own
        with error:
            answer = error.read()
    told = msgspec.json.decode(answer)
    # What an attacker was refused is told with its number and time, anew at each look.
    warnings = [each for each in told["warnings"] if _REFUSED not in each]
    return [str(told["status"]), *told["reasons"], *warnings]
