"""The latency report: percentiles of ack latency, or of any numeric attribute."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Select, select

from server.monitor.performance import Summary
from server.monitor.sketch import RELATIVE_ERROR, Sketch
from server.store.tables import rollups
from workbench.reading import View

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
        frame: logs with the columns `attribute` and, where it is asked for, `by`.
        attribute: the attribute's column.
        by: a column to group by.

    Returns:
        A row (for each value of `by`) with the columns metric, `by` and COLUMNS; percentiles as
        `numpy.quantile` gives them.
    """
    groups: Iterable[tuple[Any, pd.DataFrame]]
    groups = [(None, frame)] if by is None else frame.groupby(by, dropna=False, sort=True)
    keys = ["metric"] if by is None else ["metric", by]
    rows = []
    for value, group in groups:
        numbers = _numbers(group[attribute])
        if len(numbers):
            rows.append({"metric": attribute, str(by): value, **_describe(numbers)})
    return _frame(rows, keys)


def _numbers(column: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    kept = [
        value
        for value in column.dropna()
        if isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool)
    ]
    return np.asarray(kept, dtype="float64")


def _describe(numbers: npt.NDArray[np.float64]) -> dict[str, float]:
    quantiles = np.quantile(numbers, [q / 100 for q in PERCENTILES])
    return {
        "count": len(numbers),
        "mean": float(numbers.mean()),
        "min": float(numbers.min()),
        "max": float(numbers.max()),
        **{f"p{q}": float(value) for q, value in zip(PERCENTILES, quantiles, strict=True)},
        "relative_error": 0.0,
    }


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
