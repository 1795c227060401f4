"""The report of fields: which attributes logs have, how many of them, and with which values."""

import time
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any, Final

import msgspec
import pandas as pd
import pyarrow as pa

from waterline.errors import ManyAttributes, SampledLogs, UsageError
from workbench.frames import to_frame
from workbench.query.attributes import MOST_NAMES, column_name
from workbench.query.field_counts import FieldCounts, text_of
from workbench.query.progress import warn_of
from workbench.query.question import Filters, refuse
from workbench.query.session import Session
from workbench.query.times import plain

SAMPLE: Final = 100_000
"""Logs that are read unless told otherwise, the newest ones."""

_COLUMNS: Final = ("type", "source", "attributes")
_FIRST: Final = {"type": 0, "source": 1}

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def fields(session: Session, top: object, sample: object, filters: Filters) -> pd.DataFrame:
    """Return the fields of logs; see `Workbench.fields`."""
    refuse(filters, "order", "limit", "columns")
    begun, now = time.perf_counter(), session.clock()
    values, most = _count(top, "top"), None if sample is None else _count(sample, "sample")
    # One more tells whether there are more.
    asked: Filters = {**filters, "limit": None if most is None else most + 1}
    question = replace(session.question(asked, now), columns=_COLUMNS)
    rows = session.patiently(lambda: session.logs.rows(question))
    is_sample = most is not None and rows.table.num_rows > most
    table = rows.table.slice(1) if is_sample else rows.table
    counted = session.patiently(lambda: _counted(table))
    frame = _frame(counted, table.num_rows, values)
    frame.attrs["pin"] = str(question.pin or rows.moment.pin(now))
    frame.attrs["logs"] = table.num_rows
    warn_of(rows.lacks)
    if is_sample:
        frame.attrs["sampled"] = (
            f"only the newest {table.num_rows:,} logs were read; sample=None reads all, and since= "
            "others"
        )
        warn_of(frame.attrs["sampled"], SampledLogs)
    if len(counted) > MOST_NAMES:
        warn_of(
            f"these logs have {len(counted):,} different fields; the {MOST_NAMES:,} that most logs "
            "have are shown",
            ManyAttributes,
        )
    if not table.num_rows:
        session.explain_empty(question)
    frame.attrs["seconds"] = time.perf_counter() - begun
    return frame


def _counted(table: pa.Table) -> dict[str, FieldCounts]:
    """Return the fields of logs by name, `type` and `source` first."""
    found: defaultdict[str, FieldCounts] = defaultdict(FieldCounts)
    for name in _FIRST:
        counts = table[name].value_counts().to_pylist()
        if counts:
            found[name].values["text"].update({each["values"]: each["counts"] for each in counts})
    columns: dict[str, FieldCounts] = {}
    for text in table["attributes"].to_pylist():
        for name, value in _decode(text).items():
            if value is None:
                continue
            counts_of = columns.get(name)
            if counts_of is None:
                counts_of = columns[name] = found[column_name(name)]
            counts_of.add(value)
    return found


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
