"""The throughput report: how many logs came in each step of time, by type."""

from collections import Counter
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Integer, cast, func, literal

from server.errors import UsageError
from server.store.tables import logs
from server.units import parse_duration
from workbench.asking.archived import Catalog
from workbench.asking.batches import Batches
from workbench.asking.pruned import lacking
from workbench.asking.query import Answer, Logs, hot_rows
from workbench.asking.question import Question
from workbench.asking.reading import View

Clock = Literal["received_at", "timestamp"]
# More would be a mistake in `every` rather than a report.
MAX_ROWS: Final = 2_000_000

_Counts = Counter[tuple[int, str]]
"""Logs by the begin of a step, milliseconds UTC, and type."""


def throughput(
    every_log: Logs, question: Question, every: str, clock: Clock
) -> Answer[pd.DataFrame]:
    """Count logs by step and type; a step without any has 0.

    Returns:
        Columns time (the step's begin, `datetime64[ms, UTC]`), type (`str`), logs (`int64`) and
        logs_per_second (`float64`), ordered by time and type.

    Raises:
        UsageError: `every` is no duration, or so short that the report would have no end.
        ArchiveError: an archive file is missing or damaged; the sentence names it.
    """
    step = _step(every)
    if clock not in ("received_at", "timestamp"):
        raise UsageError(f"clock={clock!r} is unknown; give 'received_at' or 'timestamp'")

    question = replace(question, columns=("type", clock))

    def whole(counts: _Counts, catalog: Catalog, batches: Batches) -> Answer[_Counts]:
        for batch in catalog.kept:
            counts.update(_count(batches.chosen(batch), step, clock))
        return Answer(counts, lacking(catalog.pruned, question))

    counted = every_log.ask(
        question, lambda view, catalog: _count_hot(view, catalog, question, step, clock), whole
    )
    return Answer(_report(counted.value, every, step), counted.lacks)


def _count_hot(
    view: View, catalog: Catalog, question: Question, step: int, clock: Clock
) -> _Counts:
    moment = logs.c[clock]
    # SQLite divides towards zero; before 1970 that would join two steps into one.
    rest = (moment % literal(step) + literal(step)) % literal(step)
    begin: Any = cast(moment - rest, Integer)
    counted = hot_rows(catalog, question, [begin, logs.c.type, func.count()])
    rows = view.rows(counted.group_by(begin, logs.c.type))
    return Counter({(time, log_type): count for time, log_type, count in rows})


def _count(table: pa.Table, step: int, clock: Clock) -> _Counts:
    begin = table[clock].cast(pa.int64()).to_numpy() // np.int64(step) * np.int64(step)
    places = pa.table({"time": begin, "type": table["type"]})
    counted = places.group_by(["time", "type"]).aggregate([([], "count_all")])
    columns = [counted[name].to_pylist() for name in ("time", "type", "count_all")]
    return Counter({(time, each): count for time, each, count in zip(*columns, strict=True)})


def _report(counts: _Counts, every: str, step: int) -> pd.DataFrame:
    times: list[Any] = [time for time, _ in counts]
    types = sorted({log_type for _, log_type in counts})
    steps = (max(times) - min(times)) // step + 1 if counts else 0
    if steps * len(types) > MAX_ROWS:
        raise UsageError(
            f"every={every!r} gives {steps} steps for {len(types)} types; choose a longer step, "
            "or a shorter range with since and until"
        )
    grid = [(min(times) + number * step, each) for number in range(steps) for each in types]
    amounts = pd.Series([counts[place] for place in grid], dtype="int64")
    return pd.DataFrame(
        {
            "time": pd.Series([time for time, _ in grid], dtype="datetime64[ms]").dt.tz_localize(
                "UTC"
            ),
            "type": pd.Series([each for _, each in grid], dtype="str"),
            "logs": amounts,
            "logs_per_second": (amounts / (step / 1000)).astype("float64"),
        }
    )


def _step(every: object) -> int:
    if not isinstance(every, str):
        raise UsageError(f"every={every!r} is no text; give a number and a unit, such as '5min'")
    try:
        step = parse_duration(every)
    except ValueError as error:
        raise UsageError(f"every={error}") from error
    if step < 1:
        raise UsageError(f"every={every!r} is no step; the shortest is '1ms'")
    return step
