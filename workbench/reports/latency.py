"""The latency report: percentiles of the server's measurements, with counts and error bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from waterline.archive.columns import MOMENT
from waterline.errors import UsageError
from waterline.metrics.registry import BY_NAME, OWN, SOURCE, TYPE, Kind, Unit
from waterline.metrics.sketch import RELATIVE_ERROR
from workbench.frames import to_frame
from workbench.query.question import Question
from workbench.reports.coverage import Coverage, Step, chosen, coverage_of
from workbench.reports.rollups import Extent, Rollups, Values
from workbench.reports.sketches import Integers, read_sketches

PERCENTILES: Final = (50, 95, 99)
DURATIONS: Final = tuple(
    each.name for each in OWN if each.kind is Kind.VALUE and each.unit is Unit.MILLISECONDS
)
"""Metrics of durations that the server measures of itself."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns and percentiles of a report."""

    by: str | None = None
    """Name of the column to group by."""
    has_time: bool = False
    percentiles: tuple[float, ...] = PERCENTILES

    @property
    def shares(self) -> list[float]:
        """Percentiles as fractions of 1."""
        return [each / 100 for each in self.percentiles]

    @property
    def figures(self) -> tuple[str, ...]:
        """Columns of numbers, `int64` the first, `float64` the others."""
        names = [f"p{each:.15g}" for each in self.percentiles]
        return "count", "mean", "min", *names, "max", "relative_error"

    @property
    def schema(self) -> pa.Schema:
        """All columns, in their order."""
        return pa.schema(
            [
                ("metric", pa.string()),
                *([("time", MOMENT)] if self.has_time else []),
                *([] if self.by is None else [(self.by, pa.string())]),
                ("count", pa.int64()),
                *((name, pa.float64()) for name in self.figures[1:]),
            ]
        )


def measured_latency(
    measured: Rollups,
    progress: Extent,
    question: Question,
    metric: str | None,
    shape: Shape,
    step: Step | None,
) -> tuple[pd.DataFrame, Coverage]:
    """Report percentiles of the server's measurements.

    Args:
        measured: one moment of metrics.db.
        progress: extent of the measurements.
        question: types or sources, and a range of `received_at`.
        metric: name of a metric; None is all durations and all measured attributes.
        shape: columns of the report.
        step: step of the report, or None.

    Returns:
        A row a metric, step and label with values; and the coverage of the report.

    Raises:
        UsageError: this is not measured; the sentence says what to do.
        DataFolderError: metrics.db cannot be read, or holds a sketch that is damaged.
    """
    metrics = [metric] if metric is not None else [*DURATIONS, *_attributes(measured)]
    within = coverage_of(measured, progress, question.since, question.until, step)
    reports = []
    for each in metrics:
        dimension = _dimension(measured, each, question, shape.by, is_one=metric is not None)
        wanted = question.filters.sources if dimension == SOURCE else question.filters.types
        labels = chosen(measured, each, dimension, wanted)
        is_apart = shape.by is not None and dimension == shape.by
        values = measured.values(labels, within.spans)
        reports.append(_report(each, values, labels if is_apart else None, shape, step))
    return joined(reports, shape), within


def joined(reports: Sequence[pd.DataFrame], shape: Shape) -> pd.DataFrame:
    """Join reports of the same shape."""
    filled = [each for each in reports if len(each)]
    if not filled:
        return to_frame(shape.schema.empty_table())
    return pd.concat(filled, ignore_index=True)


def check_metric(measured: Rollups, metric: str) -> None:
    """Refuse a metric that is not measured, or has no percentiles.

    Raises:
        UsageError: it is one of these; the sentence says what to do.
    """
    own = BY_NAME.get(metric)
    if own is not None and own.kind is Kind.COUNT:
        raise UsageError(f"{metric} is counted and has no percentiles; throughput has such counts")
    if own is None and not any(each.metric == metric for each in measured.series.values()):
        raise UsageError(
            f"{metric!r} was not measured so far; exact=True computes it from the logs, and the "
            f"server's setting measured_attributes has it measured from then on"
        )


def _attributes(measured: Rollups) -> list[str]:
    return sorted({each.metric for each in measured.series.values() if each.metric not in BY_NAME})


def _dimension(
    measured: Rollups, metric: str, question: Question, by: str | None, *, is_one: bool
) -> str:
    """Return the dimension of a metric to read; empty if it has none."""
    dimensions = measured.dimensions(metric)
    filters = {TYPE: question.filters.types, SOURCE: question.filters.sources}
    wanted = [name for name, values in filters.items() if values is not None]
    for name in [*wanted, *([] if by is None else [by])]:
        if is_one and name not in dimensions:
            raise UsageError(_not_apart(metric, name, dimensions))
    if by is not None and by in dimensions:
        return by
    return dimensions[0] if dimensions else ""


def _not_apart(metric: str, name: str, dimensions: Sequence[str]) -> str:
    apart = f"by {' and '.join(dimensions)}" if dimensions else "as one"
    told = f"{metric} is measured {apart}, not by {name}"
    return told if metric in BY_NAME else f"{told}; exact=True computes it from the logs"


def _report(
    metric: str, values: Values, labels: dict[int, str] | None, shape: Shape, step: Step | None
) -> pd.DataFrame:
    """Report one metric; with `labels` of its series, each label apart."""
    names = [] if labels is None else sorted(labels.values())
    groups = np.zeros(len(values.begins), np.int64)
    if step is not None:
        groups = values.begins // step.length * max(len(names), 1)
    if labels is not None:
        ids, of_id = np.unique(values.series, return_inverse=True)
        places = [names.index(labels[each]) for each in ids.tolist()]
        groups = groups + np.array(places, np.int64)[of_id]
    order = np.argsort(groups, kind="stable")
    found, starts = np.unique(groups[order], return_index=True)
    columns = _figures(values, order, starts, shape)
    columns["metric"] = [metric] * len(found)
    if step is not None:
        columns["time"] = pa.array(found // max(len(names), 1) * step.length).cast(MOMENT)
    if shape.by is not None:
        labelled = [names[each] for each in (found % len(names)).tolist()] if names else None
        columns[shape.by] = labelled or [None] * len(found)
    return frame_of(columns, shape)


def frame_of(columns: Mapping[str, Any], shape: Shape) -> pd.DataFrame:
    """Return a report of columns of values."""
    return to_frame(pa.Table.from_pydict({**columns}, shape.schema))


def _figures(values: Values, order: Integers, starts: Integers, shape: Shape) -> dict[str, Any]:
    """Return the figures of groups of rows, which begin at `starts` in `order`."""
    if not len(starts):
        return dict.fromkeys(shape.figures, ())
    counts = np.add.reduceat(values.counts[order], starts)
    least = np.minimum.reduceat(values.least[order], starts)
    greatest = np.maximum.reduceat(values.greatest[order], starts)
    sizes = np.diff(starts, append=len(order))
    sketches = read_sketches(values.sketches.take(pa.array(order)))
    groups = np.repeat(np.arange(len(starts)), sizes)
    quantiles = sketches.merged_quantiles(groups, len(starts), shape.shares)
    quantiles = np.clip(quantiles, least[:, None], greatest[:, None])
    return {
        "count": counts,
        "mean": np.add.reduceat(values.sums[order], starts) / counts,
        "min": least,
        **{name: quantiles[:, place] for place, name in enumerate(shape.figures[3:-2])},
        "max": greatest,
        "relative_error": np.full(len(starts), RELATIVE_ERROR),
    }
