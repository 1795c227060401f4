"""The servers that are measured: Waterline's and the plain handler's, each a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import msgspec
import websocket

from benchmarks.process_memory import memory_of
from waterline.clock import now_ms
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile
from workbench.bench.errors import BenchmarkError
from workbench.bench.load import LoadConnection, connected, send_all
from workbench.bench.logs import SOURCE
from workbench.running.own_server import own_server

_SECONDS: Final = 30.0
WATERLINE: Final = "server"
# The same server, with what measures taken out.
UNMETERED: Final = "benchmarks.unmetered"
# The same server, with an index of two attributes.
INDEXED: Final = "benchmarks.indexed"


@dataclass(frozen=True, slots=True)
class MeasuredServer:
    """A running server on a folder of its own, and a token that may do everything."""

    ingest: str
    monitoring: str
    token: str
    process: int

    @property
    def live(self) -> str:
        """The URL of the live feed."""
        return self.ingest.removesuffix("/ingest") + "/live"

    def connect(self, url: str | None = None, token: str | None = None) -> websocket.WebSocket:
        """Open a WebSocket and take its greeting."""
        header = {"Authorization": f"Bearer {token or self.token}"}
        connection = websocket.create_connection(
            url or self.ingest, header=header, timeout=_SECONDS
        )
        connection.recv()
        return connection

    def health(self, member: str) -> int:
        """Return a number that /health tells."""
        with urlopen(self.monitoring + "/health", timeout=_SECONDS) as page:
            return int(msgspec.json.decode(page.read())[member])

    def resident_bytes(self) -> int:
        """Return how much memory its process holds.

        Raises:
            BenchmarkError: this system does not tell; Linux does.
        """
        return memory_of(self.process, "VmRSS")

    def cpu_seconds(self) -> float:
        """Return how many seconds of CPU its process has used.

        Raises:
            BenchmarkError: this system does not tell; Linux does.
        """
        stat = Path(f"/proc/{self.process}/stat")
        if not stat.is_file():
            raise BenchmarkError("CPU can be measured on Linux only: /proc is missing")
        # The name of the program, in brackets, may have spaces.
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @contextmanager
    def loaded(
        self, logs: Sequence[bytes], logs_a_frame: int = 1
    ) -> Iterator[list[LoadConnection]]:
        """Connect a load, with the logs dealt out to its connections.

        One log a frame is acked log by log, more of them frame by frame.
        """
        url = self.ingest + ("?ack=batch" if logs_a_frame > 1 else "")
        with connected(url, self.token, logs, logs_a_frame) as connections:
            yield connections

    def take(self, logs: Sequence[bytes], logs_a_frame: int = 1) -> float:
        """Send it logs that are new to it; return the seconds until the last was acked.

        One log a frame is acked log by log, more of them frame by frame.

        Raises:
            BenchmarkError: it did not store each of them.
        """
        before = self.health("last_seq")
        with self.loaded(logs, logs_a_frame) as connections:
            seconds = send_all(connections)
        stored = self.health("last_seq") - before
        if stored != len(logs):
            raise BenchmarkError(f"of {len(logs)} logs the server stored {stored}")
        return seconds


@contextmanager
def measured_server(module: str = WATERLINE) -> Iterator[MeasuredServer]:
    """Run a Waterline on an empty folder; both are gone at the end."""
    with tempfile.TemporaryDirectory() as path, serving_folder(Path(path), module) as server:
        yield server


@contextmanager
def serving_folder(
    path: Path, module: str = WATERLINE, within: Sequence[str] = ()
) -> Iterator[MeasuredServer]:
    """Run a Waterline on a folder of ours, which stays; `within` as `own_server` takes it."""
    folder = DataFolder(path)
    folder.create()
    with own_server(path, module, within) as addresses:
        token = TokenFile(folder.tokens).renew(SOURCE, [Scope.INGEST, Scope.READ], now_ms())
        process = int(folder.server_lock.read_text())
        yield MeasuredServer(addresses.ingest, addresses.monitoring, token, process)


@contextmanager
def plain_server() -> Iterator[str]:
    """Run the plain handler on an empty folder; yield its URL."""
    with tempfile.TemporaryDirectory() as path:
        command = [sys.executable, "-m", "benchmarks.plain_handler", path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                port = process.stdout.readline().strip()
                if not port:
                    raise BenchmarkError("the plain handler did not start")
                yield f"ws://127.0.0.1:{port}/ingest"
            finally:
                process.terminate()
