"""Questions: how fast logs become a DataFrame, and percentiles, hot and archived."""

import gc
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

import pandas as pd
import sqlalchemy

import workbench
from benchmarks.archiving import archive_all, fill_folder
from benchmarks.rows import Row, Target, limited
from benchmarks.servers import serving_folder
from benchmarks.sizes import Sizes
from waterline.encoding import PARQUET
from waterline.storage.folder import DataFolder
from workbench.bench.errors import BenchmarkError
from workbench.bench.logs import made_logs, take

# Limits in seconds for a million logs.
_MOST_FOR_A_FRAME: Final = 1.0
_MOST_FOR_PERCENTILES: Final = 0.3
_MILLION: Final = 1_000_000
# `pandas.read_sql` takes so many times as long, at least.
_FASTER: Final = 3.0
# Limits in milliseconds for such a share of a million logs, and so many that came since.
_MOST_FOR_A_HIT: Final = 20
_MOST_FOR_MORE: Final = 50
_SHARE: Final = 0.06
_NEW: Final = 1_000
# Seven columns; seq is left out.
_COLUMNS: Final = ("id", "type", "timestamp", "received_at", "source", "message", "attributes")
_ATTRIBUTE: Final = "duration_ms"


def measure_questions(sizes: Sizes) -> list[Row]:
    """Ask the same logs while they are hot, and once all of them are archived."""
    millions = sizes.question_logs / _MILLION
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        hot, archived = folder / "hot", folder / "archived"
        fill_folder(hot, sizes.question_logs)
        frames, plain = [], []
        for _ in range(sizes.rounds):
            with workbench.connect(hot, cache=False) as wb:
                frames.append(_seconds(lambda: wb.logs(columns=_COLUMNS)))
            plain.append(_seconds(lambda: _read_plainly(hot)))
        hits, merged = _measure_cache(hot, sizes)
        archive_all(hot, archived, PARQUET)
        with workbench.connect(archived) as wb:
            percentiles = [
                _seconds(lambda: wb.latency(_ATTRIBUTE, by="type", exact=True))
                for _ in range(sizes.rounds)
            ]
    logs = f"{sizes.question_logs:,} logs"
    return [
        limited(f"{logs} as a DataFrame", frames, "s", _MOST_FOR_A_FRAME * millions),
        Row(
            name=f"{logs} as a DataFrame",
            unit="s",
            values=frames,
            beside="pandas.read_sql",
            references=plain,
            target=Target(1 / _FASTER, at_most=True),
        ),
        limited(f"{_SHARE:.0%} of {logs}, asked again", hits, "ms", _MOST_FOR_A_HIT),
        limited(f"the same, {_NEW:,} logs later", merged, "ms", _MOST_FOR_MORE),
        limited(
            f"percentiles by type, {logs} archived",
            percentiles,
            "s",
            _MOST_FOR_PERCENTILES * millions,
        ),
    ]


def _measure_cache(folder: Path, sizes: Sizes) -> tuple[list[float], list[float]]:
    """Return the milliseconds of answers that are known, and of those that lack a few logs."""
    more = islice(made_logs(), sizes.question_logs, None)  # behind those that are there
    limit = int(sizes.question_logs * _SHARE)
    hits, merged = [], []
    with serving_folder(folder) as server, workbench.connect(folder) as wb:

        def seconds(outcome: str) -> float:
            begun = time.perf_counter()
            frame = wb.logs(limit=limit)
            took = time.perf_counter() - begun
            if (len(frame), frame.attrs["cache"]) != (limit, outcome):
                raise BenchmarkError(f"an answer was a {frame.attrs['cache']}, not a {outcome}")
            return took * 1000

        seconds("miss")
        for _ in range(sizes.rounds):
            hits.append(seconds("hit"))
            server.take(take(more, _NEW), _NEW)
            merged.append(seconds("merged"))
            wb.logs(limit=limit)
            assert wb.cache is not None
            wb.cache.clear()
            seconds("miss")
    return hits, merged


def _read_plainly(folder: Path) -> pd.DataFrame:
    address = f"sqlite:///file:{DataFolder(folder).logs}?mode=ro&uri=true"
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    chosen = f"SELECT {', '.join(_COLUMNS)} FROM logs ORDER BY timestamp"
    return pd.read_sql(chosen, engine)


def _seconds(ask: Callable[[], pd.DataFrame]) -> float:
    """Return how long an answer takes, the garbage of the one before left out."""
    gc.collect()
    begun = time.perf_counter()
    ask()
    return time.perf_counter() - begun
