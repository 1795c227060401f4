"""An attacker in a process of its own, so that it takes no time from the producer beside it."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from threading import Event
from typing import Final

from benchmarks.servers import MeasuredServer
from tests.support.meanwhile import meanwhile
from workbench.bench.errors import BenchmarkError

Attacker = Callable[[MeasuredServer, int], Iterator[str]]
"""Attacks a server, by so many peers at once, until it is ended. It yields once when it is ready,
then after each round what came of that."""

_LOOK_SECONDS: Final = 0.1


@contextmanager
def attacked_by(
    attacker: Attacker, server: MeasuredServer, peers: int = 1
) -> Iterator[Counter[str]]:
    """Let a server be attacked; yield what came of each round so far, and how often.

    Args:
        attacker: attacks it, in a process of its own.
        server: the server.
        peers: connections that it makes at once.

    Raises:
        BenchmarkError: the attacker came to an end by itself.
    """
    # What it uses has threads, of which a process forked off this one would have none. The server
    # of forks has imported it for all attackers.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([attacker.__module__])
    heard, told = context.Pipe(duplex=False)
    process = context.Process(target=_attack, args=(attacker, server, peers, told))
    process.start()
    told.close()  # so that the end of the process ends what is heard
    counts: Counter[str] = Counter()

    def hear(ended: Event) -> None:
        while not ended.is_set():
            if heard.poll(_LOOK_SECONDS):
                counts[_next(heard)] += 1

    try:
        _next(heard)
        with meanwhile(hear):
            yield counts
    finally:
        process.kill()
        process.join()
        heard.close()


def _attack(attacker: Attacker, server: MeasuredServer, peers: int, told: Connection) -> None:
    for each in attacker(server, peers):
        told.send(each)


def _next(heard: Connection) -> str:
    try:
        return str(heard.recv())
    except EOFError:
        raise BenchmarkError("the attacker came to an end by itself") from None
