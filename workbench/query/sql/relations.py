"""Relations of SQL: logs, archived batches, measurements; each reads only what is asked for."""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import Dataset, FileSystemDataset, ParquetFileFormat
from pyarrow.fs import LocalFileSystem
from sqlalchemy import Integer

from waterline.archive.as_stored import as_stored
from waterline.archive.columns import MOMENT, SCHEMA
from waterline.errors import WaterlineError
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.storage.catalog import COLUMNS
from waterline.storage.folder import DataFolder
from waterline.storage.schema import METRICS
from waterline.storage.tables import archive_batches
from workbench.query.archived import read_batches
from workbench.query.database import Database
from workbench.query.execute import Logs
from workbench.query.pin import Pin
from workbench.query.question import Question
from workbench.query.scan import LogScan

_FORMAT: Final = ParquetFileFormat()
_FILES: Final = LocalFileSystem()


def bounds(filter: pc.Expression, name: str, schema: pa.Schema, within: range) -> range:  # noqa: A002
    """Return the range of integers that a filter lets a column have.

    Args:
        filter: an expression over the columns of `schema`.
        name: name of the column, of integers or moments.
        schema: the columns and their types.
        within: the range of all values of the column.

    Returns:
        A part of `within`. Some values in it may not pass; none outside does.
    """
    column, kind = pc.field(name), schema.field(name).type
    first = bisect_left(
        within,
        True,
        key=lambda value: _may_pass(filter, schema, column <= pa.scalar(value, kind)),
    )
    behind = bisect_left(
        within,
        True,
        lo=min(first + 1, len(within)),
        key=lambda value: not _may_pass(filter, schema, column >= pa.scalar(value, kind)),
    )
    return within[first:behind]


def times_within(
    filter: pc.Expression | None,  # noqa: A002 - Arrow's name
    schema: pa.Schema,
) -> tuple[int | None, int | None] | None:
    """Return from when (inclusive) and until when (exclusive) logs may pass a filter.

    Args:
        filter: an expression over the columns of `schema`, or None.
        schema: the columns of logs, and their types.

    Returns:
        Milliseconds UTC, None for no bound; None if no log passes.
    """
    times = _TIMESTAMPS
    if filter is not None:
        times = bounds(filter, "timestamp", schema, times)
    if not times:
        return None
    since = None if times[0] == MIN_TIMESTAMP else times[0]
    return since, None if times[-1] == MAX_TIMESTAMP else times[-1] + 1


def _may_pass(filter: pc.Expression, schema: pa.Schema, known: pc.Expression) -> bool:  # noqa: A002
    """Return whether rows that meet a known condition may pass a filter.

    Arrow's expressions cannot be inspected, but a dataset leaves out files whose known condition
    contradicts the filter. This dataset has one file, which is never opened.
    """
    file = _FORMAT.make_fragment("none", filesystem=_FILES, partition_expression=known)
    dataset = FileSystemDataset([file], schema, _FORMAT, _FILES)
    return any(True for _ in dataset.get_fragments(filter=filter))


Read = Callable[[tuple[str, ...], pc.Expression | None], Iterable[pa.Table]]
"""Yields tables of the needed columns; it may, but need not, apply the filter."""


class Relation(Dataset):  # type: ignore[misc] # pyarrow has no types
    """A dataset of Arrow, as DuckDB scans it for columns and rows.

    Args:
        schema: all columns.
        read: reads some columns.

    Attributes:
        fault: error of reading, or None: DuckDB keeps only the text of an error.
        rows: number of rows read.
        members: names of the attributes that are needed; None is all.
    """

    def __init__(self, schema: pa.Schema, read: Read) -> None:
        # DuckDB recognises the base class, which has no constructor.
        self.fault: WaterlineError | None = None
        self.rows = 0
        self.members: tuple[str, ...] | None = None
        self._schema = schema
        self._is_stopped = False
        self._read = read

    @property
    def schema(self) -> pa.Schema:
        """All columns."""
        return self._schema

    def stop(self) -> None:
        """End running scans soon; another thread may call it."""
        self._is_stopped = True

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: pc.Expression | None = None,  # noqa: A002 - Arrow's name
        **_: object,
    ) -> "Scan":
        """Return a scan of some columns of the rows that pass a filter."""
        names = tuple(self._schema.names if columns is None else columns)
        schema = pa.schema([self._schema.field(name) for name in names])
        return Scan(schema, self._rows(names, filter))

    def _rows(
        self,
        names: tuple[str, ...],
        filter: pc.Expression | None,  # noqa: A002
    ) -> Iterator[pa.RecordBatch]:
        needed = {*names} if filter is None else {*names, *_named(filter, self._schema)}
        in_order = tuple(name for name in self._schema.names if name in needed)
        try:
            for table in self._read(in_order, filter):
                if self._is_stopped:
                    return
                self.rows += table.num_rows
                passing = table if filter is None else table.filter(filter)
                yield from passing.select(names).to_batches()
        except WaterlineError as error:
            self.fault = error
            raise


class Scan:
    """One scan of a relation, with the interface of Arrow's scanner."""

    def __init__(self, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> None:
        self.projected_schema = schema
        self._rows = rows

    def to_reader(self) -> pa.RecordBatchReader:
        """Return a reader of the rows."""
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._rows)


