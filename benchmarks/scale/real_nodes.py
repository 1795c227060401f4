"""Three real nodes and a lake, to which happens what happens in a simulation: are they alike?

    python -m benchmarks.scale.real_nodes

The nodes are servers with folders, ports and names of their own, the lake is a store of moto in
this process, and the producers are those of the library. One node is stopped for a while, one loses
its disk, and for a while nobody answers for the store.
"""

import logging
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer

from benchmarks.scale.assumptions import Assumptions, Event, Lost, Refusing, Stopped
from benchmarks.scale.simulation import Simulation
from waterline.archive.lake.view import view_lake
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.clock import now_ms
from waterline.processes import python_command
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile
from workbench import Producer
from workbench.bench.errors import BenchmarkError
from workbench.clients.producer import MAX_WINDOW

SECONDS: Final = 70.0
EVENTS: Final[tuple[Event, ...]] = (
    Stopped(0, 15.0, 12.0),
    Refusing(30.0, 12.0),
    Lost(1, 52.0, 4.0),
)
# Logs on a node's disk alone are those of up to so many seconds, here as in the simulation.
ASSUMED: Final = Assumptions(
    nodes=3,
    rate=500.0,
    most_rate=50_000.0,
    hot_bytes=300.0,
    stored_bytes=30.0,
    disk=1e12,
    archive_after=4.0,
    archive_every=4.0,
    batch_rows=400_000,
    record_rate=5_000.0,
    bucket_rate=50e6,
    request_seconds=0.05,
    retry_seconds=4.0,
    most_retry_seconds=4.0,
)
_BUCKET: Final = "lake"
_FIRST_PORT: Final = 13_400
_STORE_PORT: Final = 13_490
_PATIENCE: Final = 30.0
_STEP: Final = 0.02


@dataclass(slots=True)
class Seen:
    """What was seen of a node."""

    acked: int = 0
    most_waiting: int = 0
    uploaded: int = 0
    lost: int = 0


