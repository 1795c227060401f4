"""Analysts beside producers: how much later acks come while questions are answered."""

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from benchmarks.analyst import asking
from benchmarks.answering import answering
from benchmarks.archiving import Pace, archive_all, fill_folder, p99_beside
from benchmarks.rows import Row, Target
from benchmarks.sizes import Sizes
from waterline.encoding import PARQUET

_ANALYSTS: Final = 20
_LOGS_A_FRAME: Final = 10
# At most so many times as late may acks come.
_LATER: Final = 2.0


def measure_analysts(sizes: Sizes) -> list[Row]:
    """Send logs at a rate to a folder with archives, alone and while analysts ask, in turn."""
    without, beside = [], []
    answered: list[float] = []

    @contextmanager
    def analysts(folder: Path) -> Iterator[None]:
        with answering(folder) as server, asking(server, _ANALYSTS) as asked:
            yield
            answered.append(asked.end() / sizes.analyst_seconds)

    with tempfile.TemporaryDirectory() as path:
        filled, archived, work = (Path(path) / name for name in ("filled", "archived", "work"))
        fill_folder(filled, sizes.archive_logs)
        archive_all(filled, archived, PARQUET)
        pace = Pace(sizes.analyst_rate, sizes.analyst_seconds, _LOGS_A_FRAME)
        for _ in range(sizes.rounds):
            without.append(p99_beside(archived, work, pace, nullcontext))
            beside.append(p99_beside(archived, work, pace, analysts))
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
