"""What Dask adds: archived logs asked about here, on one worker, on two, and by Dask alone."""

import gc
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import dask.dataframe as dd
import pandas as pd
from distributed import Client

import workbench
from benchmarks.archived import service_logs
from benchmarks.archiving import archive_all
from benchmarks.rows import Row, Target
from benchmarks.servers import serving_folder
from benchmarks.sizes import Sizes
from waterline.encoding import PARQUET
from workbench.bench.errors import BenchmarkError
from workbench.bench.logs import take
from workbench.spreading.dask import start_workers
from workbench.workbench import Workbench

_LOGS_A_FRAME: Final = 1_000
_BATCHES: Final = 8
_WORD: Final = "shard 791"
_PERCENTILE: Final = 95
# Two workers against one, and against Dask's own groupby.
_WORKERS: Final = 2
_FASTER_THAN_ONE: Final = 1.7
_FASTER_THAN_GROUPBY: Final = 3.0

Ask = Callable[[Workbench], object]
Question = tuple[str, Ask, Callable[[dd.DataFrame], Any]]
"""A name, how we ask, and how Dask's own DataFrame is asked."""


def measure_spread(sizes: Sizes) -> list[Row]:
    """Ask the same archived logs four ways, in turn.

    Raises:
        BenchmarkError: two ways have different answers.
    """
    with tempfile.TemporaryDirectory() as path, ExitStack() as opened:
        hot, archived = Path(path) / "hot", Path(path) / "archived"
        with serving_folder(hot) as server:
            server.take(take(service_logs(), sizes.spread_logs), _LOGS_A_FRAME)
        # As many batches for each worker.
        archive_all(hot, archived, replace(PARQUET, batch_rows=sizes.spread_logs // _BATCHES))
        here = opened.enter_context(workbench.connect(archived, cache=False))
        one, two = (_cluster(opened, number) for number in (1, _WORKERS))
        on_one, on_two = (
            opened.enter_context(workbench.connect(archived, cache=False, cluster=each))
            for each in (one, two)
        )
        files = sorted(map(str, (archived / "archives").glob("*/*.parquet")))
        ways: dict[str, Callable[[Question], object]] = {
            "here": lambda question: question[1](here),
            "one": lambda question: question[1](on_one),
            "two": lambda question: question[1](on_two),
            "own": lambda question: two.compute(question[2](_read(files))).result(),
        }
        rows = []
        for question in _QUESTIONS:
            times = _times(ways, question, sizes.rounds)
            name = f"{sizes.spread_logs:,} logs, {question[0]}"
            rows += _rows(name, times, is_groupby=question is _QUESTIONS[0])
    return rows


def _rows(name: str, times: dict[str, list[float]], *, is_groupby: bool) -> list[Row]:
    """Return rows of how many times as fast two workers are, beside the milliseconds.

    Args:
        name: the question.
        times: milliseconds of each way.
        is_groupby: whether the targets are about this question.
    """
    beside = {
        "own": (f"dd on {_WORKERS} workers", _FASTER_THAN_GROUPBY if is_groupby else None),
        "one": ("1 worker", _FASTER_THAN_ONE if is_groupby else None),
        "here": ("no cluster", None),
    }
    return [
        Row(
            name=f"{name}, {what}",
            unit="ms",
            values=times[way],
            beside=f"{_WORKERS} workers",
            references=times["two"],
            target=None if least is None else Target(least, at_most=False),
        )
        for way, (what, least) in beside.items()
    ]


def _times(
    ways: dict[str, Callable[[Question], object]], question: Question, rounds: int
) -> dict[str, list[float]]:
    """Return the milliseconds of each way, in turn; the first round counts for none."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        found = {}
        for name, ask in ways.items():
            gc.collect()
            begun = time.perf_counter()
            found[name] = ask(question)
            times[name].append(1_000 * (time.perf_counter() - begun))
        answers = [_plain(each) for each in found.values()]
        if any(each != answers[0] for each in answers):
            raise BenchmarkError(f"{question[0]}: the ways have different answers: {answers}")
    return {name: each[1:] for name, each in times.items()}


def _plain(answer: object) -> object:
    """Return an answer so that it can be compared."""
    if isinstance(answer, pd.DataFrame):
        answer = answer.set_index("type")[f"p{_PERCENTILE}"]
    if isinstance(answer, pd.Series):
        return {str(key): value for key, value in sorted(answer.items()) if value}
    return answer


def _p95(wb: Workbench) -> object:
    return wb.latency("duration_ms", by="type", exact=True, percentiles=[_PERCENTILE])


def _own_p95(frame: dd.DataFrame) -> Any:  # noqa: ANN401 - Dask's own
    numbers = frame.map_partitions(_durations, meta={"type": "str", "duration_ms": "f8"})
    grouped = numbers.groupby("type")["duration_ms"]
    return grouped.apply(_percentile, meta=("duration_ms", "f8"))


def _durations(part: pd.DataFrame) -> pd.DataFrame:
    durations = part["attributes"].struct.field("duration_ms").astype("f8")
    return pd.DataFrame({"type": part["type"].astype("str"), "duration_ms": durations})


def _percentile(values: "pd.Series[float]") -> float:
    return float(values.quantile(_PERCENTILE / 100, interpolation="higher"))


def _counts(wb: Workbench) -> object:
    report = wb.throughput("7d", by="source", exact=True)
    return report.groupby("source")["logs"].sum()


def _read(files: list[str]) -> dd.DataFrame:
    # With Arrow's types it takes an attribute out of its column without making objects of all.
    frame: dd.DataFrame = dd.read_parquet(files, dtype_backend="pyarrow")
    return frame


def _cluster(opened: ExitStack, workers: int) -> Client:
    cluster = opened.enter_context(start_workers(workers))
    client: Client = opened.enter_context(
        Client(cluster, set_as_default=False, direct_to_workers=True)
    )
    return client


_QUESTIONS: Final[list[Question]] = [
    ("p95 by type", _p95, _own_p95),
    ("count by source", _counts, lambda frame: frame["source"].value_counts()),
    (
        "count of a text",
        lambda wb: wb.count(contains=_WORD),
        lambda frame: frame["message"].str.contains(_WORD, regex=False).sum(),
    ),
]
