"""Comparing a column with the values of a condition, as SQL."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import REAL, ColumnElement, Text, cast, func, literal, select

from waterline.integers import INT64
from waterline.query_text.condition import Scalar


def is_one_of(column: ColumnElement[Any], values: Sequence[Scalar]) -> ColumnElement[bool]:
    """Return whether a column has one of some values."""
    # One JSON value, as SQLite binds at most 32,766.
    return column.in_(select(func.json_each(json.dumps(values)).table_valued("value").c.value))


def in_sql(value: Scalar) -> object:
    """Return what a value of JSON is compared with."""
    if isinstance(value, int) and int(value) not in INT64:
        # SQLite reads the number of the log as a real, and must read this one alike.
        return cast(literal(str(value), Text), REAL)
    return int(value) if isinstance(value, bool) else value
