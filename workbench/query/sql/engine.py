"""An engine of SQLAlchemy over our relations, for tools that want one."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final

import duckdb
import pyarrow as pa
from sqlalchemy import BigInteger, DateTime, Double, Engine, NullPool, String, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from waterline.archive.columns import SCHEMA
from workbench.frames import python_values
from workbench.query.sql.relations import BATCH_COLUMNS, METRIC_COLUMNS

Ask = Callable[[str, Sequence[object] | None], pa.Table]
"""Answers a SELECT with the values of its `?`; all its answers are of one moment."""

_RELATIONS: Final = {
    "archive_batches": BATCH_COLUMNS,
    "logs": SCHEMA,
    "performance_metrics": METRIC_COLUMNS,
}
_DBAPI: Final = SimpleNamespace(Error=duckdb.Error, paramstyle="qmark")


def make_engine(connect: Callable[[], Ask]) -> Engine:
    """Return an engine whose connections are each of the moment at which they were opened.

    Args:
        connect: called once a connection.
    """
    return create_engine(
        "waterline://",
        creator=lambda: _Connection(connect()),
        module=_DBAPI,
        poolclass=NullPool,
    )


class _Cursor:
    """A cursor of Python's DB API (PEP 249), as far as SQLAlchemy uses it."""

    arraysize = 1
    rowcount = -1
    lastrowid = None

    def __init__(self, ask: Ask) -> None:
        self.description: list[tuple[Any, ...]] | None = None
        self._ask = ask
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, query: str, parameters: Sequence[object] | None = None) -> None:
        table = self._ask(query, parameters or None)
        self.description = [
            (field.name, field.type, None, None, None, None, None) for field in table.schema
        ]
        columns = [python_values(column) for column in table.columns]
        self._rows = [*zip(*columns, strict=True)][::-1]

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        return [self._rows.pop() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.fetchmany(len(self._rows)) if self._rows else []

    def close(self) -> None:
        self._rows.clear()


class _Connection:
    """A connection that only reads: commit and rollback do nothing."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def cursor(self) -> _Cursor:
        return _Cursor(self._ask)

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Compiler(SQLCompiler):
    """Compiles standard SQL, with an OFFSET that needs no LIMIT."""

    def limit_clause(self, select: Any, **named: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
        # DuckDB refuses SQLAlchemy's own text for no limit, which is SQLite's.
        written: str = super().limit_clause(select, **named)  # type: ignore[no-untyped-call]
        return written.replace(" LIMIT -1", "")


class WaterlineDialect(DefaultDialect):
    """Dialect of standard SQL, which reflects three relations without keys."""

    name = "waterline"
    driver = "waterline"
    default_paramstyle = "qmark"
    statement_compiler = _Compiler
    supports_native_boolean = True
    supports_statement_cache = True

    def has_table(
        self,
        connection: object,  # noqa: ARG002
        table_name: str,
        schema: str | None = None,  # noqa: ARG002
        **_: object,
    ) -> bool:
        """Return whether a relation has this name."""
        return table_name in _RELATIONS

    def get_table_names(self, *_: object, **_named: object) -> list[str]:
        """Return the names of the relations."""
        return [*_RELATIONS]

    def get_view_names(self, *_: object, **_named: object) -> list[str]:
        """Return nothing: all relations are tables."""
        return []

    def get_columns(
        self,
        connection: object,  # noqa: ARG002
        table_name: str,
        schema: str | None = None,  # noqa: ARG002
        **_: object,
    ) -> list[ReflectedColumn]:
        """Return the columns of a relation.

        Raises:
            NoSuchTableError: no relation has this name.
        """
        if table_name not in _RELATIONS:
            raise NoSuchTableError(table_name)
        return [
            {"name": field.name, "type": _kind(field.type), "nullable": True, "default": None}
            for field in _RELATIONS[table_name]
        ]

    def get_pk_constraint(self, *_: object, **_named: object) -> Any:  # noqa: ANN401
        """Return no key."""
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, *_: object, **_named: object) -> list[Any]:
        """Return none."""
        return []

    get_indexes = get_unique_constraints = get_check_constraints = get_foreign_keys

    def get_table_comment(self, *_: object, **_named: object) -> Any:  # noqa: ANN401
        """Return none."""
        return {"text": None}


def _kind(type_: pa.DataType) -> TypeEngine[Any]:
    if pa.types.is_timestamp(type_):
        return DateTime(timezone=True)
    if pa.types.is_integer(type_):
        return BigInteger()
    return Double() if pa.types.is_floating(type_) else String()


registry.register("waterline", __name__, WaterlineDialect.__name__)
