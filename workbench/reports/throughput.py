"""The throughput report: logs per step of time, by type or source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from waterline.archive.columns import MOMENT
from waterline.errors import UsageError
from waterline.metrics.registry import BYTES_RECEIVED, LOGS_STORED, SOURCE, TYPE
from waterline.metrics.spans import SECOND
from workbench.frames import to_frame
from workbench.query.question import Question
from workbench.reports.coverage import Coverage, Step, chosen, coverage_of
from workbench.reports.rollups import Extent, Rollups
from workbench.reports.sketches import Integers

By = Literal["type", "source"]
_BY: Final = (TYPE, SOURCE, None)


def check_by(by: object) -> None:
    """Refuse what logs are not counted by.

    Raises:
        UsageError: `by` is not `type`, `source` or None.
    """
    if by not in _BY:
        raise UsageError(f"by={by!r} is unknown; give 'type', 'source' or None")


def measured_throughput(
    measured: Rollups, progress: Extent, question: Question, step: Step, by: By | None
) -> tuple[pd.DataFrame, Coverage]:
    """Report the server's counts of logs by step.

    Args:
        measured: one moment of metrics.db.
        progress: extent of the measurements.
        question: types or sources, and a range of `received_at`.
        step: the step.
        by: `type`, `source` or None.

    Returns:
        See `report`; and the coverage of the report.

    Raises:
        UsageError: this is not measured; the sentence says what to do.
        DataFolderError: metrics.db cannot be read.
    """
    wanted = {TYPE: question.filters.types, SOURCE: question.filters.sources}
    dimensions = [name for name in (TYPE, SOURCE) if name == by or wanted[name] is not None]
    if len(dimensions) > 1:
        raise UsageError(
            "logs are counted by type and by source, not by both at once; exact=True counts them so"
        )
    dimension = dimensions[0] if dimensions else TYPE
    within = coverage_of(measured, progress, question.since, question.until, step)
    logs, sizes = (
        _amounts(measured, chosen(measured, metric, dimension, wanted[dimension]), within, step)
        for metric in (LOGS_STORED, BYTES_RECEIVED)
    )
    return report(logs, step, by, sizes), within


@dataclass(frozen=True, slots=True)
class Amounts:
    """Amounts by step and label; equal steps and labels are summed up."""

    begins: Integers
    """Begin of the step of each, milliseconds UTC."""
    places: Integers
    """Index into `labels` of each."""
    labels: Sequence[str]
    amounts: Integers


def report(logs: Amounts, step: Step, by: By | None, sizes: Amounts | None = None) -> pd.DataFrame:
    """Return the report; a step without logs has 0.

    Args:
        logs: numbers of logs.
        step: the step.
        by: column of the labels; None ignores them.
        sizes: bytes, if known.

    Returns:
        Columns time (the step's begin, `datetime64[us, UTC]`), `by` where given (`str`), logs
        (`int64`), logs_per_second (`float64`) and, where known, bytes (`int64`), ordered by time
        and `by`, from the first step with a log to the last.

    Raises:
        UsageError: the report would be too long.
    """
    labels = [""] if by is None else sorted({logs.labels[each] for each in np.unique(logs.places)})
    first, last = (int(logs.begins.min()), int(logs.begins.max())) if len(logs.begins) else (0, -1)
    steps = (last - first) // step.length + 1 if len(logs.begins) else 0
    step.check(steps, len(labels), "labels" if by is None else f"{by}s")
    times = first + np.arange(steps, dtype=np.int64) * step.length

    def summed(amounts: Amounts) -> Integers:
        known = {label: place for place, label in enumerate(labels)}
        of_label = [0 if by is None else known[each] for each in amounts.labels]
        rows = (amounts.begins - first) // step.length
        places = rows * len(labels) + np.array(of_label, np.int64)[amounts.places]
        # Sums are floats, exact up to 2^53.
        size = steps * len(labels)
        return np.bincount(places, amounts.amounts, size).astype(np.int64)

    counts = summed(logs)
    columns = {
        "time": pa.array(np.repeat(times, len(labels))).cast(MOMENT),
        "logs": pa.array(counts),
        "logs_per_second": pa.array(counts / (step.length / 1000)),
    }
    if sizes is not None:
        columns["bytes"] = pa.array(summed(sizes))
    if by is not None:
        columns[by] = pa.array(labels * steps, pa.string())
    order = ["time", *([] if by is None else [by]), "logs", "logs_per_second", "bytes"]
    return to_frame(pa.table({name: columns[name] for name in order if name in columns}))


def empty_report(by: By | None) -> pd.DataFrame:
    """Return the report of no logs."""
    none = np.zeros(0, np.int64)
    nothing = Amounts(none, none, (), none)
    return report(nothing, Step("1s", SECOND), by, nothing)


def _amounts(measured: Rollups, labels: dict[int, str], within: Coverage, step: Step) -> Amounts:
    rows = measured.counted(labels, within.spans)
    ids, places = np.unique(rows.series, return_inverse=True)
    names = [labels[each] for each in ids.tolist()]
    return Amounts(step.begins(rows.begins), places, names, rows.sums.astype(np.int64))
