"""SELECTs over the logs of a lake."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.as_stored import as_stored
from waterline.archive.columns import SCHEMA
from workbench.lake.logs import LakeLogs
from workbench.lake.question import NODE, LakeQuestion
from workbench.query.execute import Answer
from workbench.query.pin import Pin
from workbench.query.progress import warn_of
from workbench.query.sql.relations import SLICE, Relation, times_within
from workbench.query.sql.statement import Parameters, answer

_SCHEMA: Final = pa.schema([pa.field(NODE, pa.string()), *SCHEMA])


class _LakeRelation:
    """The logs of a lake as a relation.

    Args:
        logs: answers questions about them.
        pin: the moment of every scan.

    Attributes:
        lacks: sentence about pruned logs that may have matched, or None.
        relation: the relation that DuckDB scans.
    """

    def __init__(self, logs: LakeLogs, pin: Pin) -> None:
        self.lacks: str | None = None
        self.relation = Relation(_SCHEMA, self._read)
        self._logs = logs
        self._pin = pin

    def _read(
        self,
        columns: tuple[str, ...],
        filter: pc.Expression | None,  # noqa: A002 - Arrow's name
    ) -> Iterator[pa.Table]:
        times = times_within(filter, _SCHEMA)
        if times is None:
            return
        question = LakeQuestion(
            # A table without columns has no number of rows.
            columns=columns if columns != (NODE,) else (NODE, "seq"),
            members=self.relation.members,
            order=None,
            pin=self._pin,
            since=times[0],
            until=times[1],
        )
        scan = self._logs.scan(question)
        self.lacks = self.lacks or scan.lacks
        for table in scan.tables():
            names = table[NODE] if NODE in table.column_names else None
            plain = table if names is None else table.drop_columns([NODE])
            # The JSON of a whole batch would take a hundred MB, and is not always taken.
            for start in range(0, table.num_rows, SLICE):
                piece = as_stored(plain.slice(start, SLICE))
                if names is not None:
                    piece = piece.add_column(columns.index(NODE), NODE, names.slice(start, SLICE))
                yield piece.select(columns)


def select_logs(
    logs: LakeLogs, query: str, parameters: Parameters | None, pin: Pin
) -> Answer[pa.Table]:
    """Return the rows of a SELECT over the table `logs`, which has the column `node`.

    Args:
        logs: the logs of a lake.
        query: the SELECT.
        parameters: values of its parameters.
        pin: the moment of the answer.
    """
    relation = _LakeRelation(logs, pin)
    rows = answer(query, parameters, {"logs": relation.relation})
    warn_of(relation.lacks)
    return Answer(rows, relation.lacks)
