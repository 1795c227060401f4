"""The exact latency report: percentiles of an attribute, from the logs themselves."""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from waterline.query_text.labels import label_of
from workbench.query.attribute_values import variants_by_name
from workbench.query.attributes import STORED, as_column
from workbench.query.execute import Answer, Logs
from workbench.query.question import Question
from workbench.query.variants import VARIANT, floats_of, only_texts, python_values, series
from workbench.reports.coverage import Step
from workbench.reports.latency import Shape, frame_of
from workbench.reports.sketches import Floats, Integers


def exact_latency(
    every_log: Logs,
    question: Question,
    attribute: str,
    by: str | None,
    shape: Shape,
    step: Step | None,
) -> Answer[pd.DataFrame]:
    """Report exact percentiles of an attribute; values that are no numbers are ignored.

    Args:
        every_log: the logs of a folder.
        question: what is asked; steps are of its clock.
        attribute: name of the attribute.
        by: a stored column or an attribute to group by.
        shape: columns of the report, with the name of that of `by`.
        step: step of the report, or None.

    Returns:
        A row a step and value of `by` with a number. Percentiles are those of `numpy.quantile`
        with the method `inverted_cdf`.

    Raises:
        IncompleteAnswer: archive files are missing or damaged; the sentence names them.
    """
    stored = by if by in STORED else None
    names = [attribute] if by is None or stored else [*dict.fromkeys((attribute, by))]

    def take(part: pa.Table) -> _Part:
        columns = variants_by_name(part["attributes"], names)
        keys = columns[-1] if stored is None else part[stored]
        times = np.zeros(0, np.int64)
        if step is not None:
            times = step.begins(part[question.clock].cast(pa.int64()).to_numpy())
        return _Part(floats_of(columns[0]), keys, times)

    wanted = [("attributes", True), (stored, stored), (question.clock, step)]
    columns = tuple(name for name, is_wanted in wanted if name and is_wanted)
    answer = every_log.parts(replace(question, columns=columns, members=tuple(names)), take)
    parts = answer.value
    found = pd.Series(np.concatenate([part.numbers for part in parts]))
    times = None if step is None else np.concatenate([part.times for part in parts])
    groups = None if by is None else _keyed([part.keys for part in parts], found.index)
    return Answer(_report(attribute, found, times, groups, shape), answer.lacks)


def recorded_latency(
    metric: str, records: pd.DataFrame, question: Question, shape: Shape, step: Step | None
) -> pd.DataFrame:
    """Report exact percentiles of what the workbench recorded of itself.

    Args:
        metric: name of the metric.
        records: columns timestamp (milliseconds UTC), milliseconds and, to group by, the one that
            `shape` names.
        question: range of time.
        shape: columns of the report.
        step: step of the report, or None.
    """
    if question.since is not None:
        records = records[records["timestamp"] >= question.since]
    if question.until is not None:
        records = records[records["timestamp"] < question.until]
    records = records.reset_index(drop=True)
    times = None if step is None else step.begins(records["timestamp"].to_numpy("int64"))
    groups: pd.Series[Any] | None = None
    if shape.by is not None:
        groups = pd.Series(pd.NA, records.index) if shape.by not in records else records[shape.by]
    return _report(metric, records["milliseconds"].astype("float64"), times, groups, shape)


def _report(
    metric: str,
    numbers: "pd.Series[Any]",
    times: Integers | None,
    groups: "pd.Series[Any] | None",
    shape: Shape,
) -> pd.DataFrame:
    """Report numbers by step and group; missing ones are ignored."""
    keys = [*([] if times is None else [pd.Series(times)]), *([] if groups is None else [groups])]
    apart: Iterable[tuple[Any, pd.Series[Any]]] = [((), numbers)]
    if keys:
        apart = numbers.groupby(keys, dropna=False, observed=True, sort=True)
    rows = []
    for key, group in apart:
        # Sorted, so that the mean is rounded alike wherever the logs lie.
        ordered = np.sort(group.dropna().to_numpy())
        if len(ordered):
            rows.append((key, _describe(ordered, shape)))
    columns: dict[str, Any] = {
        name: [figures[name] for _, figures in rows] for name in shape.figures
    }
    columns["metric"] = [metric] * len(rows)
    if times is not None:
        columns["time"] = pa.array([key[0] for key, _ in rows], pa.int64())
    if groups is not None:
        columns[str(shape.by)] = pd.Series([key[-1] for key, _ in rows], dtype="str")
    return frame_of(columns, shape)


def _describe(numbers: Floats, shape: Shape) -> dict[str, float]:
    """Return the figures of sorted numbers, at least one."""
    scale = _scale(numbers)
    quantiles = np.quantile(numbers, shape.shares, method="inverted_cdf")
    return {
        "count": len(numbers),
        "mean": float((numbers / scale).mean() * scale),
        "min": float(numbers[0]),
        "max": float(numbers[-1]),
        **dict(zip(shape.figures[3:-2], quantiles.tolist(), strict=True)),
        "relative_error": 0.0,
    }


@dataclass(frozen=True, slots=True)
class _Part:
    """Values, groups and steps of a part of the logs."""

    numbers: Floats
    keys: pa.ChunkedArray
    """Texts, or values of `VARIANT`."""
    times: Integers
    """Begins of steps; empty without steps."""


def _keyed(parts: list[pa.ChunkedArray], index: "pd.Index[Any]") -> "pd.Series[Any]":
    """Return the keys of all parts as one column."""
    whole = pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)
    texts = only_texts(whole) if whole.type == VARIANT else whole
    if texts is not None:
        return _categories(texts)
    column = series(whole, index)
    return _groupable(as_column(python_values(whole), index)) if column is None else column


def _categories(texts: pa.ChunkedArray) -> "pd.Series[Any]":
    """Return texts as categories in their order: they are grouped in a tenth of the time."""
    column: pd.Series[Any] = texts.dictionary_encode().unify_dictionaries().to_pandas()
    return column.cat.reorder_categories(sorted(column.cat.categories))


def _groupable(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return mixed and nested values as text, as they have no order, and 1 equals True."""
    return column.map(label_of, na_action="ignore") if column.dtype == "object" else column


def _scale(numbers: Floats) -> float:
    """Return a power of two by which to divide numbers so that their sum fits a float."""
    exponent = math.frexp(np.abs(numbers).max())[1] + len(numbers).bit_length()
    return 2.0 ** max(0, exponent - sys.float_info.max_exp)
