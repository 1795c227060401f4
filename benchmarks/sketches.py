"""Sketches: how near their percentiles are, what they take, and what they cost a value."""

import importlib
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final, cast

import apsw
import numpy as np
import numpy.typing as npt

from benchmarks.rows import Row, Target, limited
from benchmarks.sizes import Sizes
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.rollup_store import RollupStore
from waterline.metrics.sketch import Sketch
from waterline.metrics.spans import HOUR, SECOND
from waterline.metrics.summary import Summary

Values = npt.NDArray[np.float64]
_Hour = tuple[int, float, float, float, bytes]

_METRIC: Final = "duration_ms"
_BATCH: Final = 300
"""Values of one type that a commit has at once."""
_TYPES: Final = ("error", "info", "database")
_SHARES: Final = (0.5, 0.95, 0.99, 0.999)
_MOST_WRONG: Final = 1.0
"""Percent of the exact percentile."""
_RATE: Final = 100_000
"""Values a second."""
_MOST_OF_A_CORE: Final = 5.0
"""Percent, for so many."""
_BEGIN: Final = 500_000 * HOUR
_HOURS: Final = 2
_LIBRARY: Final = "ddsketch"
_A_FLOAT: Final = 8


def measure_sketches(sizes: Sizes) -> list[Row]:
    """Record values of each distribution; and as many a second as a busy server has."""
    rows: list[Row] = []
    for name, values in _distributions(sizes.sketch_values).items():
        rows += _measure_errors(name, values)
    return rows + _measure_cost(sizes.rounds)


def _distributions(count: int) -> dict[str, Values]:
    random = np.random.default_rng(7)
    slow = random.random(count) < 0.1
    return {
        "heavy-tailed": 0.01 + random.pareto(1.1, count),
        "bimodal": np.where(slow, random.normal(4_000, 100, count), random.normal(2, 0.2, count)),
        "constant": np.full(count, 12.5),
    }


def _measure_errors(name: str, values: Values) -> list[Row]:
    """Record values over two hours, and see what the hours in metrics.db know of them."""
    recorder = MetricsRecorder()
    batches = -(-len(values) // _BATCH)
    for number, batch in enumerate(_batches(values)):
        at = _BEGIN + number * _HOURS * HOUR // batches
        recorder.record_many(_METRIC, batch, at=at)
    whole = recorder.totals()[Series(_METRIC, "", "")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.db"
        with closing(RollupStore(path)) as file:
            for begin, second in recorder.take().items():
                rows = {(begin, series): each for series, each in second.summaries.items()}
                file.write(rows, {}, 0)
            file.close_steps(_BEGIN + _HOURS * HOUR)
        merged, seconds, hours = _read(path)
    title = f"{name}, {len(values):,} values"
    error = "largest error of p50, p95, p99, p99.9"
    a_second = _A_FLOAT * len(values) * SECOND / (_HOURS * HOUR)
    return [
        limited(f"{title}, {error}", [_error(whole, values)], "%", _MOST_WRONG),
        limited(
            "the same, merged to minutes and hours", [_error(merged, values)], "%", _MOST_WRONG
        ),
        _beside_floats(f"{title}, sketch of a second", seconds, a_second),
        _beside_floats(f"{title}, sketch of an hour", hours, a_second * HOUR / SECOND),
    ]


def _batches(values: Values) -> Iterator[list[float]]:
    for begin in range(0, len(values), _BATCH):
        yield values[begin : begin + _BATCH].tolist()


def _read(path: Path) -> tuple[Summary, float, float]:
    """Return all hours as one, and how many bytes a sketch of a second and of an hour has."""
    merged = Summary()
    with closing(apsw.Connection(str(path))) as connection:
        hours = connection.execute("SELECT count, sum, min, max, sketch FROM hours").fetchall()
        for count, amount, least, most, data in cast("list[_Hour]", hours):
            merged.merge(Summary(count, amount, least, most, Sketch.from_bytes(data)))
        a_second, an_hour = (
            cast("float", connection.execute(f"SELECT avg(length(sketch)) FROM {table}").get)
            for table in ("seconds", "hours")
        )
    return merged, a_second, an_hour


def _error(summary: Summary, values: Values) -> float:
    """Return the largest error of its percentiles, as percent of the exact ones."""
    exact: list[float] = np.quantile(values, _SHARES, method="inverted_cdf").tolist()
    found = [summary.quantile(share) or 0.0 for share in _SHARES]
    errors = [abs(one - other) / abs(other) for one, other in zip(found, exact, strict=True)]
    return 100 * max(errors)


def _beside_floats(name: str, size: float, of_floats: float) -> Row:
    return Row(name=name, unit="bytes", values=[size], beside="as floats", references=[of_floats])


def _measure_cost(rounds: int) -> list[Row]:
    """Record what comes in a second, again and again."""
    values = [*islice(_batches(_distributions(_RATE)["heavy-tailed"]), _RATE // _BATCH)]
    ours = [_percent_of_a_core(_record_all, values) for _ in range(rounds)]
    title = f"recording {_RATE:,} values a second, of one core"
    rows = [limited(title, ours, "%", _MOST_OF_A_CORE)]
    if importlib.util.find_spec(_LIBRARY) is not None:
        library = importlib.import_module(_LIBRARY)
        theirs = [_percent_of_a_core(_add_all, values, library) for _ in range(rounds)]
        target = Target(1.0, at_most=True)
        rows.append(
            Row(
                name=title,
                unit="%",
                values=ours,
                beside=_LIBRARY,
                references=theirs,
                target=target,
            )
        )
    return rows


def _percent_of_a_core(work: Callable[..., None], *arguments: object) -> float:
    begun = time.process_time()
    work(*arguments)
    return 100 * (time.process_time() - begun)


def _record_all(batches: Sequence[Sequence[float]]) -> None:
    recorder = MetricsRecorder()
    for log_type, batch in zip(cycle(_TYPES), batches, strict=False):
        recorder.record_many(_METRIC, batch, {"type": log_type})
    for second in recorder.take().values():
        for summary in second.summaries.values():
            summary.quantile(0.5)


def _add_all(batches: Sequence[Sequence[float]], library: Any) -> None:  # noqa: ANN401
    sketches = {log_type: library.DDSketch(_MOST_WRONG / 100) for log_type in _TYPES}
    for log_type, batch in zip(cycle(_TYPES), batches, strict=False):
        add = sketches[log_type].add
        for value in batch:
            add(value)
    for sketch in sketches.values():
        sketch.get_quantile_value(0.5)