class Node:
    """A server with a folder, and its producer.

    Args:
        folder: the data folder.
        name: its name in the lake.
        ports: of ingest and monitoring.
        tokens: content of its file of tokens.
        environment: variables of its processes.
    """

    def __init__(
        self,
        folder: DataFolder,
        name: str,
        ports: tuple[int, int],
        tokens: bytes,
        environment: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self.name = name
        self._ports = ports
        self._tokens = tokens
        self._environment = {
            **environment,
            "WATERLINE_DATA": str(folder.path),
            "WATERLINE_PORT": str(ports[0]),
            "WATERLINE_MONITORING_PORT": str(ports[1]),
            "WATERLINE_ARCHIVE_AFTER": "never",
        }
        self._server: subprocess.Popen[bytes] | None = None
        self.seen = Seen()
        self.acked_before: int | None = None
        """Logs that were acked when its folder was lost; None if it never was."""

    @property
    def ingest(self) -> str:
        """Its address for producers."""
        return f"ws://127.0.0.1:{self._ports[0]}/ingest"

    def start(self) -> None:
        """Start its server, on a new folder if it has none."""
        self.folder.create()
        self.folder.tokens.write_bytes(self._tokens)
        self.folder.tokens.chmod(0o600)
        self._server = subprocess.Popen(
            python_command("server"), env=self._environment, stdout=subprocess.PIPE
        )
        assert self._server.stdout is not None
        if not self._server.stdout.readline():
            raise BenchmarkError(f"the server of {self.name} did not start")

    def stop(self) -> None:
        """Stop its server in order."""
        self._end(kill=False)

    def lose(self) -> None:
        """Kill its server, and remove its folder; the next one has another name."""
        self._end(kill=True)
        self.acked_before = self.seen.acked
        self.name += "-again"
        shutil.rmtree(self.folder.path)

    def archive(self, after: float) -> None:
        """Archive and upload once, if its server runs; a run that fails is made again later."""
        if self._server is None:
            return
        command = python_command("workbench", "archive", "run", "--older-than", f"{after:g}s")
        environment = {**self._environment, "WATERLINE_NODE_NAME": self.name}
        subprocess.run(command, env=environment, capture_output=True, check=False)

    def _end(self, *, kill: bool) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        if kill:
            server.kill()
        else:
            server.terminate()
        server.wait(_PATIENCE)
        assert server.stdout is not None
        server.stdout.close()


def main() -> int:
    """Run both, print what each says, and return 1 where they are not alike."""
    # Each request, and each connection that is made again.
    logging.disable(logging.ERROR)
    foretold = Simulation(ASSUMED, EVENTS, SECONDS).run()
    with tempfile.TemporaryDirectory() as folder:
        seen = real(Path(folder))
    print(f"{'node':6}{'':14}{'foretold':>10}{'seen':>10}")
    is_alike = True
    for number, (expected, found) in enumerate(zip(foretold, seen, strict=True)):
        for name in ("acked", "most_waiting", "uploaded", "lost"):
            wanted, got = getattr(expected, name), getattr(found, name)
            # A run takes what is due at its moment, so that one more or less makes a difference.
            leeway = 0.1 * wanted + ASSUMED.rate * ASSUMED.archive_every
            is_alike = is_alike and abs(wanted - got) <= leeway
            print(f"{number:<6}{name:14}{wanted:>10,.0f}{got:>10,}")
    print("alike" if is_alike else "NOT ALIKE")
    return 0 if is_alike else 1


def real(folder: Path) -> list[Seen]:
    """Run real nodes through the events; return what was seen of them.

    Args:
        folder: where their data lies.
    """
    with ExitStack() as opened:
        store = _Store()
        opened.callback(store.leave)
        token, tokens = _token(folder)
        environment = {**os.environ, **store.environment, "WATERLINE_DEDUPE_WINDOW": "1s"}
        nodes = []
        for number, name in enumerate("abc"):
            ports = _FIRST_PORT + 2 * number, _FIRST_PORT + 2 * number + 1
            nodes.append(Node(DataFolder(folder / name), name, ports, tokens, environment))
        for each in nodes:
            opened.callback(each.stop)
            each.start()
        _Course(nodes, store, token).run()
        lake = view_lake(store.lake())
        for each in nodes:
            of_node = [view for view in lake.nodes if view.record.node[0] == each.name[0]]
            each.seen.uploaded = sum(batch.rows for view in of_node for batch in view.batches)
            if each.acked_before is not None:
                (before,) = (view for view in of_node if view.record.node == each.name[0])
                kept = sum(batch.rows for batch in before.batches)
                each.seen.lost = each.acked_before - kept
        return [each.seen for each in nodes]


class _Course:
    """The events, and what goes on meanwhile.

    Args:
        nodes: the running nodes.
        store: the lake's.
        token: the token of all producers.
    """

    def __init__(self, nodes: list[Node], store: "_Store", token: str) -> None:
        self._nodes = nodes
        self._store = store
        self._token = token
        self._ended = threading.Event()

    def run(self) -> None:
        """Send, archive and let happen what is to happen, to the end."""
        begun = time.monotonic()
        threads = [threading.Thread(target=self._archive, args=(each,)) for each in self._nodes]
        threads += [threading.Thread(target=self._befall, args=(each, begun)) for each in EVENTS]
        with ExitStack() as opened:
            producers = [
                opened.enter_context(
                    Producer(each.ingest, self._token, window=MAX_WINDOW, patience=math.inf)
                )
                for each in self._nodes
            ]
            for thread in threads:
                thread.start()
            sent = 0
            while (passed := time.monotonic() - begun) < SECONDS:
                for _ in range(int(passed * ASSUMED.rate) - sent):
                    sent += 1
                    for each in producers:
                        each.send({"type": "info", "message": f"measurement {sent} is sound"})
                for node, producer in zip(self._nodes, producers, strict=True):
                    node.seen.acked = producer.counts.acked
                    waiting = max(node.seen.most_waiting, producer.counts.waiting)
                    node.seen.most_waiting = waiting
                time.sleep(_STEP)
            self._ended.set()
            for thread in threads:
                thread.join()

    def _archive(self, node: Node) -> None:
        while not self._ended.wait(ASSUMED.archive_every):
            node.archive(ASSUMED.archive_after)

    def _befall(self, event: Event, begun: float) -> None:
        time.sleep(max(0.0, begun + event.at - time.monotonic()))
        match event:
            case Stopped(node=number):
                self._nodes[number].stop()
            case Lost(node=number):
                self._nodes[number].lose()
            case Refusing():
                self._store.leave()
        time.sleep(event.seconds)
        match event:
            case Stopped(node=number) | Lost(node=number):
                self._nodes[number].start()
            case Refusing():
                self._store.come_back()


def _token(folder: Path) -> tuple[str, bytes]:
    """Return a token, and the file that has it."""
    made = DataFolder(folder / "tokens")
    made.create()
    token = TokenFile(made.tokens).create("sensors", [Scope.INGEST], now_ms())
    return token, made.tokens.read_bytes()


class _Store:
    """The store of the lake, which may be away."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(port=_STORE_PORT, verbose=False)
        self._server.start()
        self.environment = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{_STORE_PORT}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "WATERLINE_ARCHIVE_DEST": f"s3://{_BUCKET}/all",
        }
        urlopen(Request(f"{self.environment['AWS_ENDPOINT_URL']}/{_BUCKET}", method="PUT")).close()

    def lake(self) -> Bucket:
        """Return the bucket of the lake."""
        return open_bucket(f"s3://{_BUCKET}/all", self.environment)

    def leave(self) -> None:
        """Answer nobody any more; what is stored stays."""
        self._server.stop()

    def come_back(self) -> None:
        """Answer again."""
        self._server = ThreadedMotoServer(port=_STORE_PORT, verbose=False)
        self._server.start()


if __name__ == "__main__":
    sys.exit(main())
