"""Backups: what producers notice of them, beside an archive run."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.archiving import Pace, archiving, fill_folder, p99_beside
from benchmarks.rows import Row, Target
from benchmarks.sizes import Sizes
from waterline.settings.model import variable_name
from workbench.bench.errors import BenchmarkError

# At most so many times as late may acks come while backups are taken.
_LATER: Final = 1.5


def measure_backups(sizes: Sizes) -> list[Row]:
    """Send logs at a steady pace, with one backup after the other and an archive run beside."""
    with tempfile.TemporaryDirectory() as path:
        filled, work = Path(path) / "filled", Path(path) / "work"
        fill_folder(filled, sizes.archive_logs)
        without, beside = [], []
        pace = Pace(sizes.archive_rate, sizes.archive_seconds)
        for number in range(sizes.rounds):
            place = Path(path) / f"backups-{number}"
            without.append(p99_beside(filled, work, pace, nullcontext))
            beside.append(p99_beside(filled, work, pace, partial(_backing_up, place)))
        return [
            Row(
                name=f"ack latency p99 at {sizes.archive_rate:,}/s, backups",
                unit="ms",
                values=beside,
                beside="without",
                references=without,
                target=Target(_LATER, at_most=True),
            )
        ]


@contextmanager
def _backing_up(place: Path, folder: Path) -> Iterator[None]:
    """Take one backup after the other, as the server's own process would, and archive meanwhile."""
    ended = threading.Event()
    codes: list[int] = []
    environment = os.environ | {
        variable_name("data"): str(folder),
        variable_name("backup_to"): str(place),
    }

    def take_backups() -> None:
        command = [sys.executable, "-m", "waterline.backup"]
        while not ended.is_set():
            codes.append(
                subprocess.run(
                    command, env=environment, stdout=subprocess.DEVNULL, check=False
                ).returncode
            )

    taking = threading.Thread(target=take_backups)
    taking.start()
    try:
        with archiving(folder):
            yield
    finally:
        ended.set()
        taking.join()
    if not codes or any(codes):
        raise BenchmarkError("a backup failed, as told above")
