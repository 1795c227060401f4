"""Percentiles of a number in matching logs by step of time, with the log of the highest of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import REAL, cast, func

from waterline.archive.columns import MOMENT
from waterline.storage.tables import logs
from workbench.explore.steps import Steps
from workbench.explore.tally import path_of
from workbench.query.archived import Batches, Catalog
from workbench.query.attribute_values import values_of
from workbench.query.database import View
from workbench.query.execute import Logs
from workbench.query.hot import hot_rows, matching_hot_rows
from workbench.query.question import Question, what_sql_leaves

QUANTILES: Final = (0.50, 0.95, 0.99)

Numbers = npt.NDArray[np.float64]
Seqs = npt.NDArray[np.int64]
_Values = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Numbers]
"""Seq, timestamp and number of each log."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles by step; NaN and seq 0 where a step has no log with a number."""

    steps: Steps
    counts: npt.NDArray[np.int64]
    """Number of logs with a number."""
    quantiles: Sequence[Numbers]
    """Those of QUANTILES: the number below which that share of the logs lies, none interpolated."""
    highest: Numbers
    slowest: Seqs
    """Seq of the log with the highest number."""
    missing: tuple[str, ...] = ()
    """A sentence for each batch that could not be read."""


def percentiles(found: Logs, question: Question, steps: Steps, attribute: str) -> Percentiles:
    """Return the percentiles of an attribute of the logs that match a question.

    Logs without it, or with another value than a number, are left out.

    Args:
        found: the logs of a folder.
        question: what is asked; its order, limit and columns are ignored.
        steps: the steps; they cover the range of the question.
        attribute: name or path of the attribute.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    question = replace(
        question,
        order="oldest",
        limit=None,
        columns=("timestamp", "attributes"),
        members=(attribute,),
    )

    def hot(view: View, catalog: Catalog) -> _Values:
        path = path_of(attribute)
        # SQLite cannot tell what matches an expression.
        if what_sql_leaves(question.filters) is not None or path is None:
            return _values(matching_hot_rows(view, catalog, question), attribute)
        number = cast(func.json_extract(logs.c.attributes, path), REAL)
        is_number = func.json_type(logs.c.attributes, path).in_(("integer", "real"))
        chosen = hot_rows(catalog, question, [logs.c.seq, logs.c.timestamp, number])
        table = view.fetch(chosen.where(is_number))
        seqs, moments, numbers = (column.to_numpy() for column in table.columns)
        return seqs, moments, numbers.astype(np.float64)

    def whole(hot: _Values, catalog: Catalog, batches: Batches) -> Percentiles:
        parts = [hot, *(_values(batches.chosen(each), attribute) for each in catalog.kept)]
        seqs, moments, numbers = (np.concatenate(each) for each in zip(*parts, strict=True))
        return _by_step(steps, seqs, moments, numbers, tuple(batches.faults))

    return found.ask(question, hot, whole, may_lack=True)


def _values(table: pa.Table, attribute: str) -> _Values:
    (values,) = values_of(table["attributes"], [attribute])
    is_number = np.array([_is_number(each) for each in values], np.bool_)
    # By way of text, a number beyond all floats is infinite.
    numbers = [float(str(each)) for each in values if _is_number(each)]
    moments = table["timestamp"].cast(MOMENT).cast(pa.int64()).to_numpy()
    seqs = table["seq"].to_numpy()
    return seqs[is_number], moments[is_number], np.array(numbers, np.float64)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - any value of JSON
    return isinstance(value, int | float) and not isinstance(value, bool)


def _by_step(
    steps: Steps, seqs: Seqs, moments: Seqs, numbers: Numbers, missing: tuple[str, ...]
) -> Percentiles:
    places = steps.places(moments)
    order = np.lexsort((numbers, places))
    places, seqs, numbers = places[order], seqs[order], numbers[order]
    counts = np.bincount(places, minlength=len(steps))
    ends = np.cumsum(counts)
    has_any = counts > 0

    def at(share: float) -> Numbers:
        result = np.full(len(steps), np.nan)
        ranks = np.maximum(np.ceil(counts * share).astype(np.int64), 1)
        result[has_any] = numbers[(ends - counts + ranks - 1)[has_any]]
        return result

    slowest = np.zeros(len(steps), np.int64)
    slowest[has_any] = seqs[(ends - 1)[has_any]]
    return Percentiles(steps, counts, [at(each) for each in QUANTILES], at(1.0), slowest, missing)
