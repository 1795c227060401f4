"""Address of a server, as deliveries connect to it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.clients.outbox import asking, place_of
from workbench.clients.tls import client_options


@dataclass(frozen=True, slots=True)
class Address:
    """Where a delivery connects to."""

    place: str
    """The address without its query, for sentences."""
    url: str = field(repr=False)
    tls: dict[str, Any] = field(repr=False)
    """The `sslopt` of websocket-client; empty for a connection in the clear."""


def address_of(url: str, *, asks_seqs: bool, certificate: Path | None) -> Address:
    """Return the address of a server.

    Args:
        url: its ingest address, `ws://…` or `wss://…`.
        asks_seqs: whether answers are to have the seqs.
        certificate: as `Producer` has it.

    Raises:
        UsageError: the address is none, or the file cannot be read.
    """
    return Address(
        place_of(url),
        asking(url, seqs=asks_seqs),
        client_options(certificate) if url.startswith("wss://") else {},
    )
