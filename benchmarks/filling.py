"""How well `waterline plan` foretells a full disk: small disks are filled, and the times compared.

    python -m benchmarks.filling        # needs root, as it mounts file systems in memory

Each round has another kind of load. Once it has run for a while, the plan is made; then it runs on
until the server refuses a log for want of room.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from waterline.addresses import parse_announcement
from waterline.clock import now_ms
from waterline.processes import child_command
from waterline.settings.model import Settings, environment_of
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile
from workbench.bench.errors import BenchmarkError
from workbench.bench.load import connected, send_steadily
from workbench.bench.logs import SOURCE, made_logs
from workbench.plan.plan import WhatIf, make_plan

_HOST: Final = "127.0.0.1"
_DAY: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A disk, and a load that fills it."""

    name: str
    disk: str
    """Size, as mount takes it."""
    rate: float
    """Logs a second."""
    warm: float
    """Seconds until the plan is made."""
    most: int
    """Logs that are made, more than the disk holds."""
    sorted_ids: bool = True
    padding: int = 0
    """Characters by chance that each log has besides."""
    archive_after: int | None = None
    archive_every: int = _DAY


ROUNDS: Final = (
    Round(
        name="ids that sort, 1,500 logs/s, 144 MiB",
        disk="144m",
        rate=1500,
        warm=40,
        most=700_000,
    ),
    Round(
        name="ids by chance, 2,500 logs/s, 256 MiB",
        disk="256m",
        rate=2500,
        warm=50,
        most=800_000,
        sorted_ids=False,
    ),
    Round(
        name="logs of 3 kB, 500 logs/s, 224 MiB",
        disk="224m",
        rate=500,
        warm=35,
        most=90_000,
        padding=2_800,
    ),
    Round(
        name="archived after 10 s, logs of 3 kB, 1,000 logs/s, 640 MiB",
        disk="640m",
        rate=1000,
        warm=60,
        most=600_000,
        padding=2_800,
        archive_after=10_000,
        archive_every=5_000,
    ),
)


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Mount a file system in memory for a while."""
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", root], check=True)
        try:
            yield Path(root)
        finally:
            subprocess.run(["umount", "--lazy", root], check=True)


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Run a server with these settings and yield the address of its ingest."""
    process = subprocess.Popen(
        child_command("server"),
        env=os.environ | environment_of(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        addresses = parse_announcement(process.stdout.readline(), _HOST)
        if addresses is None:
            raise BenchmarkError("the server did not start")
        yield addresses.ingest
    finally:
        process.terminate()
        process.wait(30)


def fill(round_: Round) -> tuple[float, float]:
    """Return the seconds that the plan foretold, and those that it took."""
    with small_disk(round_.disk) as root:
        settings = Settings(
            data=root / "data",
            host=_HOST,
            port=0,
            monitoring_port=0,
            # The load answers no pings, and would be cut off.
            idle_timeout=_DAY,
            archive_after=round_.archive_after,
            archive_every=round_.archive_every,
            dedupe_window=5_000 if round_.archive_after is not None else _DAY,
        )
        folder = DataFolder(settings.data)
        folder.create()
        token = TokenFile(folder.tokens).renew(SOURCE, [Scope.INGEST], now_ms())
        made = islice(made_logs(sorted_ids=round_.sorted_ids), round_.most)
        logs = [*_padded(made, round_.padding)]
        with served(settings) as url, connected(url, token, logs) as connections:
            ended: list[tuple[float, str]] = []

            def load() -> None:
                try:
                    send_steadily(connections, round_.rate)
                    said = "all were taken"
                except BenchmarkError as error:
                    said = str(error)
                ended.append((time.monotonic(), said))

            thread = threading.Thread(target=load)
            thread.start()
            thread.join(round_.warm)
            planned_at = time.monotonic()
            plan = make_plan(settings, 7 * _DAY, WhatIf())
            thread.join()
        ((full_at, said),) = ended
        free = shutil.disk_usage(root).free
    if "storage_full" not in said or plan.to_full is None:
        raise BenchmarkError(f"the disk did not become full: {said[:200]}, {free} bytes are free")
    return plan.to_full, full_at - planned_at


def _padded(logs: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield logs with an attribute of so many characters by chance besides."""
    random = Random(size)
    for each in logs:
        more = b',"detail":"%b"}' % random.randbytes(size // 2).hex().encode() if size else b"}"
        yield each.removesuffix(b"}") + more


def main() -> int:
    """Fill each disk, and print what was foretold beside what it took."""
    wanted = [int(each) for each in sys.argv[1:]] or range(len(ROUNDS))
    for number in wanted:
        foretold, took = fill(ROUNDS[number])
        off = foretold / took - 1
        told = f"foretold {foretold:.1f} s, took {took:.1f} s, {off:+.1%}"
        print(f"{ROUNDS[number].name}: {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
