"""The exact throughput report: logs counted themselves, hot and archived."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Integer, cast, func, literal

from waterline.storage.catalog import Clock
from waterline.storage.tables import logs
from workbench.query.archived import Catalog
from workbench.query.database import View
from workbench.query.execute import Answer, LogReader
from workbench.query.hot import hot_rows, matching_hot_rows
from workbench.query.question import Question, what_sql_leaves
from workbench.reports.coverage import Step
from workbench.reports.throughput import Amounts, By, report

_Counts = Counter[tuple[int, str]]
"""Number of logs by begin of a step (milliseconds UTC) and type or source."""


def exact_throughput(
    every_log: LogReader, question: Question, step: Step, by: By | None
) -> Answer[pd.DataFrame]:
    """Count logs by step of the question's clock.

    Args:
        every_log: the logs.
        question: what is asked.
        step: the step.
        by: `type`, `source` or None.

    Returns:
        See `workbench.reports.throughput.report`; it has no bytes.

    Raises:
        UsageError: the report would be too long.
        IncompleteAnswer: archive files are missing or damaged; the sentence names them.
    """
    label = "type" if by is None else by
    question = replace(question, columns=(label, question.clock), order=None)
    counted = every_log.sum(
        question,
        _TakeCounts(step, question.clock, label),
        _added,
        of_hot=lambda view, catalog: _count_hot(view, catalog, question, step, label),
    )
    return Answer(report(_amounts(counted.value), step, by), counted.lacks)


def _count_hot(view: View, catalog: Catalog, question: Question, step: Step, label: By) -> _Counts:
    if what_sql_leaves(question.filters) is not None:
        matching = matching_hot_rows(view, catalog, question)
        return _TakeCounts(step, question.clock, label)(matching)
    moment, length = logs.c[question.clock], literal(step.length)
    # SQLite divides towards zero, which would join two steps around 1970 into one.
    begin: Any = cast(moment - (moment % length + length) % length, Integer)
    counted = hot_rows(catalog, question, [begin, logs.c[label], func.count()])
    rows = view.rows(counted.group_by(begin, logs.c[label]))
    return Counter({(time, name): count for time, name, count in rows})


@dataclass(frozen=True, slots=True)
class _TakeCounts:
    """Takes the numbers of logs."""

    step: Step
    clock: Clock
    label: By

    def __call__(self, table: pa.Table) -> _Counts:
        """Return the numbers."""
        begins = self.step.begins(table[self.clock].cast(pa.int64()).to_numpy())
        places = pa.table({"time": begins, "label": table[self.label]})
        # Other threads of Arrow would release `begins`, which Python owns: see archive.parquet.
        counted = places.group_by(["time", "label"], use_threads=False).aggregate(
            [([], "count_all")]
        )
        columns = [counted[name].to_pylist() for name in ("time", "label", "count_all")]
        return Counter({(time, each): count for time, each, count in zip(*columns, strict=True)})


def _added(whole: _Counts, part: _Counts) -> _Counts:
    whole.update(part)
    return whole


def _amounts(counts: _Counts) -> Amounts:
    labels = sorted({label for _, label in counts})
    places = {label: place for place, label in enumerate(labels)}
    return Amounts(
        np.array([time for time, _ in counts], np.int64),
        np.array([places[label] for _, label in counts], np.int64),
        labels,
        np.array([*counts.values()], np.int64),
    )
