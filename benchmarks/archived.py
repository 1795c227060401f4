"""Archived logs beside a store of columns: a word, percentiles, and bytes, of the same million."""

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

import msgspec

import workbench
from benchmarks.archiving import archive_all
from benchmarks.rows import Row, Target
from benchmarks.servers import serving_folder
from benchmarks.sizes import Sizes
from waterline.encoding import PARQUET
from workbench.bench.errors import BenchmarkError
from workbench.bench.logs import take

# VictoriaLogs' figures for the same million, as they were measured once: not in the same run.
_BESIDE: Final = "VictoriaLogs, once"
_WORD_MS: Final = 54.0
_PERCENTILES_MS: Final = 490.0
_SAVED: Final = 85.5
_MILLION: Final = 1_000_000
_WORD: Final = "reset"
_LOGS_A_FRAME: Final = 1_000

_FIRST_TIMESTAMP: Final = 1_795_400_000_000
_TYPES: Final = ["info"] * 80 + ["warning"] * 12 + ["error"] * 6 + ["debug"] * 2
_MESSAGES: Final = (
    "GET /api/v1/items/%d HTTP/1.1 completed",
    "POST /api/v1/orders/%d accepted",
    "cache miss for key user:%d",
    "db query took long on shard %d",
    "connection reset by peer 10.0.%d.7",
    "pump %d pressure nominal",
    "valve %d opened",
)
_STATUSES: Final = (200, 200, 200, 404, 500)


def measure_archived(sizes: Sizes) -> list[Row]:
    """Archive logs of a web service, and ask for a word and for percentiles of all of them.

    Raises:
        BenchmarkError: an answer is not of these logs.
    """
    logs, rounds = take(service_logs(), sizes.question_logs), sizes.rounds
    with tempfile.TemporaryDirectory() as path:
        hot, archived = Path(path) / "hot", Path(path) / "archived"
        with serving_folder(hot) as server:
            server.take(logs, _LOGS_A_FRAME)
        outcome = archive_all(hot, archived, PARQUET)
        with workbench.connect(archived, cache=False) as wb:
            hits = sum(_WORD.encode() in each for each in logs)
            words = _times(lambda: wb.count(contains=_WORD), hits, rounds)

            def percentiles() -> int:
                return int(wb.latency("duration_ms", by="type", exact=True)["count"].sum())

            by_type = _times(percentiles, len(logs), rounds)
    name, millions = f"{len(logs):,} archived logs", len(logs) / _MILLION
    lines = sum(len(each) + 1 for each in logs)
    saved = 100 * (1 - sum(each.stored_bytes for each in outcome.batches) / lines)
    return [
        _row(f"{name}, count of a word", "ms", words, _WORD_MS * millions),
        _row(f"{name}, percentiles by type", "ms", by_type, _PERCENTILES_MS * millions),
        _row(f"{name}, saved of JSON lines", "%", [saved], _SAVED, at_most=False),
    ]


def _row(name: str, unit: str, values: list[float], theirs: float, *, at_most: bool = True) -> Row:
    return Row(
        name=name,
        unit=unit,
        values=values,
        beside=_BESIDE,
        references=[theirs] * len(values),
        target=Target(1.0, at_most=at_most),
    )


def _times(ask: Callable[[], int], expected: int, rounds: int) -> list[float]:
    """Return the milliseconds of each answer; the first one, which opens files, counts for none."""
    times = []
    for _ in range(rounds + 1):
        gc.collect()
        begun = time.perf_counter()
        found = ask()
        times.append(1_000 * (time.perf_counter() - begun))
        if found != expected:
            raise BenchmarkError(f"an answer was of {found:,} logs in place of {expected:,}")
    return times[1:]


def service_logs() -> Iterator[bytes]:
    """Yield logs of a web service as JSON without end, the same ones each time."""
    random = Random(7)
    for number in count():
        yield msgspec.json.encode(
            {
                "id": f"log-{number:08d}-{random.getrandbits(32):08x}",
                "type": random.choice(_TYPES),
                "message": random.choice(_MESSAGES) % random.randrange(10_000),
                "timestamp": _FIRST_TIMESTAMP + 3 * number,
                "duration_ms": round(random.lognormvariate(2.5, 1), 3),
                "service": f"web-{random.randrange(8)}",
                "status": random.choice(_STATUSES),
            }
        )
