"""One question becomes SQL over the hot logs, an Arrow table, and a DataFrame."""

from typing import Any, Final

import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, Select, and_, exists, false, func, literal, or_, select

from server.errors import IncompleteAnswer
from server.store.tables import logs, seam
from workbench.question import Condition, Question, Scalar
from workbench.reading import View

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

# SQLite compares 64-bit integers; a larger one is a real number to it.
_INT64: Final = range(-(2**63), 2**63)
_COMPARE: Final = {
    "==": lambda column, value: column == value,
    "in": lambda column, value: column == value,
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
    ((archived_through,),) = view.rows(select(seam.c.archived_through))
    if archived_through:
        raise IncompleteAnswer(
            f"the logs up to seq {archived_through} are archived, which this version of the "
            "workbench cannot read; use a later one"
        )
    return select(*columns).select_from(logs).where(and_(*_criteria(question)))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a DataFrame: text as `str`, times as `datetime64[ms, UTC]`."""
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _criteria(question: Question) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = [
        logs.c.seq > select(seam.c.archived_through).scalar_subquery()
    ]
    if question.types is not None:
        criteria.append(logs.c.type.in_(question.types))
    if question.sources is not None:
        criteria.append(logs.c.source.in_(question.sources))
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
    if condition.operator == "!=":
        test = and_(kind != "null", ~_is(kind, value, "==", condition.values[0]))
    else:
        alternatives = [_is(kind, value, condition.operator, each) for each in condition.values]
        test = or_(false(), *alternatives)
    return exists(select(literal(1)).select_from(member).where(and_(named, test)))


def _is(
    kind: ColumnElement[Any], value: ColumnElement[Any], operator: str, wanted: Scalar
) -> ColumnElement[bool]:
    """Compare values of one kind: SQLite alone would hold true for 1, and text above numbers."""
    kinds: tuple[str, ...]
    if isinstance(wanted, bool):
        kinds, wanted = ("true", "false"), int(wanted)
    elif isinstance(wanted, str):
        kinds = ("text",)
    else:
        kinds = ("integer", "real")
        if isinstance(wanted, int) and wanted not in _INT64:
            wanted = float(wanted)
    return and_(kind.in_(kinds), _COMPARE[operator](value, wanted))
