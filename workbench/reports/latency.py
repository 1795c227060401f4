"""The latency report: percentiles of ack latency, or of any numeric attribute."""

import math
import sys
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Select, select

from server.monitor.performance import Summary
from server.monitor.sketch import RELATIVE_ERROR, Sketch
from server.store.tables import rollups
from workbench.asking.reading import View
from workbench.reports.attributes import STORED, column_name

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


def attribute_latency(frame: pd.DataFrame, attribute: str, by: str | None) -> pd.DataFrame:
    """Report a numeric attribute of logs, exactly; values that are no numbers do not count.

    Args:
        frame: logs, `attribute` and, where it is asked for, `by` among their columns.
        attribute: the attribute; its column has the name that `column_name` gives.
        by: a column to group by.

    Returns:
        A row (for each value of `by`) with the columns metric, `by` (`attributes.NAME` where that
        is the name of another) and COLUMNS; percentiles as `numpy.quantile` gives them.
    """
    column = frame[column_name(attribute)]
    groups: Iterable[tuple[Any, pd.Series[Any]]]
    if by is None:
        keys, groups = ["metric"], [(None, column)]
    else:
        keys = ["metric", f"attributes.{by}" if by in ("metric", *COLUMNS) else by]
        by_column = frame[by if by in STORED else column_name(by)]
        groups = column.groupby(_groupable(by_column), dropna=False, sort=True)
    rows = []
    for value, group in groups:
        numbers = _numbers(group)
        if len(numbers):
            rows.append({keys[-1]: value, "metric": attribute, **_describe(numbers)})
    return _frame(rows, keys)


def _groupable(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return mixed and nested values as text: they have no order, and 1 would be true."""
    return column.map(_as_text, na_action="ignore") if column.dtype == "object" else column


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _numbers(column: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    return np.asarray([each for each in column.dropna() if _is_number(each)], dtype="float64")


def _is_number(value: object) -> bool:
    if isinstance(value, bool | np.bool):
        return False
    if not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


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
