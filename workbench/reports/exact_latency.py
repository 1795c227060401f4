"""The exact latency report: percentiles of an attribute, from the logs themselves."""

import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from waterline.query_text.labels import label_of
from waterline.storage.catalog import Clock
from workbench.query.attribute_values import encoded_by_name, variants_by_name
from workbench.query.attributes import STORED, as_column
from workbench.query.execute import Answer, LogReader
from workbench.query.question import Question
from workbench.query.variants import VARIANT, floats_of, python_values, series
from workbench.reports.coverage import Step
from workbench.reports.latency import Shape, frame_of
from workbench.reports.sketches import Floats, Integers

# Numpy orders integers of 16 bits in a fraction of the time.
_FEW_GROUPS: Final = 2**16
# An array of more numbers, 32 MiB, grows in place; of its size, this part is for those to come.
_MANY: Final = 2**22
_SPARE: Final = 8
# Logs whose numbers are split up at a time.
_SLICE: Final = 50_000


def exact_latency(
    every_log: LogReader,
    question: Question,
    attribute: str,
    by: str | None,
    shape: Shape,
    step: Step | None,
) -> Answer[pd.DataFrame]:
    """Report exact percentiles of an attribute; values that are no numbers are ignored.

    Args:
        every_log: the logs.
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

    wanted = [("attributes", True), (stored, stored), (question.clock, step)]
    columns = tuple(name for name, is_wanted in wanted if name and is_wanted)
    take = _TakeNumbers(attribute, by, step, question.clock)
    answer = every_log.sum(
        replace(question, columns=columns, members=tuple(names)), take, _Numbers.add
    )
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
        keys = _encoded(pa.chunked_array([pa.array(texts, pa.string(), from_pandas=True)]))
    if step is not None:
        times = step.begins(records["timestamp"].to_numpy("int64"))
    part = _part(records["milliseconds"].to_numpy("float64"), keys, times)
    return _report(metric, part, shape)


_Keys = tuple[Integers, pa.ChunkedArray]
"""A place for each log among the different groups (-1 for no value), and those."""
_Label = tuple[str, object] | str | None
"""What a group is of: a text, a value with its kind, or no value."""


class _Growing:
    """Numbers that more are added to, held once while there are many.

    Attributes:
        parts: those that are still apart.
    """

    def __init__(self) -> None:
        self.parts: list[Floats] = []
        self._whole = np.empty(0)
        self._filled = 0

    def add(self, other: "_Growing") -> None:
        """Add the numbers of another, which are few."""
        self.parts += other.parts
        if self._filled or sum(map(len, self.parts)) > _MANY:
            self.all()

    def all(self) -> Floats:
        """Return all numbers as one array."""
        filled = self._filled + sum(map(len, self.parts))
        if filled > len(self._whole):
            self._whole.resize(filled + (filled // _SPARE if filled > _MANY else 0), refcheck=False)
        while self.parts:
            part = self.parts.pop()
            self._whole[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
        return self._whole[:filled]


class _Numbers:
    """Numbers by begin of a step (0 without steps) and group, of 8 bytes each."""

    def __init__(self) -> None:
        self.groups: defaultdict[tuple[int, _Label], _Growing] = defaultdict(_Growing)

    def add(self, other: "_Numbers") -> "_Numbers":
        while other.groups:
            key, numbers = other.groups.popitem()
            self.groups[key].add(numbers)
        return self


@dataclass(frozen=True, slots=True)
class _TakeNumbers:
    """Takes the numbers of logs."""

    attribute: str
    by: str | None
    step: Step | None
    clock: Clock

    def __call__(self, part: pa.Table) -> _Numbers:
        """Return the numbers."""
        slices = [part.slice(start, _SLICE) for start in range(0, part.num_rows, _SLICE)]
        found = reduce(_Numbers.add, map(self._of_slice, slices), _Numbers())
        # What Arrow keeps for later would add up beside the numbers, a tenth of all memory.
        pa.default_memory_pool().release_unused()
        return found

    def _of_slice(self, part: pa.Table) -> _Numbers:
        (values,) = variants_by_name(part["attributes"], [self.attribute])
        keys = None
        if self.by in STORED:
            keys = _encoded(part[self.by])
        elif self.by is not None:
            keys = encoded_by_name(part["attributes"], self.by)
        times = None
        if self.step is not None:
            times = self.step.begins(part[self.clock].cast(pa.int64()).to_numpy())
        return _part(floats_of(values), keys, times)


def _part(numbers: Floats, keys: _Keys | None, times: Integers | None) -> _Numbers:
    """Return numbers by step and group.

    Args:
        numbers: NaN is none.
        keys: the groups; None without groups.
        times: begins of steps; None without steps.
    """
    is_number = ~np.isnan(numbers)
    labels: list[_Label] = [None]
    ids, begins = np.zeros(1, np.int64), np.zeros(1, np.int64)
    if keys is not None:
        places, different = keys
        labels += map(_label, different.to_pylist())
        ids = places[is_number] + 1
    many = len(labels)
    if times is not None:
        of_steps, steps = _encoded(pa.chunked_array([pa.array(times[is_number])]))
        begins = steps.to_numpy()
        ids = of_steps * many + ids
    found, numbers = _Numbers(), numbers[is_number]
    for number, each in _apart(numbers, ids, len(begins) * many):
        found.groups[int(begins[number // many]), labels[number % many]].parts.append(each)
    return found


def _label(value: Mapping[str, object] | str) -> _Label:
    if isinstance(value, str):
        return value
    kind, each = next(each for each in value.items() if each[1] is not None)
    # 0.0 and -0.0 are one group.
    return kind, each + 0.0 if isinstance(each, float) else each


def _encoded(column: pa.ChunkedArray) -> tuple[Integers, pa.ChunkedArray]:
    """Return a place for each value among the different ones, -1 for null, and those."""
    whole = column.dictionary_encode().combine_chunks()
    places = whole.indices.fill_null(-1).to_numpy().astype(np.int64)
    return places, pa.chunked_array([whole.dictionary])


def _apart(numbers: Floats, ids: Integers, most: int) -> Iterator[tuple[int, Floats]]:
    """Yield the numbers of each id; ids are below `most`."""
    if most == 1 or not len(numbers):
        yield from [(0, numbers)] * bool(len(numbers))
        return
    order = np.argsort(ids.astype(np.uint16) if most <= _FEW_GROUPS else ids, kind="stable")
    ids = ids[order]
    ends = np.flatnonzero(np.diff(ids, append=-1)) + 1
    for start, end in zip([0, *ends], ends, strict=False):
        yield int(ids[start]), numbers[order[start:end]]


def _report(metric: str, found: _Numbers, shape: Shape) -> pd.DataFrame:
    labels = [*dict.fromkeys(label for _, label in found.groups if label is not None)]
    ranks, names = pd.factorize(_keyed(labels), sort=True)
    # Logs without a value are the last group.
    rank_of: dict[_Label, int] = {None: len(names), **dict(zip(labels, ranks, strict=True))}
    merged: dict[tuple[int, int], _Growing] = {}
    while found.groups:
        (begin, label), numbers = found.groups.popitem()
        place = begin, rank_of[label]
        if place in merged:
            merged[place].parts.append(numbers.all())
        else:
            merged[place] = numbers
    keys = sorted(merged)
    rows = [_describe(merged.pop(key).all(), shape) for key in keys]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in shape.figures}
    columns["metric"] = [metric] * len(rows)
    if shape.has_time:
        columns["time"] = pa.array([begin for begin, _ in keys], pa.int64())
    if shape.by is not None:
        told = [*names, pd.NA]
        columns[shape.by] = pd.Series([told[rank] for _, rank in keys], dtype="str")
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


def _keyed(labels: Sequence[_Label]) -> "pd.Series[Any]":
    """Return groups as one column whose values have an order."""
    if not labels or isinstance(labels[0], str):
        return pd.Series(labels, dtype="str")
    values = pa.chunked_array([pa.array([{each[0]: each[1]} for each in labels if each], VARIANT)])
    index = pd.RangeIndex(len(labels))
    column = series(values, index)
    if column is None:
        column = as_column(python_values(values), index)
    # Mixed and nested values have no order, and 1 equals True.
    return column.map(label_of, na_action="ignore") if column.dtype == "object" else column


def _scale(numbers: Floats) -> float:
    """Return a power of two by which to divide sorted numbers so that their sum fits a float."""
    largest = max(abs(numbers[0]), abs(numbers[-1]))
    exponent = math.frexp(largest)[1] + len(numbers).bit_length()
    return 2.0 ** max(0, exponent - sys.float_info.max_exp)
