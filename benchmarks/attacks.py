"""Attacks: another producer's acks, memory and /health while somebody does a server harm.

An attack is a context manager over a running server; add it to ATTACKS, and it is measured.
"""

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import msgspec
import websocket

from benchmarks.latency import percentile
from benchmarks.load import connected, send_steadily
from benchmarks.logs import made_logs, take
from benchmarks.memory import open_files
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
_SAVE_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 30.0

Attack = Callable[[MeasuredServer, DataFolder], AbstractContextManager[None]]
"""Does harm to a server, by its folder where need be, for as long as it is entered."""


@contextmanager
def silent_connections(server: MeasuredServer, _: DataFolder) -> Iterator[None]:
    """Hold more connections than the server may have descriptors, without a word or a token."""
    resource.prlimit(server.process, resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
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


@contextmanager
def quiet_connections(server: MeasuredServer, _: DataFolder) -> Iterator[None]:
    """Hold connections of producers and readers that say nothing and are pinged."""
    header = {"Authorization": f"Bearer {server.token}"}
    with open_files(_QUIET + 200), ExitStack() as held:
        for number in range(_QUIET):
            url = server.live if number % 2 else server.ingest
            connection = websocket.create_connection(url, header=header, timeout=_PATIENCE_SECONDS)
            held.enter_context(contextlib.closing(connection))
        yield


ATTACKS: Final[Mapping[str, Attack]] = {
    f"{_SILENT:,} silent connections, {_DESCRIPTORS:,} descriptors": silent_connections,
    "tokens.toml saved in place": tokens_saved_in_place,
    f"{_QUIET:,} quiet connections": quiet_connections,
}


def measure_attacks(sizes: Sizes) -> list[Row]:
    """Send at a steady rate while each attack goes on, each on a server of its own."""
    rows: list[Row] = []
    for name, attack in ATTACKS.items():
        rows += _measure(name, attack, sizes.attack_seconds)
    return rows


def _measure(name: str, attack: Attack, seconds: int) -> list[Row]:
    logs = take(made_logs(), RATE * seconds)
    with TemporaryDirectory() as path, serving_folder(Path(path)) as server:
        server.take(take(made_logs(sorted_ids=False), RATE))
        before = server.resident_bytes()
        with (
            connected(server.ingest, server.token, logs) as load,
            attack(server, DataFolder(Path(path))),
        ):
            latencies = sorted(1_000 * each for each in send_steadily(load, RATE))
            during, health = server.resident_bytes(), _health(server)
        after = server.resident_bytes()
    memory = Row(
        name=f"memory during {name}",
        unit="MB",
        values=[during / _MB],
        beside="before",
        references=[before / _MB],
        is_whole=during <= MEMORY_LIMIT_MB * _MB,
        note=f"after: {after / _MB:.1f} MB; /health: {health}",
    )
    acks = [
        limited(f"ack p{percent} during {name}", [percentile(latencies, percent)], "ms", limit)
        for percent, limit in ((50, ACK_LIMIT_MS), (99, ACK_LIMIT_MS))
    ]
    return [*acks, memory]


def _health(server: MeasuredServer) -> str:
    """Return what /health says: healthy, or its reasons."""
    try:
        with urlopen(server.monitoring + "/health", timeout=_PATIENCE_SECONDS) as page:
            answer = page.read()
    except HTTPError as error:  # degraded, which is told with a status of its own
        with error:
            answer = error.read()
    told = msgspec.json.decode(answer)
    return "; ".join(told["reasons"]) or str(told["status"])
