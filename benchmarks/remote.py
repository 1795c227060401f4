"""Logs as a DataFrame over the network: what TLS on loopback takes beside the folder itself."""

import gc
import tempfile
import time
from pathlib import Path
from typing import Final

import workbench
from benchmarks.answering import answering
from benchmarks.archiving import archive_all, fill_folder
from benchmarks.rows import Row, Target, limited
from benchmarks.sizes import Sizes
from tests.support.tls import LOOPBACK
from waterline.encoding import PARQUET
from workbench.bench.errors import BenchmarkError

# At most so many times as long as from the folder.
_SLOWER: Final = 1.3
# Limit of the process that answers, in MB, for a million logs.
_MOST_MEMORY: Final = 300.0
_MB: Final = 1_000_000


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
    with answering(folder) as server, workbench.connect(folder, cache=False) as local:
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
