"""Logs of one source that a data folder holds, hot and archived, found by their ids."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Final, NamedTuple, Self, cast

import apsw
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.catalog import read_catalog
from waterline.archive.reader import BatchReader
from waterline.records import Record
from waterline.storage.catalog import read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_reader, open_writer, sqlite_errors

_COLUMNS: Final = ("id", "type", "timestamp", "source", "message", "attributes")
# Milliseconds between the times of one log in two tables: one may be in whole seconds, or be when
# the row was written.
_SAME_TIME: Final = 60_000
# What a row of `logs` says of itself besides the log.
_BOOKKEEPING: Final = frozenset(("created_at", "createdAt", "processed"))

_decode: Final = msgspec.json.Decoder(dict[str, object]).decode


class Content(NamedTuple):
    """What a stored log says, attributes as JSON."""

    type: str
    timestamp: int
    message: str
    attributes: str

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return what a log says that has a timestamp."""
        assert record.timestamp is not None
        return cls(record.type, record.timestamp, record.message, record.attributes)

    def is_said_by(self, other: "Content") -> bool:
        """Return whether another log with the same id says all of this one."""
        if self == other:
            return True
        if (self.type, self.message) != (other.type, other.message):
            return False
        if abs(self.timestamp - other.timestamp) > _SAME_TIME:
            return False
        mine, theirs = _decode(self.attributes), _decode(other.attributes)
        return all(
            theirs.get(name) == each for name, each in mine.items() if name not in _BOOKKEEPING
        )


class Known:
    """Logs of one source in a data folder, and those that a dry run would store.

    Archived logs are read once, into a temporary database.

    Args:
        logs: a connection to logs.db; None if there is none.
        folder: the data folder.
        source: the source of the logs.
    """

    def __init__(self, logs: apsw.Connection | None, folder: DataFolder, source: str) -> None:
        self._logs = logs
        self._source = source
        self._opened = ExitStack()
        # SQLite keeps what does not fit into its cache in a temporary file, and removes that.
        self._others = apsw.Connection("")
        self._opened.callback(self._others.close)
        self._others.execute("PRAGMA journal_mode = OFF")
        self._others.execute(
            "CREATE TABLE logs (id TEXT PRIMARY KEY, type, timestamp, message, attributes) "
            "WITHOUT ROWID"
        )
        self._others.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._others.execute("BEGIN")
        if logs is not None:
            reader = BatchReader(folder)
            for batch in read_batches(logs):
                if batch.is_kept and source in batch.sources:
                    self._add_table(reader.read(batch, _COLUMNS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def find(self, log_id: str) -> Content | None:
        """Return what the log with an id says; None if there is none."""
        row = None
        if self._logs is not None:
            row = self._logs.execute(
                "SELECT type, timestamp, message, attributes FROM logs WHERE source = ? AND id = ?",
                (self._source, log_id),
            ).fetchone()
        if row is None:
            row = self._others.execute(
                "SELECT type, timestamp, message, attributes FROM logs WHERE id = ?", (log_id,)
            ).fetchone()
        return None if row is None else Content(*cast("tuple[str, int, str, str]", row))

    def see(self, log_id: str) -> bool:
        """Note an id of what is moved in; return whether it is the first time."""
        self._others.execute("INSERT OR IGNORE INTO seen VALUES (?)", (log_id,))
        return self._others.changes() == 1

    def add(self, records: Iterable[Record]) -> None:
        """Take it that logs are stored."""
        self._insert((each.id, *Content.of(each)) for each in records)

    def _add_table(self, logs: pa.Table) -> None:
        of_source = logs.filter(pc.equal(logs["source"], self._source)).drop_columns("source")
        times = of_source["timestamp"].cast(pa.int64())
        at = of_source.column_names.index("timestamp")
        numbered = of_source.set_column(at, "timestamp", times)
        self._insert(zip(*(each.to_pylist() for each in numbered.columns), strict=True))

    def _insert(self, rows: Iterable[tuple[object, ...]]) -> None:
        self._others.executemany(
            "INSERT OR IGNORE INTO logs VALUES (?, ?, ?, ?, ?)",
            cast("Iterable[tuple[str, str, int, str, str]]", rows),
        )


@contextmanager
def writing(folder: DataFolder, source: str) -> Iterator[tuple[apsw.Connection, Known]]:
    """Open the logs.db of a locked folder for writing, with what it knows of a source.

    Args:
        folder: the data folder.
        source: the source of the logs.

    Raises:
        DataFolderError: logs.db cannot be read or written.
    """
    with (
        closing(open_writer(folder.logs, LOGS, "FULL")) as connection,
        sqlite_errors(folder.logs),
        Known(connection, folder, source) as known,
    ):
        yield connection, known


@contextmanager
def rehearsing(folder: DataFolder, source: str) -> Iterator[Known]:
    """Open the logs.db of a folder for reading, if there is one; see `writing`.

    Args:
        folder: the data folder.
        source: the source of the logs.
    """
    with ExitStack() as opened:
        connection = None
        if folder.logs.exists():
            read_catalog(folder)  # it refuses a file of another version
            connection = opened.enter_context(closing(open_reader(folder.logs)))
            opened.enter_context(sqlite_errors(folder.logs))
        yield opened.enter_context(Known(connection, folder, source))
