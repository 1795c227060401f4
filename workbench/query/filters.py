"""Filters of a question: as SQL over hot rows, and over the rows of a batch."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    REAL,
    ColumnElement,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from waterline.query_text.condition import Condition, Scalar
from waterline.storage.tables import logs
from workbench.query.database import View
from workbench.query.question import Question
from workbench.query.times import INT64

_MEMORY: Final = ":memory:"
# Types of json_each whose values are compared with each other.
_NUMBER: Final = ("integer", "real")
_TEXT: Final = ("text",)
_BOOLEAN: Final = ("true", "false")

_COMPARE: Final = {
    "==": lambda column, value: column == value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}


def criteria(question: Question) -> list[ColumnElement[bool]]:
    """Return the criteria of a row of `logs`."""
    wanted: list[ColumnElement[bool]] = []
    if question.types is not None:
        wanted.append(_is_one_of(logs.c.type, question.types))
    if question.sources is not None:
        wanted.append(_is_one_of(logs.c.source, question.sources))
    if question.since is not None:
        wanted.append(logs.c[question.clock] >= question.since)
    if question.until is not None:
        wanted.append(logs.c[question.clock] < question.until)
    if question.without_types:
        wanted.append(~_is_one_of(logs.c.type, question.without_types))
    if question.without_sources:
        wanted.append(~_is_one_of(logs.c.source, question.without_sources))
    # instr matches case and has no wildcards, unlike LIKE.
    wanted += [func.instr(logs.c.message, text) > 0 for text in question.contains]
    wanted += [func.instr(logs.c.message, text) == 0 for text in question.lacks]
    if question.through is not None:
        wanted.append(logs.c.seq <= question.through)
    return wanted + _attribute_criteria(question)


def choose(table: pa.Table, question: Question) -> pa.Table:
    """Return the rows that match a question, in their order; its limit is ignored.

    Args:
        table: logs, with at least the columns that the question needs.
        question: what is asked.
    """
    table = question.selection.of(table)
    for name, unwanted in (
        ("type", question.without_types),
        ("source", question.without_sources),
    ):
        if unwanted:
            is_one = pc.is_in(table[name], value_set=pa.array(unwanted, pa.string()))
            table = table.filter(pc.invert(is_one))
    for text in question.contains:
        table = table.filter(pc.match_substring(table["message"], text))
    for text in question.lacks:
        table = table.filter(pc.invert(pc.match_substring(table["message"], text)))
    if question.where and table.num_rows:
        table = table.filter(pc.is_in(table["seq"], value_set=_meeting(table, question)))
    return table


def _meeting(table: pa.Table, question: Question) -> pa.ChunkedArray:
    """Return the seqs of logs whose attributes meet the conditions.

    SQLite evaluates the same SQL as over hot rows, so that numbers in JSON are read, rounded and
    compared alike. It takes no longer than Python would.
    """
    with _as_logs(table.select(["seq", "attributes"])) as view:
        chosen = select(logs.c.seq).where(and_(*_attribute_criteria(question)))
        return view.fetch(chosen)["seq"]


@contextmanager
def _as_logs(table: pa.Table) -> Iterator[View]:
    with (
        adbc_driver_sqlite.dbapi.connect(_MEMORY) as connection,
        connection.cursor() as cursor,
    ):
        cursor.adbc_ingest(logs.name, table, mode="create")
        yield View(cursor, Path(_MEMORY))


def _attribute_criteria(question: Question) -> list[ColumnElement[bool]]:
    return [_meets(condition) for condition in question.where]


def _meets(condition: Condition) -> ColumnElement[bool]:
    member = func.json_each(logs.c.attributes).table_valued("key", "value", "type")
    kind, value = member.c.type, member.c.value
    # There are no duplicate keys: the server decoded and encoded every log.
    named = member.c.key == condition.attribute
    # Only values of one kind are compared: SQLite takes true for 1, and text for more than numbers.
    if condition.operator == "in":
        test = or_(
            *(
                and_(
                    kind.in_(kinds),
                    _is_one_of(value, [each for each in condition.values if _kinds(each) == kinds]),
                )
                for kinds in (_NUMBER, _TEXT, _BOOLEAN)
            )
        )
    else:
        (wanted,) = condition.values
        operator = "==" if condition.operator == "!=" else condition.operator
        test = and_(kind.in_(_kinds(wanted)), _COMPARE[operator](value, _in_sql(wanted)))
        if condition.operator == "!=":
            test = and_(kind != "null", ~test)
    return exists(select(literal(1)).select_from(member).where(and_(named, test)))


def _is_one_of(column: ColumnElement[Any], values: Sequence[Scalar]) -> ColumnElement[bool]:
    # One JSON value, as SQLite binds at most 32,766.
    return column.in_(select(func.json_each(json.dumps(values)).table_valued("value").c.value))


def _kinds(value: Scalar) -> tuple[str, ...]:
    if isinstance(value, bool):
        return _BOOLEAN
    return _TEXT if isinstance(value, str) else _NUMBER


def _in_sql(value: Scalar) -> object:
    if isinstance(value, int) and int(value) not in INT64:
        # SQLite reads the number of the log as a real, and must read this one alike.
        return cast(literal(str(value), Text), REAL)
    return int(value) if isinstance(value, bool) else value
