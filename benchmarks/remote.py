"""Logs as a DataFrame over the network: what TLS on loopback takes beside the folder itself."""

import gc
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import workbench
from benchmarks.archiving import archive_all, fill_folder
from benchmarks.process_memory import memory_of
from benchmarks.rows import Row, Target, limited
from benchmarks.sizes import Sizes
from tests.support.tls import LOOPBACK, LOOPBACK_KEY
from waterline.clock import now_ms
from waterline.encoding import PARQUET
from waterline.processes import child_command
from waterline.settings.model import Settings, environment_of
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile
from workbench.bench.errors import BenchmarkError

# At most so many times as long as from the folder.
_SLOWER: Final = 1.3
# Limit of the process that answers, in MB, for a million logs.
_MOST_MEMORY: Final = 300.0
_MB: Final = 1_000_000
_END_SECONDS: Final = 10.0


def measure_remote(sizes: Sizes) -> list[Row]:
    """Ask for all logs of a folder, hot and archived, from here and over the network in turn.

    Raises:
        BenchmarkError: the process that answers did not start, or an answer is not whole.
    """
    rows = []
    with tempfile.TemporaryDirectory() as path:
        hot, archived = Path(path) / "hot", Path(path) / "archived"
        fill_folder(hot, sizes.question_logs)
        rows += _compared(hot, "hot", sizes)
        archive_all(hot, archived, PARQUET)
        rows += _compared(archived, "archived", sizes)
    return rows


def _compared(folder: Path, kind: str, sizes: Sizes) -> list[Row]:
    here, remote = [], []
    with _answering(folder) as server, workbench.connect(folder, cache=False) as local:
        wb = workbench.connect(server.url, token=server.token, certificate=LOOPBACK, cache=False)
        with wb:
            for number in range(sizes.rounds + 1):
                seconds = _seconds(local, sizes), _seconds(wb, sizes)
                # The first one of each opens files.
                if number:
                    here.append(seconds[0])
                    remote.append(seconds[1])
        peak = server.peak_bytes()
    name = f"{sizes.question_logs:,} {kind} logs"
    return [
        Row(
            name=f"{name} over TLS",
            unit="s",
            values=remote,
            beside="from the folder",
            references=here,
            target=Target(_SLOWER, at_most=True),
        ),
        limited(f"{name}, peak of what answers", [peak / _MB], "MB", _MOST_MEMORY),
    ]


def _seconds(wb: workbench.Workbench, sizes: Sizes) -> float:
    gc.collect()
    begun = time.perf_counter()
    found = len(wb.logs())
    seconds = time.perf_counter() - begun
    if found != sizes.question_logs:
        raise BenchmarkError(f"an answer had {found:,} of {sizes.question_logs:,} logs")
    return seconds


@dataclass(frozen=True, slots=True)
class _Answering:
    """A process that answers questions."""

    url: str
    token: str
    process: int

    def peak_bytes(self) -> int:
        """Return the most memory that it has held so far.

        Raises:
            BenchmarkError: this system does not tell; Linux does.
        """
        return memory_of(self.process, "VmHWM")


@contextmanager
def _answering(folder: Path) -> Iterator[_Answering]:
    """Answer questions about a folder, over TLS on a free port of loopback."""
    settings = Settings(
        data=folder, host="127.0.0.1", query_port=0, tls_cert=LOOPBACK, tls_key=LOOPBACK_KEY
    )
    token = TokenFile(DataFolder(folder).tokens).renew("analyst", [Scope.READ], now_ms())
    process = subprocess.Popen(
        child_command("workbench.serving"),
        env=os.environ | environment_of(settings),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        urls = [each for each in process.stdout.readline().split() if "://" in each]
        if not urls:
            raise BenchmarkError("the process of questions did not start")
        yield _Answering(urls[0], token, process.pid)
    finally:
        process.terminate()
        # It reads on until the end, and closes the stream.
        process.communicate(timeout=_END_SECONDS)
