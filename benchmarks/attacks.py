"""Attacks: another producer's acks, memory and /health while somebody does a server harm.

An attack is an attacker, or a context manager over a running server; add it to ATTACKS, and it is
measured.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final

from benchmarks.attacker import Attacker, attacked_by
from benchmarks.attackers import (
    access_log_posted,
    answers_unread,
    idle_deflate,
    large_logs,
    lines_in_a_frame,
    lines_posted,
    many_texts,
    quiet_connections,
    shippers_at_random,
    silent_connections,
    stalled_uploads,
    unfinished,
)
from benchmarks.looks import Look, watching
from benchmarks.posting import Sending, posting
from benchmarks.rows import Row, limited
from benchmarks.servers import MeasuredServer, serving_folder
from benchmarks.sizes import Sizes
from server.live.hub import MAX_FILTERS
from tests.support.meanwhile import meanwhile
from tests.support.shipped import WIRES
from waterline.storage.folder import DataFolder
from workbench.bench.load import connected, percentile, send_steadily
from workbench.bench.logs import made_logs, take

# Logs a second of the producer beside; one that posts has each acked before it sends the next.
_RATE: Final = 200
_POSTS: Final = 20
_ACK_MS: Final = 200.0
_MEMORY_MB: Final = 200.0
_PERCENTS: Final = {"p50": 50, "p99": 99, "max": 100}
_MB: Final = 1_000_000
_DESCRIPTORS: Final = 1_024
# So long at the most it sends before, and so long after an attack a server is looked at.
_BEFORE_SECONDS: Final = 5
_AFTER_SECONDS: Final = 3
_SAVE_SECONDS: Final = 0.5


@contextmanager
def sending(server: MeasuredServer, logs: Sequence[bytes], rate: float) -> Iterator[Sending]:
    """Connect; what is yielded sends the logs at a rate, and returns the seconds of each ack."""
    with connected(server.ingest, server.token, logs) as load:
        yield lambda: send_steadily(load, rate)


Enter = Callable[[MeasuredServer, DataFolder, int], AbstractContextManager[Counter[str]]]
Sender = Callable[[MeasuredServer, Sequence[bytes], float], AbstractContextManager[Sending]]


@dataclass(frozen=True, slots=True)
class Attack:
    """Harm that is done to a server.

    Attributes:
        name: what it is; `{peers}` stands for their number.
        enter: does it, by the server's folder where need be, by so many peers, for as long as it is
            entered; it yields what came of it, and how often.
        peers: connections that it makes at once.
        within: a command that starts the server, as `own_server` takes it.
        producer: how the producer beside sends.
        rate: how many logs a second it sends.
    """

    name: str
    enter: Enter
    peers: int = 1
    within: Sequence[str] = ()
    producer: Sender = sending
    rate: int = _RATE


@contextmanager
def tokens_saved_in_place(
    _server: MeasuredServer, folder: DataFolder, _peers: int
) -> Iterator[Counter[str]]:
    """Let tokens.toml be empty, then missing, then whole again, over and over."""
    content = folder.tokens.read_bytes()
    saved: Counter[str] = Counter()

    def save(ended: Event) -> None:
        while not ended.wait(_SAVE_SECONDS):
            folder.tokens.write_bytes(b"")
            ended.wait(_SAVE_SECONDS)
            folder.tokens.unlink()
            ended.wait(_SAVE_SECONDS)
            folder.tokens.write_bytes(content)
            saved["saved"] += 1

    with meanwhile(save):
        yield saved


def by(attacker: Attacker) -> Enter:
    """Return what lets a server be attacked from a process of its own."""
    return lambda server, _, peers: attacked_by(attacker, server, peers)


_LIMITED: Final = ("prlimit", f"--nofile={_DESCRIPTORS}:{_DESCRIPTORS}")
ATTACKS: Final = (
    Attack(
        f"{{peers:,}} silent connections, {_DESCRIPTORS:,} descriptors",
        by(silent_connections),
        1_100,
        within=_LIMITED,
    ),
    Attack("8.4 M bad lines posted as 16 KB", by(lines_posted)),
    Attack("an access log posted", by(access_log_posted)),
    Attack("8.4 M bad lines in a frame", by(lines_in_a_frame)),
    Attack("{peers} messages without an end", by(unfinished), 100),
    Attack("{peers} logs of 16 MiB at once", by(large_logs), 60),
    Attack("{peers} producers that read nothing", by(answers_unread), 6),
    Attack("{peers} idle connections that compress", by(idle_deflate), 500),
    Attack("{peers} uploads that stop", by(stalled_uploads), 4, producer=posting, rate=_POSTS),
    Attack("{peers} readers of 100 texts", by(many_texts), MAX_FILTERS),
    Attack("tokens.toml saved in place", tokens_saved_in_place),
    Attack("{peers} shippers' bodies at random", by(shippers_at_random), 2 * len(WIRES)),
    Attack("{peers} quiet connections", by(quiet_connections), 500),
)


def measure_attacks(sizes: Sizes) -> list[Row]:
    """Send at a steady rate while each attack goes on, each on a server of its own."""
    rows: list[Row] = []
    for attack in ATTACKS:
        rows += _measure(attack, sizes)
    return rows


def _measure(attack: Attack, sizes: Sizes) -> list[Row]:
    seconds, peers = sizes.attack_seconds, max(1, round(sizes.attack_share * attack.peers))
    name = attack.name.format(peers=peers)
    made = made_logs(sorted_ids=False)
    with (
        TemporaryDirectory() as path,
        serving_folder(Path(path), within=attack.within) as server,
    ):
        server.take(take(made, _RATE))
        logs = take(made, round(attack.rate * min(seconds, _BEFORE_SECONDS)))
        with attack.producer(server, logs, attack.rate) as send:
            alone = sorted(1_000 * each for each in send())
        before = Look.at(server)
        logs = take(made, round(attack.rate * seconds))
        with (
            attack.producer(server, logs, attack.rate) as send,
            watching(server) as looks,
            attack.enter(server, DataFolder(Path(path)), peers) as heard,
        ):
            ascending = sorted(1_000 * each for each in send())
        time.sleep(min(seconds, _AFTER_SECONDS))
        after = Look.at(server)
    acks = [
        replace(
            limited(f"ack {told} during {name}", [percentile(ascending, percent)], "ms", _ACK_MS),
            note=f"before: {percentile(alone, percent):.2f} ms",
        )
        for told, percent in _PERCENTS.items()
    ]
    most = max(each.resident for each in looks)
    during = dict.fromkeys(sentence for each in looks for sentence in each.health)
    notes = [
        f"before: {before.resident / _MB:.1f} MB",
        f"after: {after.resident / _MB:.1f} MB",
        f"/health before: {', '.join(before.health)}",
        f"during: {', '.join(during)}",
        f"after: {', '.join(after.health)}",
        *(f"{count} times {each}" for each, count in heard.items()),
    ]
    memory = limited(f"memory during {name}", [most / _MB], "MB", _MEMORY_MB)
    return [*acks, replace(memory, note="; ".join(notes))]
