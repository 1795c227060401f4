"""Threads of clients, and what begins anew in a forked process, which has none of them."""

import os
import threading
from typing import Final, Protocol
from weakref import WeakSet


class ClientThread(threading.Thread):
    """A thread that delivers logs; what is logged in it must not wait for a delivery."""


class Renewable(Protocol):
    """What has threads, locks or connections of its own."""

    def renew(self) -> None:
        """Begin anew in a forked process, whose only thread is the one that forked."""


_alive: Final[WeakSet[Renewable]] = WeakSet()


def renewed_in_children(one: Renewable) -> None:
    """Have `renew` of something called in each process that is forked off while it lives."""
    _alive.add(one)


def _renew_all() -> None:
    for each in list(_alive):
        each.renew()


os.register_at_fork(after_in_child=_renew_all)
