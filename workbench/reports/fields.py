"""The report of fields: which attributes logs have, how many of them, and with which values."""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
import pandas as pd
import pyarrow as pa

from waterline.errors import ManyAttributes, SampledLogs, UsageError
from workbench.frames import to_frame
from workbench.query.attributes import MOST_NAMES, column_name, query_value
from workbench.query.progress import warn_of
from workbench.query.question import Filters, refuse
from workbench.query.session import Session
from workbench.query.times import plain

SAMPLE: Final = 100_000
"""Logs that are read unless told otherwise, the newest ones."""

_COLUMNS: Final = ("type", "source", "attributes")
_FIRST: Final = {"type": 0, "source": 1}
_KINDS: Final = {str: "text", int: "number", float: "number", bool: "boolean", list: "list",
                 dict: "object"}  # fmt: skip

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder(order="sorted").encode


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


@dataclass(slots=True)
class _Field:
    """Counts of the values of one field, by kind and value."""

    values: defaultdict[str, Counter[Any]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def logs(self) -> int:
        return sum(each.total() for each in self.values.values())

    def add(self, value: object) -> None:
        kind = _KINDS[type(value)]
        self.values[kind][_encode(value) if kind in ("list", "object") else value] += 1


def _counted(table: pa.Table) -> dict[str, _Field]:
    """Return the fields of logs by name, `type` and `source` first."""
    found: defaultdict[str, _Field] = defaultdict(_Field)
    for name in _FIRST:
        counts = table[name].value_counts().to_pylist()
        if counts:
            found[name].values["text"].update({each["values"]: each["counts"] for each in counts})
    columns: dict[str, _Field] = {}
    for text in table["attributes"].to_pylist():
        for name, value in _decode(text).items():
            if value is None:
                continue
            counts_of = columns.get(name)
            if counts_of is None:
                counts_of = columns[name] = found[column_name(name)]
            counts_of.add(value)
    return found


def _frame(found: dict[str, _Field], logs: int, top: int) -> pd.DataFrame:
    def rank(name: str) -> tuple[int, int, str]:
        return _FIRST.get(name, len(_FIRST)), -found[name].logs, name

    names = sorted(found, key=rank)[:MOST_NAMES]
    rows = [_row(name, found[name], logs, top) for name in names]
    tops = [row.pop("top") for row in rows]
    frame = to_frame(pa.Table.from_pylist(rows, schema=_SCHEMA))
    frame["top"] = pd.Series(tops, frame.index, dtype="object")
    return frame


def _row(name: str, counted: _Field, logs: int, top: int) -> dict[str, Any]:
    numbers = counted.values.get("number", Counter())
    kinds = {kind: each.total() for kind, each in counted.values.items()}
    common = Counter({(kind, value): count
                      for kind, each in counted.values.items()
                      for value, count in each.items()})  # fmt: skip
    return {
        "field": name,
        "logs": counted.logs,
        "coverage": counted.logs / logs,
        "types": ", ".join(sorted(kinds, key=lambda kind: (-kinds[kind], kind))),
        "distinct": sum(map(len, counted.values.values())),
        # By way of text, a number beyond all floats is infinite.
        "min": float(str(min(numbers))) if numbers else None,
        "max": float(str(max(numbers))) if numbers else None,
        "top": _top(common, top),
    }


def _top(counts: Counter[tuple[str, Any]], top: int) -> dict[str, int]:
    """Return the most frequent values as text, with their counts; of equal ones by text."""
    shown = {pair: _shown(pair[1]) for pair, _ in _at_least_as_many(counts, top)}
    ranked = sorted(shown, key=lambda pair: (-counts[pair], shown[pair]))[:top]
    return {shown[pair]: counts[pair] for pair in ranked}


def _at_least_as_many(
    counts: Counter[tuple[str, Any]], top: int
) -> list[tuple[tuple[str, Any], int]]:
    """Return the most frequent values, with all that are as frequent as the last of them."""
    least = min((count for _, count in counts.most_common(top)), default=1)
    return [(pair, count) for pair, count in counts.items() if count >= least]


def _shown(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else query_value(value)


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
