"""Reports from the measurements: how long percentiles of a month and counts of an hour take."""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.rows import Row, limited
from benchmarks.sizes import Sizes
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import Series
from waterline.metrics.rollup_store import PRUNE_SLICE, Retention, RollupStore
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from waterline.metrics.summary import Packed, Summary
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer
from workbench.bench.errors import BenchmarkError
from workbench.workbench import Workbench

LIMIT_MS: Final = 100.0
ATTRIBUTE: Final = "duration_ms"
TYPES: Final = 10
COUNTED_TYPES: Final = 5
SOURCES: Final = 5

# An hour and seven seconds before an hour ends: no edge of a range lies on a step.
NOW: Final = 1_790_000_000_000 // HOUR * HOUR + 53 * MINUTE + 7 * SECOND
_DAY: Final = 24 * HOUR
_RETENTION: Final = Retention(seconds=_DAY, minutes=31 * _DAY, hours=1_830 * _DAY)
_VALUES: Final = 4_000
"""So many values of an hour and type make some three hundred cells."""

_Rows = dict[tuple[int, Series], Summary]


def measure_measured(sizes: Sizes) -> list[Row]:
    """Measure both reports over rollups as a server would have written them.

    Each time is all from the call to the DataFrame.

    Raises:
        BenchmarkError: an answer is not what was written.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = write_rollups(Path(folder), sizes.measured_days)
        with Workbench(folder, clock=lambda: NOW) as wb:
            month = f"-{sizes.measured_days}d"

            def percentiles() -> int:
                frame = wb.latency(ATTRIBUTE, by="type", since=month)
                return int(frame["count"].sum())

            def counts() -> int:
                return int(wb.throughput("1s", since="-1h")["logs"].sum())

            return [
                limited(
                    f"p95 by type over {sizes.measured_days} days, from the measurements",
                    _times(percentiles, written.values, sizes.rounds),
                    "ms",
                    LIMIT_MS,
                ),
                limited(
                    "the last hour by second and type, from the measurements",
                    _times(counts, written.counted, sizes.rounds),
                    "ms",
                    LIMIT_MS,
                ),
            ]


class _Written:
    """What the reports must find."""

    def __init__(self) -> None:
        self.values = 0
        self.counted = 0


def write_rollups(folder: Path, days: int) -> _Written:
    """Write measurements of some days into a folder without logs.

    The attribute has a row an hour and type, and one a minute in the first and the last hour; logs
    are counted each second of the last hour.
    """
    chance = random.Random(1)
    written = _Written()
    data = DataFolder(folder)
    data.create()
    open_writer(data.logs, LOGS, "FULL").close()
    with closing(RollupStore(data.metrics)) as file:
        file.begin("benchmark", 0, NOW - days * _DAY)
        for rows in _measured(days, chance, written):
            file.write(rows, {}, 0)
        file.close_steps(NOW)
        for rows in _counted(chance, written):
            file.write(rows, {}, 0)
        file.close_steps(NOW)
        for _ in range(days * 24 * TYPES // PRUNE_SLICE + 1):
            file.prune(NOW, _RETENTION)
    return written


def _measured(days: int, chance: random.Random, written: _Written) -> Iterator[_Rows]:
    summaries = [_summary(chance) for _ in range(TYPES)]
    first, last = (NOW - days * _DAY) // MINUTE * MINUTE + MINUTE, NOW // HOUR * HOUR
    edge = -(-first // HOUR) * HOUR
    for begin in [
        *range(first, edge, MINUTE),
        *range(edge, last, HOUR),
        *range(last, NOW // MINUTE * MINUTE, MINUTE),
    ]:
        written.values += TYPES * _VALUES
        yield {
            (begin, Series(ATTRIBUTE, metrics.TYPE, f"type-{number}")): each
            for number, each in enumerate(summaries)
        }


def _summary(chance: random.Random) -> Summary:
    values = [chance.lognormvariate(3, 0.6) for _ in range(_VALUES)]
    summary = Summary()
    summary.add_packed([Packed.of(values)])
    return summary


def _counted(chance: random.Random, written: _Written) -> Iterator[_Rows]:
    """Yield an hour of counts, which by type and by source are the same logs."""
    for begin in range(NOW // SECOND * SECOND - HOUR, NOW // SECOND * SECOND, SECOND):
        rows: _Rows = {}
        for number in range(COUNTED_TYPES):
            logs = chance.randrange(1, 2_000)
            written.counted += logs
            for dimension in (metrics.TYPE, metrics.SOURCE):
                label = f"{dimension}-{number}"
                counted, size = Summary(), Summary()
                counted.add_count(logs, logs)
                size.add_count(logs, 200 * logs)
                rows[begin, Series(metrics.LOGS_STORED, dimension, label)] = counted
                rows[begin, Series(metrics.BYTES_RECEIVED, dimension, label)] = size
        latency = Summary()
        latency.add(chance.lognormvariate(1, 0.5))
        rows[begin, Series(metrics.ACK_LATENCY, "", "")] = latency
        yield rows


def _times(report: Callable[[], int], expected: int, rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        found = report()
        times.append(1_000 * (time.perf_counter() - begun))
        if found != expected:
            raise BenchmarkError(f"a report told of {found:,} of {expected:,} measurements")
    return times
