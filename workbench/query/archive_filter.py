"""Chooses of an Arrow table of logs those that a question is about, as SQL does of the hot ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, select

from waterline.storage.tables import logs
from workbench.query.database import View
from workbench.query.question import Question
from workbench.query.sql_filter import attribute_criteria

_MEMORY: Final = ":memory:"


def choose(table: pa.Table, question: Question) -> pa.Table:
    """Return the rows that a question is about, in their order; its limit is not heeded.

    Args:
        table: logs with the columns that the question needs, or more.
        question: what is asked.
    """
    table = question.selection.of(table)
    if question.contains is not None:
        table = table.filter(pc.match_substring(table["message"], question.contains))
    if question.where and table.num_rows:
        table = table.filter(pc.is_in(table["seq"], value_set=_meeting(table, question)))
    return table


def _meeting(table: pa.Table, question: Question) -> pa.ChunkedArray:
    """Return the seqs of the logs whose attributes meet the conditions.

    SQLite decides, by the same words as over hot rows: what numbers it reads in JSON, how it rounds
    them and compares an integer with a float is its own. It takes no longer than Python would.
    """
    with _as_logs(table.select(["seq", "attributes"])) as view:
        chosen = select(logs.c.seq).where(and_(*attribute_criteria(question)))
        return view.fetch(chosen)["seq"]


@contextmanager
def _as_logs(table: pa.Table) -> Iterator[View]:
    with (
        adbc_driver_sqlite.dbapi.connect(_MEMORY) as connection,
        connection.cursor() as cursor,
    ):
        cursor.adbc_ingest(logs.name, table, mode="create")
        yield View(cursor, Path(_MEMORY))
