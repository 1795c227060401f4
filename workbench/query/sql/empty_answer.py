"""Why a statement answers with nothing: the comparison that alone leaves no log."""

import pyarrow as pa

from waterline.archive.reader import BatchReader
from workbench.query.database import Database
from workbench.query.empty_answer import why_none
from workbench.query.sql.statement import Parameters
from workbench.query.sql.wanted import wanted


def why_no_rows(
    rows: pa.Table,
    database: Database,
    reader: BatchReader,
    query: str,
    parameters: Parameters | None,
) -> str | None:
    """Return a sentence about the first comparison that leaves no log; None where none does.

    Args:
        rows: the answer; there is nothing to say of one with rows, but counts and sums of none.
        database: logs.db.
        reader: reads a batch, for the attributes of archived logs.
        query: a statement that was answered.
        parameters: the values of its parameters.
    """
    if not _is_of_nothing(rows):
        return None
    for each in wanted(query, parameters):
        why = why_none(database, reader, each.question, each.attributes)
        if why is not None:
            return why
    return None


def _is_of_nothing(rows: pa.Table) -> bool:
    if rows.num_rows == 1:
        return all(each[0].as_py() in (None, 0) for each in rows.columns)
    return not rows.num_rows
