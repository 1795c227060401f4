"""Attacks: another producer's acks, memory and /health while somebody does a server harm.

An attack is a context manager over a running server; add it to ATTACKS, and it is measured.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import msgspec

from benchmarks.latency import percentile
from benchmarks.load import connected, send_steadily
from benchmarks.logs import made_logs, take
from benchmarks.memory import open_files
from benchmarks.quiet import quiet
from benchmarks.rows import Row, limited
from benchmarks.servers import MeasuredServer, serving_folder
from benchmarks.sizes import Sizes
from server.store.folder import DataFolder

RATE: Final = 200
"""Logs a second of the producer beside."""
ACK_LIMIT_MS: Final = 200.0
MEMORY_LIMIT_MB: Final = 200.0
_MB: Final = 1_000_000
_DESCRIPTORS: Final = 1_024
_SILENT: Final = 1_100
_AT_ONCE: Final = 64
_ACCEPT_SECONDS: Final = 0.1
_QUIET: Final = 500
_WATCH_SECONDS: Final = 1.0
_SAVE_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Attack:
    """Harm that is done to a server.

    Attributes:
        enter: does it, by the server's folder where need be, for as long as it is entered.
        within: a command that starts the server, as `own_server` takes it.
    """

    enter: Callable[[MeasuredServer, DataFolder], AbstractContextManager[None]]
    within: Sequence[str] = ()


@contextmanager
def silent_connections(server: MeasuredServer, _: DataFolder) -> Iterator[None]:
    """Hold more connections than the server may have descriptors, without a word or a token."""
    address = urlsplit(server.ingest)
    with open_files(_SILENT + 200), ExitStack() as held:
        for number in range(_SILENT):
            if number % _AT_ONCE == 0:  # the server's queue takes no more at a time
                time.sleep(_ACCEPT_SECONDS)
            connection = held.enter_context(socket.socket())
            connection.setblocking(False)
            # It is refused by nobody: what is not accepted waits in the system's queue.
            connection.connect_ex((address.hostname, address.port))
        yield


@contextmanager
def tokens_saved_in_place(_: MeasuredServer, folder: DataFolder) -> Iterator[None]:
    """Let tokens.toml be empty, then missing, then whole again, over and over."""
    content, ended = folder.tokens.read_bytes(), threading.Event()

    def save() -> None:
        while not ended.wait(_SAVE_SECONDS):
            folder.tokens.write_bytes(b"")
            ended.wait(_SAVE_SECONDS)
            folder.tokens.unlink()
            ended.wait(_SAVE_SECONDS)
            folder.tokens.write_bytes(content)

    saving = threading.Thread(target=save)
    saving.start()
    try:
        yield
    finally:
        ended.set()
        saving.join()
        folder.tokens.write_bytes(content)


def quiet_connections(server: MeasuredServer, _: DataFolder) -> AbstractContextManager[None]:
    """Hold connections of producers and readers that answer pings and say nothing else."""
    # No log is of that type, so that readers are told nothing but how far the server is.
    return quiet([server.ingest, f"{server.live}?type=none"], server.token, _QUIET)


_LIMITED: Final = ("prlimit", f"--nofile={_DESCRIPTORS}:{_DESCRIPTORS}")
ATTACKS: Final[Mapping[str, Attack]] = {
    f"{_SILENT:,} silent connections, {_DESCRIPTORS:,} descriptors": Attack(
        silent_connections, within=_LIMITED
    ),
    "tokens.toml saved in place": Attack(tokens_saved_in_place),
    f"{_QUIET:,} quiet connections": Attack(quiet_connections),
}


def measure_attacks(sizes: Sizes) -> list[Row]:
    """Send at a steady rate while each attack goes on, each on a server of its own."""
    rows: list[Row] = []
    for name, attack in ATTACKS.items():
        rows += _measure(name, attack, sizes.attack_seconds)
    return rows


def _measure(name: str, attack: Attack, seconds: int) -> list[Row]:
    made = made_logs(sorted_ids=False)
    with (
        TemporaryDirectory() as path,
        serving_folder(Path(path), within=attack.within) as server,
    ):
        server.take(take(made, RATE))
        alone = _latencies_ms(server, take(made, RATE * seconds))
        before = server.resident_bytes()
        logs = take(made, RATE * seconds)
        with (
            connected(server.ingest, server.token, logs) as load,
            attack.enter(server, DataFolder(Path(path))),
            _watching(server) as seen,
        ):
            latencies = sorted(1_000 * each for each in send_steadily(load, RATE))
        after = server.resident_bytes()
    memory = Row(
        name=f"memory during {name}",
        unit="MB",
        values=[seen.most / _MB],
        beside="before",
        references=[before / _MB],
        is_whole=seen.most <= MEMORY_LIMIT_MB * _MB,
        note=f"after: {after / _MB:.1f} MB; /health: {'; '.join(seen.told)}",
    )
    acks = [
        replace(
            limited(f"ack p{percent} during {name}", [percentile(latencies, percent)], "ms", limit),
            note=f"before: {percentile(alone, percent):.2f} ms",
        )
        for percent, limit in ((50, ACK_LIMIT_MS), (99, ACK_LIMIT_MS))
    ]
    return [*acks, memory]


def _latencies_ms(server: MeasuredServer, logs: Sequence[bytes]) -> list[float]:
    with connected(server.ingest, server.token, logs) as load:
        return sorted(1_000 * each for each in send_steadily(load, RATE))


@dataclass(slots=True)
class _Seen:
    """What was seen of a server, a look a second.

    Attributes:
        most: of its resident bytes.
        told: what /health said, each once.
    """

    most: int
    told: dict[str, None]

    def look(self, server: MeasuredServer) -> None:
        self.most = max(self.most, server.resident_bytes())
        self.told |= dict.fromkeys(_health(server))


@contextmanager
def _watching(server: MeasuredServer) -> Iterator[_Seen]:
    """Look at a server each second, and once at the end."""
    seen, ended = _Seen(0, {}), threading.Event()

    def watch() -> None:
        while not ended.wait(_WATCH_SECONDS):
            seen.look(server)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        ended.set()
        watching.join()
    seen.look(server)


def _health(server: MeasuredServer) -> list[str]:
    """Return what /health says: its status, its reasons, its warnings."""
    try:
        with urlopen(server.monitoring + "/health", timeout=_PATIENCE_SECONDS) as page:
            answer = page.read()
    except HTTPError as error:  # degraded, which is told with a status of its own
        with error:
            answer = error.read()
    told = msgspec.json.decode(answer)
    return [str(told["status"]), *told["reasons"], *told["warnings"]]
