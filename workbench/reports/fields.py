"""The report of fields: which attributes logs have, how many of them, and with which values."""

import time
from collections import Counter
from dataclasses import replace
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from waterline.errors import ManyAttributes, SampledLogs, UsageError
from workbench.frames import to_frame
from workbench.query.asking import Answering
from workbench.query.attribute_counts import AttributeCounts
from workbench.query.attributes import MOST_NAMES, column_name
from workbench.query.execute import Answer, LogReader
from workbench.query.field_counts import FieldCounts, text_of
from workbench.query.moment import Taken
from workbench.query.progress import warn_of
from workbench.query.question import Filters, Question, refuse
from workbench.query.times import plain

SAMPLE: Final = 100_000
"""Logs that are read unless told otherwise, the newest ones."""

_COLUMNS: Final = ("type", "source", "attributes")
_FIRST: Final = {"type": 0, "source": 1}


def fields(session: Answering, top: object, sample: object, filters: Filters) -> pd.DataFrame:
    """Return the fields of logs; see `Workbench.fields`."""
    refuse(filters, "order", "limit", "columns")
    begun, now = time.perf_counter(), session.clock()
    values, most = _count(top, "top"), None if sample is None else _count(sample, "sample")
    question = replace(session.question(filters, now), columns=_COLUMNS)
    counted, moment, is_sample = session.patiently(lambda: _counted(session.logs, question, most))
    found = counted.value.by_name()
    frame = _frame(found, counted.value.logs, values)
    frame.attrs["pin"] = str(question.pin or moment.pin(now))
    frame.attrs["logs"] = counted.value.logs
    warn_of(counted.lacks)
    if is_sample:
        frame.attrs["sampled"] = (
            f"only the newest {most:,} logs were read; sample=None reads all, and since= others"
        )
        warn_of(frame.attrs["sampled"], SampledLogs)
    if len(found) > MOST_NAMES:
        warn_of(
            f"these logs have {len(found):,} different fields; the {MOST_NAMES:,} that most logs "
            "have are shown",
            ManyAttributes,
        )
    if not counted.value.logs:
        session.explain_empty(question)
    frame.attrs["seconds"] = time.perf_counter() - begun
    return frame


class _Counts:
    """Counts of the fields of logs.

    Attributes:
        logs: number of logs.
        columns: counts of `type` and `source`.
        attributes: counts of all others.
    """

    def __init__(self) -> None:
        self.logs = 0
        self.columns = {name: FieldCounts() for name in _FIRST}
        self.attributes = AttributeCounts()

    def add(self, table: pa.Table) -> "_Counts":
        """Count the fields of logs with the columns `_COLUMNS`."""
        self.logs += table.num_rows
        for name, counts in self.columns.items():
            for each in table[name].value_counts().to_pylist():
                counts.add(each["values"], each["counts"])
        self.attributes.add(table["attributes"])
        return self

    def update(self, other: "_Counts") -> "_Counts":
        """Add other counts."""
        self.logs += other.logs
        for name, counts in other.columns.items():
            self.columns[name].values["text"].update(counts.values["text"])
        self.attributes.update(other.attributes)
        return self

    def by_name(self) -> dict[str, FieldCounts]:
        """Return the fields by name; nothing is to be added afterwards."""
        found = self.columns if self.logs else {}
        attributes = self.attributes.by_name()
        return {**found, **{column_name(name): each for name, each in attributes.items()}}


def _counts_of(table: pa.Table) -> _Counts:
    return _Counts().add(table)


def _counted(
    logs: LogReader, question: Question, most: int | None
) -> tuple[Answer[_Counts], Taken, bool]:
    """Count the fields of matching logs.

    Args:
        logs: the logs.
        question: what is asked.
        most: number of logs to count at most, the newest ones; None is all.

    Returns:
        The counts, their moment, and whether there are more logs.
    """
    newest = logs.newest(question, most)
    counts = logs.sum(newest.question, _counts_of, _Counts.update, packed=True)
    return counts, newest.moment, newest.is_part


def _frame(found: dict[str, FieldCounts], logs: int, top: int) -> pd.DataFrame:
    def rank(name: str) -> tuple[int, int, str]:
        return _FIRST.get(name, len(_FIRST)), -found[name].logs, name

    names = sorted(found, key=rank)[:MOST_NAMES]
    rows = [_row(name, found[name], logs, top) for name in names]
    tops = [row.pop("top") for row in rows]
    frame = to_frame(pa.Table.from_pylist(rows, schema=_SCHEMA))
    frame["top"] = pd.Series(tops, frame.index, dtype="object")
    return frame


def _row(name: str, counted: FieldCounts, logs: int, top: int) -> dict[str, Any]:
    numbers = counted.values.get("number", Counter())
    kinds = {kind: each.total() for kind, each in counted.values.items()}
    return {
        "field": name,
        "logs": counted.logs,
        "coverage": counted.logs / logs,
        "types": ", ".join(sorted(kinds, key=lambda kind: (-kinds[kind], kind))),
        "distinct": counted.distinct,
        # By way of text, a number beyond all floats is infinite.
        "min": float(str(min(numbers))) if numbers else None,
        "max": float(str(max(numbers))) if numbers else None,
        "top": {text_of(value): count for _, value, count in counted.most(top)},
    }


def _count(value: object, argument: str) -> int:
    number = plain(value)
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return number
    raise UsageError(f"{argument}={value!r} is no whole number from 1 on")


_SCHEMA: Final = pa.schema(
    [
        ("field", pa.string()),
        ("logs", pa.int64()),
        ("coverage", pa.float64()),
        ("types", pa.string()),
        ("distinct", pa.int64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
    ]
)
