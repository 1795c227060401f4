"""Start-up: from the start of the process until it listens."""

import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.rows import Row, limited
from benchmarks.sizes import Sizes
from workbench.running.own_server import own_server

_LIMIT_SECONDS: Final = 0.5


def measure_startup(sizes: Sizes) -> list[Row]:
    """Start a server on an empty folder, several times."""
    seconds = [_start() for _ in range(sizes.rounds)]
    return [limited("start-up, until it listens", seconds, "s", _LIMIT_SECONDS)]


def _start() -> float:
    with tempfile.TemporaryDirectory() as path:
        begun = time.perf_counter()
        with own_server(Path(path)):
            return time.perf_counter() - begun
