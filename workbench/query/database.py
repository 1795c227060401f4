"""Databases of the data folder, read-only: one library, one moment a view.

The workbench reads through ADBC only. Two SQLite libraries in one process would drop each other's
file locks.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self, cast

import pyarrow as pa
from sqlalchemy import Select
from sqlalchemy.dialects import sqlite

from waterline.errors import DataFolderError, UsageError
from waterline.storage.frozen import opening
from waterline.storage.schema import HAS_HISTORY, MADE_BY, Schema
from waterline.storage.sqlite import READER_TIMEOUT_MS
from workbench.query.driver import dbapi, manager
from workbench.query.progress import tell

# Text of the progress bar: only reading hot logs takes long.
_ROWS: Final = "hot logs"

# ADBC takes the types of columns from the values of the first batch: behind 1,024 times NULL, as it
# is of itself, a text is an error, and behind integers a float. In one batch all are looked at.
_ALL_ROWS: Final = 2**30

_DIALECT = sqlite.dialect(paramstyle="qmark")


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except manager.NotSupportedError as error:
        # Cancelling is what this driver cannot do; SQLite has finished by then.
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    except (manager.Error, pa.ArrowException, OSError) as error:
        # The last two come from reading further rows.
        # The statement follows the first line.
        reason = str(error).partition("\n")[0]
        raise DataFolderError(f"{path} cannot be read: {reason}") from error


class View:
    """One consistent moment of a database."""

    def __init__(self, cursor: Any, path: Path) -> None:  # noqa: ANN401 - ADBC has no types
        self._cursor = cursor
        self._path = path

    def fetch(
        self,
        question: Select[Any] | str,
        values: Sequence[object] = (),
        *,
        rows_at_once: int = _ALL_ROWS,
    ) -> pa.Table:
        """Answer a statement as Arrow.

        Types follow the values; a column without any is int64.

        Args:
            question: the statement.
            values: values of its parameters.
            rows_at_once: number of first rows that tell the types of the columns, and of rows
                between two reports of progress; fewer than all only where no column has NULL or
                values of two types.
        """
        with _read_errors(self._path):
            reader = self._reader(question, values, rows_at_once)
            return pa.Table.from_batches(_told(reader), reader.schema)

    def batches(
        self, question: Select[Any], rows_at_once: int
    ) -> Generator[pa.RecordBatch, None, None]:
        """Yield the rows of a statement as they are read; no more are read than are taken.

        Args:
            question: the statement, without columns that have NULL or values of two types.
            rows_at_once: number of rows of a batch.
        """
        with _read_errors(self._path):
            reader = self._reader(question, (), rows_at_once)
            try:
                yield from _told(reader)
            finally:
                reader.close()

    def _reader(
        self, question: Select[Any] | str, values: Sequence[object], rows_at_once: int
    ) -> pa.RecordBatchReader:
        if not isinstance(question, str):
            question, values = _compiled(question)
        tell(_ROWS, 0)
        self._cursor.adbc_statement.set_options(
            **{"adbc.sqlite.query.batch_rows": str(rows_at_once)}
        )
        self._cursor.execute(question, values or None)
        return self._cursor.fetch_record_batch()

    def rows(
        self, question: Select[Any] | str, values: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """Answer a statement as Python values."""
        table = self.fetch(question, values)
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def explain(self, question: Select[Any]) -> list[str]:
        """Return the steps of SQLite's query plan for a statement."""
        text, values = _compiled(question)
        return [detail for *_, detail in self.rows(f"EXPLAIN QUERY PLAN {text}", values)]


def _told(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in reader:
        rows += batch.num_rows
        tell(_ROWS, rows)
        yield batch


def _compiled(question: Select[Any]) -> tuple[str, list[object]]:
    """Return the SQL text of a statement, and the values to bind."""
    compiled = question.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(compiled), [compiled.params[name] for name in compiled.positiontup or ()]


class _Session:
    """A connection for one view at a time."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.opening = opening(path)
        with _read_errors(path):
            # Without autocommit the first read begins a transaction: all reads are of one moment.
            self.connection = dbapi.connect(self.opening.uri, autocommit=False)
            # Of itself ADBC waits for nothing, also while a server that was killed starts again.
            with self.connection.cursor() as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {READER_TIMEOUT_MS}")
            self.connection.rollback()


class Database:
    """A read-only database. Several threads may use it, one at a time.

    Raises:
        NewerSchema: a newer Waterline made it.
        DataFolderError: the file cannot be read, or is not of Waterline.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path = path
        self._closed = False
        self._session = _Session(path)
        try:
            self._check(schema)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def view(self) -> Iterator[View]:
        """Open a view. Keep it short: the WAL cannot shrink meanwhile.

        Raises:
            UsageError: the database is closed.
        """
        session = self._current()
        with session.lock:
            if self._closed:
                raise UsageError(f"{self._path} is closed here; connect to its folder again")
            try:
                with session.connection.cursor() as cursor:
                    try:
                        yield View(cursor, self._path)
                    finally:
                        self._end(session)
                session.opening.check()
            finally:
                if session is not self._session:
                    session.connection.close()

    def _end(self, session: _Session) -> None:
        """End the transaction of a view."""
        try:
            session.connection.rollback()
        except manager.InternalError:
            # SQLite has ended it by itself, as it does for some damage. Such a connection begins no
            # other, so that two reads would be of two moments.
            self._session = _Session(self._path)

    def leave(self) -> None:
        """Abandon the view that another thread reads in, so that the next one need not wait.

        Raises:
            DataFolderError: the database cannot be opened again.
        """
        if self._session.lock.locked():
            self._session = _Session(self._path)

    def _current(self) -> _Session:
        """Return the session; a new one if a writer has appeared since."""
        session = self._session
        if session.opening.holds or self._closed:
            return session
        with session.lock:
            session.connection.close()
            self._session = _Session(self._path)
        return self._session

    def close(self) -> None:
        """Close the file; it may be called again."""
        with self._session.lock:
            self._closed = True
            self._session.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, schema: Schema) -> None:
        with self.view() as view:
            ((application_id, version, tables),) = view.rows(
                "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
                "FROM pragma_application_id, pragma_user_version"
            )
        if not application_id and not tables:
            raise DataFolderError(
                f"{self._path} is empty; a server is just making it, or was stopped at that: "
                "start one and try again"
            )
        schema.check(self._path, application_id, version, self._made_by)
        if version < schema.version:
            raise DataFolderError(
                f"{self._path} has schema version {version}, this Waterline reads "
                f"{schema.version}; start its server once to bring it up to date"
            )

    def _made_by(self) -> str | None:
        """Return the version of Waterline that made the file; None if it does not say."""
        with self.view() as view:
            if not view.rows(HAS_HISTORY):
                return None
            found = view.rows(MADE_BY)
        return cast("str", found[0][0]) if found else None


def exists(path: Path) -> bool:
    """Return whether the file exists.

    Raises:
        DataFolderError: the system does not say.
    """
    try:
        return path.exists()
    except OSError as error:
        raise DataFolderError(f"{path} cannot be read: {error.strerror}") from error
