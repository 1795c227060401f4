"""The exact latency report: percentiles of an attribute, from the logs themselves."""

import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from waterline.query_text.labels import label_of
from workbench.query.attribute_values import variants_by_name
from workbench.query.attributes import STORED, as_column
from workbench.query.execute import Answer, Logs
from workbench.query.question import Question
from workbench.query.variants import VARIANT, encoded, floats_of, python_values, series
from workbench.reports.coverage import Step
from workbench.reports.latency import Shape, frame_of
from workbench.reports.sketches import Floats, Integers

# Numpy orders integers of 16 bits in a fraction of the time.
_FEW_GROUPS: Final = 2**16


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
        keys = None if by is None else columns[-1] if stored is None else part[stored]
        times = None
        if step is not None:
            times = step.begins(part[question.clock].cast(pa.int64()).to_numpy())
        return _part(floats_of(columns[0]), keys, times)

    wanted = [("attributes", True), (stored, stored), (question.clock, step)]
    columns = tuple(name for name, is_wanted in wanted if name and is_wanted)
    answer = every_log.parts(replace(question, columns=columns, members=tuple(names)), take)
    return Answer(_report(attribute, answer.value, shape), answer.lacks)


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
    keys, times = None, None
    if shape.by is not None:
        texts = records[shape.by] if shape.by in records else [None] * len(records)
        keys = pa.chunked_array([pa.array(texts, pa.string(), from_pandas=True)])
    if step is not None:
        times = step.begins(records["timestamp"].to_numpy("int64"))
    part = _part(records["milliseconds"].to_numpy("float64"), keys, times)
    return _report(metric, [part], shape)


@dataclass(frozen=True, slots=True)
class _Part:
    """Numbers of a part of the logs by step and group, of 8 bytes each."""

    groups: pa.ChunkedArray
    """Texts, or values of `VARIANT`, each once."""
    numbers: Mapping[tuple[int, int], Floats]
    """By begin of a step (0 without steps) and place in `groups` (-1 for logs without a value)."""


def _part(numbers: Floats, keys: pa.ChunkedArray | None, times: Integers | None) -> _Part:
    """Return numbers by step and group.

    Args:
        numbers: NaN is none.
        keys: texts, or values of `VARIANT`; None without groups.
        times: begins of steps; None without steps.
    """
    places, groups = _places(keys, len(numbers))
    of_steps, begins = (np.zeros(1, np.int64),) * 2
    if times is not None:
        of_steps, steps = _encoded(pa.chunked_array([pa.array(times)]))
        begins = steps.to_numpy()
    many = len(groups) + 1
    ids = of_steps * many + places + 1
    is_number = ~np.isnan(numbers)
    if not is_number.all():
        numbers, ids = numbers[is_number], ids[is_number]
    return _Part(
        groups,
        {
            (int(begins[number // many]), number % many - 1): each
            for number, each in _apart(numbers, ids, len(begins) * many)
        },
    )


def _places(keys: pa.ChunkedArray | None, rows: int) -> tuple[Integers, pa.ChunkedArray]:
    if keys is None:
        return np.full(rows, -1), pa.chunked_array([], pa.string())
    return encoded(keys) if keys.type == VARIANT else _encoded(keys)


def _encoded(column: pa.ChunkedArray) -> tuple[Integers, pa.ChunkedArray]:
    """Return a place for each value among the different ones, -1 for null, and those."""
    whole = column.dictionary_encode().combine_chunks()
    places = whole.indices.fill_null(-1).to_numpy().astype(np.int64)
    return places, pa.chunked_array([whole.dictionary])


def _apart(numbers: Floats, ids: Integers, most: int) -> Iterator[tuple[int, Floats]]:
    """Yield the numbers of each id; ids are below `most`."""
    order = np.argsort(ids.astype(np.uint16) if most <= _FEW_GROUPS else ids, kind="stable")
    numbers, ids = numbers[order], ids[order]
    ends = np.flatnonzero(np.diff(ids, append=-1)) + 1
    for start, end in zip([0, *ends], ends, strict=False):
        yield int(ids[start]), numbers[start:end]


def _report(metric: str, parts: Sequence[_Part], shape: Shape) -> pd.DataFrame:
    ranks, labels = pd.factorize(_keyed([each.groups for each in parts]), sort=True)
    found: defaultdict[tuple[int, int], list[Floats]] = defaultdict(list)
    known = 0
    for part in parts:
        for (begin, place), numbers in part.numbers.items():
            rank = -1 if place < 0 else int(ranks[known + place])
            # Logs without a value are the last group.
            found[begin, len(labels) if rank < 0 else rank].append(numbers)
        known += len(part.groups)
    keys = sorted(found)
    # What is put together is let go of.
    rows = [_describe(np.concatenate(found.pop(key)), shape) for key in keys]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in shape.figures}
    columns["metric"] = [metric] * len(rows)
    if shape.has_time:
        columns["time"] = pa.array([begin for begin, _ in keys], pa.int64())
    if shape.by is not None:
        names = [*labels, pd.NA]
        columns[shape.by] = pd.Series([names[rank] for _, rank in keys], dtype="str")
    return frame_of(columns, shape)


def _describe(numbers: Floats, shape: Shape) -> dict[str, float]:
    """Return the figures of numbers, at least one, which are then in order."""
    # In order, so that the mean is rounded alike wherever the logs lie.
    numbers.sort()
    scale = _scale(numbers)
    mean = numbers.mean() if scale == 1 else (numbers / scale).mean() * scale
    # As `numpy.quantile` with the method `inverted_cdf`, which would order them again.
    ranks = np.ceil(len(numbers) * np.array(shape.shares) - 1).astype(np.int64)
    quantiles = numbers[np.maximum(ranks, 0)]
    return {
        "count": len(numbers),
        "mean": float(mean),
        "min": float(numbers[0]),
        "max": float(numbers[-1]),
        **dict(zip(shape.figures[3:-2], quantiles.tolist(), strict=True)),
        "relative_error": 0.0,
    }


def _keyed(parts: list[pa.ChunkedArray]) -> "pd.Series[Any]":
    """Return the groups of all parts as one column whose values have an order."""
    whole = pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)
    index = pd.RangeIndex(len(whole))
    if whole.type != VARIANT:
        texts: pd.Series[Any] = whole.to_pandas()
        return texts
    column = series(whole, index)
    if column is None:
        column = as_column(python_values(whole), index)
    # Mixed and nested values have no order, and 1 equals True.
    return column.map(label_of, na_action="ignore") if column.dtype == "object" else column


def _scale(numbers: Floats) -> float:
    """Return a power of two by which to divide numbers so that their sum fits a float."""
    exponent = math.frexp(np.abs(numbers).max())[1] + len(numbers).bit_length()
    return 2.0 ** max(0, exponent - sys.float_info.max_exp)
