"""One question becomes SQL over the hot logs, an Arrow table, and a DataFrame."""

import json
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import pyarrow as pa
from sqlalchemy import (
    REAL,
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from server.errors import IncompleteAnswer
from server.store.tables import logs, seam
from workbench.question import Condition, Question, Scalar
from workbench.reading import View
from workbench.times import INT64

MOMENT: Final = pa.timestamp("ms", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("timestamp", MOMENT, nullable=False),
        pa.field("received_at", MOMENT, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
        pa.field("attributes", pa.string(), nullable=False),
    ]
)

# What json_each calls the types of values that are compared with each other.
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


def hot_logs(view: View, question: Question) -> pa.Table:
    """Answer a question over the hot logs with the columns of SCHEMA, in its order.

    Raises:
        IncompleteAnswer: logs that it may ask for are archived.
    """
    chosen = matching(view, question, *logs.c)
    # The newest of a limit are wanted, whatever the order they are shown in.
    newest_first = question.order == "newest" or question.limit is not None
    if newest_first:
        chosen = chosen.order_by(logs.c.timestamp.desc(), logs.c.seq.desc())
    else:
        chosen = chosen.order_by(logs.c.timestamp, logs.c.seq)
    if question.limit is not None:
        chosen = chosen.limit(question.limit)
    table = view.fetch(chosen).cast(SCHEMA)
    if newest_first and question.order == "oldest":
        table = table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))
    return table


def count_logs(view: View, question: Question) -> int:
    """Count the logs that a question is about, its limit heeded."""
    ((count,),) = view.rows(matching(view, question, func.count()))
    return int(count) if question.limit is None else min(int(count), question.limit)


def matching(view: View, question: Question, *columns: Any) -> Select[Any]:  # noqa: ANN401
    """Select columns of the hot logs that a question is about, unordered.

    Raises:
        IncompleteAnswer: logs that it may ask for are archived.
    """
    # A server that has just made the folder has yet to write its seam.
    archived_through = sum(row[0] for row in view.rows(select(seam.c.archived_through)))
    if archived_through:
        raise IncompleteAnswer(
            f"the logs up to seq {archived_through} are archived, which this version of the "
            "workbench cannot read; use a later one"
        )
    criteria = [logs.c.seq > archived_through, *_criteria(question)]
    return select(*columns).select_from(logs).where(and_(*criteria))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a DataFrame: text as `str`, times as `datetime64[ms, UTC]`."""
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _criteria(question: Question) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if question.types is not None:
        criteria.append(_is_one_of(logs.c.type, question.types))
    if question.sources is not None:
        criteria.append(_is_one_of(logs.c.source, question.sources))
    if question.since is not None:
        criteria.append(logs.c.timestamp >= question.since)
    if question.until is not None:
        criteria.append(logs.c.timestamp < question.until)
    if question.contains is not None:
        # instr minds case and knows no wildcards, unlike LIKE.
        criteria.append(func.instr(logs.c.message, question.contains) > 0)
    return criteria + [_meets(condition) for condition in question.where]


def _meets(condition: Condition) -> ColumnElement[bool]:
    member = func.json_each(logs.c.attributes).table_valued("key", "value", "type")
    kind, value = member.c.type, member.c.value
    # A duplicate key cannot be: the server has decoded and encoded every log.
    named = member.c.key == condition.attribute
    # Values of one kind are compared: SQLite alone would hold true for 1, and text above numbers.
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
    # As one value, for SQLite takes 32,766 of them at most.
    return column.in_(select(func.json_each(json.dumps(values)).table_valued("value").c.value))


def _kinds(value: Scalar) -> tuple[str, ...]:
    if isinstance(value, bool):
        return _BOOLEAN
    return _TEXT if isinstance(value, str) else _NUMBER


def _in_sql(value: Scalar) -> object:
    if isinstance(value, int) and int(value) not in INT64:
        # SQLite reads it from the log as a real number, and must read this one the same way.
        return cast(literal(str(value), Text), REAL)
    return int(value) if isinstance(value, bool) else value
