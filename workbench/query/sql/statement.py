"""A SELECT, which DuckDB answers over our relations; it reaches nothing else."""

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import duckdb
import pyarrow as pa

from waterline.errors import UsageError
from workbench.query.progress import patiently
from workbench.query.sql.relations import Relation
from workbench.query.sql.used_attributes import used_attributes
from workbench.query.times import bound

# Seconds between two interrupts.
_PAUSE: Final = 0.05

# DuckDB gives Arrow wrong numbers for the upper half of UHUGEINT, and bytes for BIGNUM.
_AS_TEXT: Final = frozenset({"UHUGEINT", "BIGNUM"})
_UNSIGNED: Final = pa.decimal256(39, 0)

# Rows of a piece, which DuckDB makes while the one before is taken.
_ROWS_AT_ONCE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that an answer may take."""

    memory: int
    disk: int
    """Of what does not fit into memory, for a while."""


Parameters = Sequence[object] | Mapping[str, object]
_Taken = TypeVar("_Taken")


def answer(
    query: str, parameters: Parameters | None, relations: Mapping[str, Relation]
) -> pa.Table:
    """Answer one SELECT.

    Args:
        query: text of the SELECT.
        parameters: values of `?` or `$1` in order, or a mapping for those of `$name`.
        relations: relations by name.

    Returns:
        The rows. Integers of 128 bits, such as DuckDB's sums, are decimals without a fraction.

    Raises:
        UsageError: `query` is no SELECT, or DuckDB cannot answer it.
        WaterlineError: a relation could not be read.
    """
    return _taken(query, parameters, relations, _fetched)


def answer_in_pieces(
    query: str,
    parameters: Parameters | None,
    relations: Mapping[str, Relation],
    limit: int | None,
    take: Callable[[Iterator[pa.Table]], None],
    room: Room | None = None,
) -> None:
    """Answer one SELECT in pieces, so that memory holds few of its rows.

    Args:
        query: text of the SELECT.
        parameters: as for `answer`.
        relations: relations by name.
        limit: number of rows at most; None is all.
        take: called once, with tables as `answer` returns them; there is at least one.
        room: what the answer may take; None is what the machine has.

    Raises:
        UsageError: `query` is no SELECT, or DuckDB cannot answer it.
        WaterlineError: a relation could not be read.
    """
    _taken(
        query,
        parameters,
        relations,
        lambda rows: take(_pieces(rows if limit is None else rows.limit(limit))),
        room,
    )


def _taken(
    query: str,
    parameters: Parameters | None,
    relations: Mapping[str, Relation],
    take: Callable[[duckdb.DuckDBPyRelation], _Taken],
    room: Room | None = None,
) -> _Taken:
    if not isinstance(query, str):
        raise UsageError(f"query={query!r} is no text; give a SELECT")
    with _opened(room) as connection:
        try:
            statement = _only_select(connection, query)
            values = _bound(parameters)
            used = used_attributes(connection, query)
            for name, relation in relations.items():
                relation.members = used
                connection.register(name, relation)
            return _run(connection, statement, values, relations.values(), take)
        except (duckdb.Error, pa.ArrowException) as error:
            for relation in relations.values():
                if relation.fault is not None:
                    raise relation.fault from error
            raise _refused(query, error) from error


@contextmanager
def _opened(room: Room | None) -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory(prefix="waterline-sql-") as spilled:
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "enable_external_access": "false",
            "python_enable_replacements": "false",
            "temp_directory": spilled,
        }
        if room is not None:
            config["memory_limit"] = f"{room.memory}B"
            config["max_temp_directory_size"] = f"{room.disk}B"
        with closing(duckdb.connect(":memory:", config=config)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            # In a notebook with widgets and in `python -c` it would write a bar among what is
            # printed; in one without them it has none, and refuses to be told so.
            shown = connection.execute("SELECT current_setting('enable_progress_bar')")
            if shown.fetchone() == (True,):
                connection.execute("SET enable_progress_bar = false")
            connection.execute("SET lock_configuration = true")
            yield connection


def _run(
    connection: duckdb.DuckDBPyConnection,
    statement: duckdb.Statement,
    parameters: Parameters | None,
    relations: Collection[Relation],
    take: Callable[[duckdb.DuckDBPyRelation], _Taken],
) -> _Taken:
    def stop(running: Future[_Taken]) -> None:
        for relation in relations:
            relation.stop()
        while not running.done():  # a query that has not begun ignores an interrupt
            connection.interrupt()
            wait([running], _PAUSE)

    return patiently(
        lambda: take(connection.sql(statement, params=parameters)),
        stop,
        lambda: ("rows read", sum(each.rows for each in relations), None),
    )


def _bound(parameters: Parameters | None) -> Parameters | None:
    """Return the parameters as values that DuckDB takes."""
    if parameters is None:
        return None
    if isinstance(parameters, Mapping):
        return {name: bound(value) for name, value in parameters.items()}
    return [bound(value) for value in parameters]


def _fetched(rows: duckdb.DuckDBPyRelation) -> pa.Table:
    return _corrected(_readable(rows).to_arrow_table(), rows)


def _pieces(rows: duckdb.DuckDBPyRelation) -> Iterator[pa.Table]:
    reader = _readable(rows).to_arrow_reader(_ROWS_AT_ONCE)
    yield _corrected(reader.schema.empty_table(), rows)
    for batch in _batches(reader):
        yield _corrected(pa.Table.from_batches([batch]), rows)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield the batches of DuckDB's reader.

    Raises:
        ArrowInvalid: DuckDB failed amid them, of which Arrow makes an error of a file.
    """
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except OSError as error:
            raise pa.ArrowInvalid(str(error)) from error
        yield batch


def _readable(rows: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return rows with text for integers that DuckDB would convert wrongly."""
    kinds = [str(each) for each in rows.types]
    if not _AS_TEXT.intersection(kinds):
        return rows
    told = [
        f"CAST(#{place} AS VARCHAR)" if kind in _AS_TEXT else f"#{place}"
        for place, kind in enumerate(kinds, start=1)
    ]
    return rows.project(", ".join(told))


def _corrected(table: pa.Table, rows: duckdb.DuckDBPyRelation) -> pa.Table:
    """Return a table of readable rows with the names and integers that they had before."""
    columns = [
        column.cast(_UNSIGNED) if str(kind) == "UHUGEINT" else column
        for column, kind in zip(table.columns, rows.types, strict=True)
    ]
    return pa.table(columns, names=rows.columns)


def _only_select(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.Statement:
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise UsageError(f"query={query!r} has {len(statements)} statements; give one SELECT")
    (statement,) = statements
    if statement.type is not duckdb.StatementType.SELECT:
        raise UsageError(
            f"query={query!r} is no SELECT but {statement.type.name}; SQL here only reads"
        )
    return statement


def _refused(query: str, error: Exception) -> UsageError:
    reason = str(error).strip().partition("\n")[0]
    return UsageError(f"query={query!r} cannot be answered: {reason}")
