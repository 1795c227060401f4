"""Choice of a server among several: a source stays on its own, unless it is told to move."""

import hashlib
from collections.abc import Sequence

from waterline.errors import UsageError
from workbench.clients.outbox import place_of


class Nodes:
    """Servers that a producer may send to, in the order in which its source takes them.

    The order follows from the source and the addresses alone (rendezvous hashing; Thaler and
    Ravishankar, 1998): another program with the same ones has the same, and a server that is added
    takes only sources that it is the first for.

    Args:
        urls: one address, or several in any order.
        token: the token of the source.

    Raises:
        UsageError: there is no address, or one of them is none.
    """

    def __init__(self, urls: str | Sequence[str], token: str) -> None:
        given = [urls] if isinstance(urls, str) else [*urls]
        if not given:
            raise UsageError("there is no address to send to; give one, or several")
        by_place = {place_of(url): url for url in given}
        self._order = sorted(by_place, key=lambda place: _weight(place, token), reverse=True)
        self._urls = by_place
        self._at = 0

    @property
    def url(self) -> str:
        """Address that the source is sent to."""
        return self._urls[self._order[self._at]]

    def move(self) -> str:
        """Take the next address, after the last the first, and return it.

        Raises:
            UsageError: there is no other.
        """
        if len(self._order) == 1:
            raise UsageError(f"{self._order[0]} is the only address; give several to move")
        self._at = (self._at + 1) % len(self._order)
        return self.url


def _weight(place: str, token: str) -> bytes:
    return hashlib.sha256(f"{place}\n{token}".encode()).digest()
