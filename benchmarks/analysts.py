"""Analysts beside producers: how much later acks come while questions are answered."""

import statistics
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.analyst import asking
from benchmarks.answering import answering
from benchmarks.archiving import archive_all, copy_folder, fill_folder
from benchmarks.rows import Row, Target
from benchmarks.servers import serving_folder
from benchmarks.sizes import Sizes
from waterline.encoding import PARQUET
from workbench.bench.load import connected, percentile, send_steadily
from workbench.bench.logs import made_logs, take

_ANALYSTS: Final = 20
_LOGS_A_FRAME: Final = 10
# At most so many times as late may acks come.
_LATER: Final = 2.0


def measure_analysts(sizes: Sizes) -> list[Row]:
    """Send logs at a rate to a folder with archives, alone and while analysts ask, in turn."""
    without, beside, answered = [], [], []
    with tempfile.TemporaryDirectory() as path:
        filled, archived, work = (Path(path) / name for name in ("filled", "archived", "work"))
        fill_folder(filled, sizes.archive_logs)
        archive_all(filled, archived, PARQUET)
        for _ in range(sizes.rounds):
            copy_folder(archived, work)
            without.append(_p99(work, sizes))
            copy_folder(archived, work)
            with answering(work) as server, asking(server, _ANALYSTS) as analysts:
                beside.append(_p99(work, sizes))
                answered.append(analysts.end() / sizes.analyst_seconds)
    return [
        Row(
            name=f"ack latency p99 at {sizes.analyst_rate:,}/s, {_ANALYSTS} analysts",
            unit="ms",
            values=beside,
            beside="no analysts",
            references=without,
            target=Target(_LATER, at_most=True),
            note=f"{statistics.median(answered):.1f} answers a second",
        )
    ]


def _p99(folder: Path, sizes: Sizes) -> float:
    """Return the p99 of acks, in milliseconds."""
    logs = take(made_logs(sorted_ids=False), sizes.analyst_rate * sizes.analyst_seconds)
    with (
        serving_folder(folder) as server,
        connected(server.ingest + "?ack=batch", server.token, logs, _LOGS_A_FRAME) as connections,
    ):
        latencies = send_steadily(connections, sizes.analyst_rate / _LOGS_A_FRAME)
    return 1000 * percentile(sorted(latencies), 99)
