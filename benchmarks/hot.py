"""Hot logs: what a count takes, by seqs, by an index and without, and what that index costs."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import workbench
from benchmarks.rows import Row, Target, compared
from benchmarks.servers import INDEXED, WATERLINE, measured_server, serving_folder
from benchmarks.sizes import Sizes
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from workbench.bench.errors import BenchmarkError
from workbench.bench.logs import made_logs, take
from workbench.query.database import Database

_LOGS_A_FRAME: Final = 100
_FASTER_COUNT: Final = 10.0
_FASTER: Final = 3.0
_WHERE: Final = {"duration_ms": (">", 300)}


def measure_hot(sizes: Sizes) -> list[Row]:
    """Ask the same hot logs with an index and without, and let servers of both take logs."""
    logs = take(made_logs(), sizes.question_logs)
    with tempfile.TemporaryDirectory() as path:
        plain, indexed = Path(path) / "plain", Path(path) / "indexed"
        for folder, module in ((plain, WATERLINE), (indexed, INDEXED)):
            with serving_folder(folder, module) as server:
                server.take(logs, _LOGS_A_FRAME)
        counts, walked, by_index, by_json = [], [], [], []
        with (
            workbench.connect(plain, cache=False) as one,
            workbench.connect(indexed, cache=False) as other,
            Database(DataFolder(plain).logs, LOGS) as database,
        ):
            if one.count(where=_WHERE) != other.count(where=_WHERE):
                raise BenchmarkError("the index answers otherwise than the logs")
            for _ in range(sizes.rounds):
                counts.append(_milliseconds(one.count))
                walked.append(_milliseconds(lambda: _count_rows(database)))
                by_index.append(_milliseconds(lambda: other.count(where=_WHERE)))
                by_json.append(_milliseconds(lambda: one.count(where=_WHERE)))
    return [
        Row(
            name=f"count of {len(logs):,} hot logs",
            unit="ms",
            values=counts,
            beside="count of rows",
            references=walked,
            target=Target(1 / _FASTER_COUNT, at_most=True),
        ),
        Row(
            name=f"count of {len(logs):,} by an indexed attribute",
            unit="ms",
            values=by_index,
            beside="not indexed",
            references=by_json,
            target=Target(1 / _FASTER, at_most=True),
        ),
        _cost(sizes),
    ]


def _cost(sizes: Sizes) -> Row:
    logs = take(made_logs(), sizes.ingest_logs)
    rates: dict[str, list[float]] = {INDEXED: [], WATERLINE: []}
    for number in range(sizes.rounds):
        for module in sorted(rates, reverse=bool(number % 2)):
            with measured_server(module) as server:
                rates[module].append(len(logs) / server.take(logs, _LOGS_A_FRAME))
    name = f"frames of {_LOGS_A_FRAME} logs, two attributes indexed"
    return compared(name, rates[INDEXED], "none indexed", rates[WATERLINE])


def _count_rows(database: Database) -> None:
    with database.view() as view:
        view.rows("SELECT count(*) FROM logs WHERE seq > 0")


def _milliseconds(ask: Callable[[], object]) -> float:
    begun = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - begun)
