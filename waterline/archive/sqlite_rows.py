"""Logs as rows that SQLite takes, and the ids by which young ones are recognised later."""

from collections.abc import Iterator, Sequence
from typing import Final

import apsw
import pyarrow as pa
import pyarrow.compute as pc

_IDS: Final = ("source", "id", "seq", "received_at")
_REMEMBER: Final = f"INSERT OR REPLACE INTO archived_ids ({', '.join(_IDS)}) VALUES (?, ?, ?, ?)"
# Rows that become Python objects at once.
_ROWS: Final = 10_000


def sqlite_rows(logs: pa.Table, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """Yield rows as SQLite takes them: times as milliseconds UTC.

    Args:
        logs: the logs.
        names: names of the columns, in the order of the rows.
    """
    for part in logs.select(names).to_batches(max_chunksize=_ROWS):
        columns = [
            (each.cast(pa.int64()) if pa.types.is_timestamp(each.type) else each).to_pylist()
            for each in part.columns
        ]
        yield from zip(*columns, strict=True)


def remember_ids(connection: apsw.Connection, logs: pa.Table, since: int) -> None:
    """Let archived logs be recognised when they are sent again; call it in a transaction.

    Args:
        connection: a connection that writes logs.db.
        logs: archived logs; older ones are left out.
        since: moment of receipt from which logs are recognised, milliseconds UTC.
    """
    young = logs.filter(pc.greater_equal(logs["received_at"].cast(pa.int64()), since))
    connection.executemany(_REMEMBER, sqlite_rows(young, _IDS))