def _named(filter: pc.Expression, schema: pa.Schema) -> list[str]:  # noqa: A002
    """Return the columns that a filter names."""
    return [
        field.name
        for field in schema
        if not _has_meaning(filter, [each for each in schema if each.name != field.name])
    ]


def _has_meaning(filter: pc.Expression, fields: list[pa.Field]) -> bool:  # noqa: A002
    try:
        pa.schema(fields).empty_table().filter(filter)
    except pa.ArrowInvalid:
        return False
    return True


_TIMESTAMPS: Final = range(MIN_TIMESTAMP, MAX_TIMESTAMP + 1)
# Logs that are read at once, by the index of timestamps; more are walked through by seq.
_FEW: Final = 100_000
SLICE: Final = 50_000
"""Logs whose JSON is put together at a time."""


@dataclass(frozen=True, slots=True)
class _TakeStored:
    """Takes columns of logs as they were stored."""

    columns: tuple[str, ...]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the columns."""
        return as_stored(table.select(self.columns))


class LogsRelation:
    """The logs of a data folder as a relation.

    Args:
        folder: the data folder.
        database: its logs.db.
        logs: answers questions about them.
        pin: the moment of every scan.

    Attributes:
        lacks: sentence about pruned logs that may have matched, or None.
        relation: the relation that DuckDB scans.
    """

    def __init__(self, folder: DataFolder, database: Database, logs: Logs, pin: Pin) -> None:
        self.lacks: str | None = None
        self.relation = Relation(SCHEMA, self._read)
        self._folder = folder
        self._database = database
        self._logs = logs
        self._pin = pin

    def _read(
        self,
        columns: tuple[str, ...],
        filter: pc.Expression | None,  # noqa: A002 - Arrow's name
    ) -> Iterator[pa.Table]:
        seqs = range(1, self._pin.seq + 1)
        if filter is not None:
            seqs = bounds(filter, "seq", SCHEMA, seqs)
        times = times_within(filter, SCHEMA)
        if not seqs or times is None:
            return
        question = Question(
            columns=columns,
            members=self.relation.members,
            order=None,
            pin=self._pin,
            since=times[0],
            until=times[1],
        )
        if question.since is not None or question.until is not None:
            few = self._few(question)
            if few is not None:
                yield from few
                return
        scan = LogScan(self._folder, self._database, question, seqs, packed=True)
        self.lacks = self.lacks or scan.lacks
        for table in scan.tables():
            # The JSON of a whole batch would take a hundred MB, and is not always taken.
            for start in range(0, table.num_rows, SLICE):
                # What is left out of an object is nothing that the statement asks for.
                yield as_stored(table.slice(start, SLICE))

    def _few(self, question: Question) -> list[pa.Table] | None:
        """Return the logs of a range of time, or None if there are many."""
        if self._logs.most(question) > _FEW:
            return None
        answer = self._logs.parts(question, _TakeStored(question.columns))
        self.lacks = self.lacks or answer.lacks
        return answer.value


BATCH_COLUMNS: Final = pa.schema(
    [
        pa.field(
            name,
            MOMENT
            if name.endswith(("_timestamp", "_at"))
            else pa.int64()
            if isinstance(archive_batches.c[name].type, Integer)
            else pa.string(),
        )
        for name in COLUMNS
    ]
)
METRIC_COLUMNS: Final = pa.schema(
    [
        ("id", pa.int64()),
        ("metric_name", pa.string()),
        ("value", pa.float64()),
        ("timestamp", MOMENT),
        ("metadata", pa.string()),
    ]
)
_TIMES: Final = range(MAX_TIMESTAMP + 1)


def batches_relation(database: Database) -> Relation:
    """Return the relation of archived batches, pruned ones too; `types` and `sources` are JSON."""

    def read(columns: tuple[str, ...], _: pc.Expression | None) -> Iterator[pa.Table]:
        with database.view() as view:
            batches = read_batches(view)
        rows = [{name: _plain(getattr(each, name)) for name in columns} for each in batches]
        yield pa.Table.from_pylist(rows, pa.schema([BATCH_COLUMNS.field(name) for name in columns]))

    return Relation(BATCH_COLUMNS, read)


def metrics_relation(folder: DataFolder) -> Relation:
    """Return the relation of measurements, a row a step, metric and label; see `wb.latency`.

    Steps are seconds, and minutes or hours for earlier times, as they are kept, without overlap.
    """

    def read(
        columns: tuple[str, ...],
        filter: pc.Expression | None,  # noqa: A002 - Arrow's name
    ) -> Iterator[pa.Table]:
        schema = pa.schema([METRIC_COLUMNS.field(name) for name in columns])
        times = _TIMES if filter is None else bounds(filter, "timestamp", METRIC_COLUMNS, _TIMES)
        if not times or not folder.metrics.exists():
            yield schema.empty_table()
            return
        chosen = ", ".join(columns)
        with Database(folder.metrics, METRICS) as metrics, metrics.view() as view:
            table = view.fetch(
                f"SELECT {chosen} FROM performance_metrics WHERE timestamp BETWEEN ? AND ?",
                (times[0], times[-1]),
            )
        yield table.cast(schema)

    return Relation(METRIC_COLUMNS, read)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
