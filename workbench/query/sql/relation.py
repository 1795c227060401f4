"""A relation that SQL sees: read when a statement needs it, of it only what it needs."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import Dataset

from waterline.errors import WaterlineError

Read = Callable[[tuple[str, ...], pc.Expression | None], Iterable[pa.Table]]
"""Is given the columns that are needed and the filter, which it need not apply; returns tables."""


class Relation(Dataset):  # type: ignore[misc] # pyarrow has no types
    """A dataset in Arrow's sense, as DuckDB takes it: asked for columns and rows, it scans.

    Args:
        schema: all its columns.
        read: reads some of them.

    Attributes:
        fault: why reading failed, if it did: DuckDB keeps no more of an error than its text.
        rows: how many rows were read.
    """

    def __init__(self, schema: pa.Schema, read: Read) -> None:
        # The base class is there to be recognised; it offers no way to be made.
        self.fault: WaterlineError | None = None
        self.rows = 0
        self._schema = schema
        self._is_stopped = False
        self._read = read

    @property
    def schema(self) -> pa.Schema:
        """All columns."""
        return self._schema

    def stop(self) -> None:
        """End the readings that go on, soon; for another thread."""
        self._is_stopped = True

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: pc.Expression | None = None,  # noqa: A002 - Arrow's name
        **_: object,
    ) -> "Scan":
        """Return what reads some columns of the rows that pass a filter."""
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
    """One reading of a relation, in Arrow's shape."""

    def __init__(self, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> None:
        self.projected_schema = schema
        self._rows = rows

    def to_reader(self) -> pa.RecordBatchReader:
        """Return the rows, piece by piece."""
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._rows)


def _named(filter: pc.Expression, schema: pa.Schema) -> list[str]:  # noqa: A002
    """Return the columns that a filter names: those without which it has no meaning."""
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
