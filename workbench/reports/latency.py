"""The latency report: percentiles of ack latency, or of any numeric attribute."""

import math
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from types import NoneType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sqlalchemy import Select, select

from server.errors import UsageError
from server.monitor.performance import Summary
from server.monitor.sketch import RELATIVE_ERROR, Sketch
from server.store.tables import rollups
from workbench.asking.query import Answer, Logs
from workbench.asking.question import Question
from workbench.asking.reading import View
from workbench.reports.attributes import STORED, as_column, values_of

ACK_LATENCY: Final = "ack_latency"
COLUMNS: Final = {
    "count": "int64",
    "mean": "float64",
    "min": "float64",
    "p50": "float64",
    "p95": "float64",
    "p99": "float64",
    "max": "float64",
    "relative_error": "float64",
}
PERCENTILES: Final = (50, 95, 99)


def measured_latency(
    view: View | None, metric: str, since: int | None, until: int | None
) -> pd.DataFrame:
    """Report what the server measured, from metrics.db; no rows where nothing was.

    Returns:
        One row with the columns metric and COLUMNS, in the metric's unit (milliseconds). The
        percentiles are known within `relative_error`.
    """
    total = Summary()
    for count, value_sum, least, most, sketch in (
        [] if view is None else view.rows(_rollups(metric, since, until))
    ):
        total.merge(Summary(count, value_sum, least, most, Sketch.from_bytes(sketch)))
    if not total.count:
        return _frame([], ["metric"])
    row = {
        "metric": metric,
        "count": total.count,
        "mean": total.sum / total.count,
        "min": total.min,
        "max": total.max,
        **{f"p{q}": total.quantile(q / 100) for q in PERCENTILES},
        "relative_error": RELATIVE_ERROR,
    }
    return _frame([row], ["metric"])


def attribute_latency(
    every_log: Logs, question: Question, attribute: str, by: str | None
) -> Answer[pd.DataFrame]:
    """Report a numeric attribute of logs, exactly; values that are no numbers do not count.

    Args:
        every_log: the logs of a folder.
        question: which of them.
        attribute: the attribute.
        by: a stored column or an attribute to group by.

    Returns:
        A row (for each value of `by`) with the columns metric, `by` (`attributes.NAME` where that
        is the name of another) and COLUMNS; percentiles as `numpy.quantile` gives them.

    Raises:
        UsageError: `attribute` or `by` is no name.
        IncompleteAnswer: archive files are missing or damaged; the sentence names them.
    """
    for argument, name in (("attribute", attribute), ("by", by)):
        if not isinstance(name, str | None):
            raise UsageError(f"{argument}={name!r} is no name; give it as text")
    stored = by if by in STORED else None
    names = [attribute] if by is None or stored else [*dict.fromkeys((attribute, by))]

    def take(part: pa.Table) -> _Part:
        values = values_of(part["attributes"], names)
        return _Part(_numbers(values[0]), values[-1] if stored is None else part[stored])

    columns = ("attributes",) if stored is None else ("attributes", stored)
    answer = every_log.parts(replace(question, columns=columns), take)
    column = pd.Series(np.concatenate([part.numbers for part in answer.value]))
    groups: Iterable[tuple[Any, pd.Series[Any]]]
    if by is None:
        keys, groups = ["metric"], [(None, column)]
    else:
        keys = ["metric", f"attributes.{by}" if by in ("metric", *COLUMNS) else by]
        keyed = _keyed([part.keys for part in answer.value], column.index)
        groups = column.groupby(keyed, dropna=False, sort=True)
    rows = []
    for value, group in groups:
        # In order, so that the mean is rounded the same wherever the logs lie.
        numbers = np.sort(group.dropna().to_numpy())
        if len(numbers):
            rows.append({keys[-1]: value, "metric": attribute, **_describe(numbers)})
    return Answer(_frame(rows, keys), answer.lacks)


@dataclass(frozen=True, slots=True)
class _Part:
    """What a part of the logs has of the attribute, and of what it is grouped by."""

    numbers: npt.NDArray[np.float64]
    keys: list[Any] | pa.ChunkedArray


def _keyed(parts: list[list[Any] | pa.ChunkedArray], index: "pd.Index[Any]") -> "pd.Series[Any]":
    """Return the keys of all parts as one column."""
    if isinstance(parts[0], list):
        return _groupable(as_column([*chain.from_iterable(parts)], index))
    chunks = [chunk for part in parts for chunk in part.chunks]  # type: ignore[union-attr] # all are alike
    keys: pd.Series[Any] = pa.chunked_array(chunks, parts[0].type).to_pandas()
    return keys


def _groupable(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return mixed and nested values as text: they have no order, and 1 would be true."""
    return column.map(_as_text, na_action="ignore") if column.dtype == "object" else column


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _numbers(values: Sequence[object]) -> npt.NDArray[np.float64]:
    """Return values as floats, NaN where one is no number or one that no float can hold."""
    if {*map(type, values)} <= {int, float, NoneType}:
        with suppress(OverflowError):  # an integer that no float can hold
            return np.array(values, dtype="float64")
    return np.array([_number(each) for each in values], dtype="float64")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _describe(numbers: npt.NDArray[np.float64]) -> dict[str, float]:
    scale = _scale(numbers)
    scaled = numbers / scale
    quantiles = np.quantile(scaled, [q / 100 for q in PERCENTILES]) * scale
    return {
        "count": len(numbers),
        "mean": float(scaled.mean() * scale),
        "min": float(numbers.min()),
        "max": float(numbers.max()),
        **{f"p{q}": float(value) for q, value in zip(PERCENTILES, quantiles, strict=True)},
        "relative_error": 0.0,
    }


def _scale(numbers: npt.NDArray[np.float64]) -> float:
    """Return a power of two, 1 unless the sum of numbers could be more than a float holds."""
    exponent = math.frexp(np.abs(numbers).max())[1] + len(numbers).bit_length()
    return 2.0 ** max(0, exponent - sys.float_info.max_exp)


def _frame(rows: list[dict[str, Any]], keys: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[*keys, *COLUMNS])
    return frame.astype({**COLUMNS, **dict.fromkeys(keys, "str")})


def _rollups(metric: str, since: int | None, until: int | None) -> Select[Any]:
    columns = rollups.c
    chosen = select(
        columns["count"], columns["sum"], columns["min"], columns["max"], columns.sketch
    )
    chosen = chosen.where(columns.metric == metric)
    if since is not None:
        chosen = chosen.where(columns.second >= since)
    if until is not None:
        chosen = chosen.where(columns.second < until)
    return chosen
