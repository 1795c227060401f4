"""Registry of batch formats: logs to bytes, and back with all checks that a file allows."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive import json_gz, parquet
from waterline.archive.as_stored import as_stored
from waterline.archive.attribute_columns.known_types import KnownTypes
from waterline.archive.attribute_columns.packed import is_packed
from waterline.archive.batch import VERSIONS, Label
from waterline.archive.columns import NAMES, schema_of
from waterline.encoding import FORMATS, JSON_GZ, PARQUET, BatchFormat, Encoding
from waterline.errors import ArchiveError

_DAMAGE: Final = (
    pa.ArrowException,
    OSError,
    EOFError,
    zlib.error,
    OverflowError,
    RecursionError,
    ValueError,  # msgspec.DecodeError and UnicodeDecodeError are such
)


class Serializer(Protocol):
    """What writes and reads the files of one format."""

    def encode(
        self, table: pa.Table, label: Label, encoding: Encoding, types: KnownTypes | None = None
    ) -> pa.Buffer | bytes:
        """Return logs as the bytes of a file.

        Args:
            table: logs in the columns of `SCHEMA`, by seq.
            label: what the file says of itself.
            encoding: codec and level, in the format that this was registered for.
            types: those of attributes in the folder, if columns have types; they are added to.
        """

    def decode(
        self,
        content: pa.Buffer | bytes,
        columns: Sequence[str] | None = None,
        members: Iterable[str] | None = None,
        places: pa.Array | None = None,
    ) -> tuple[pa.Table, Label | None]:
        """Return the logs of a file and its label.

        Args:
            content: the file.
            columns: those to return, in the order of `SCHEMA`; None is all that the file has.
            members: names or paths of the attributes that are needed; None is all. More may be
                returned. Attributes are JSON texts or packed.
            places: those of the logs to return, ascending; None is all.

        Raises:
            pa.ArrowException, OSError, EOFError, zlib.error, OverflowError, RecursionError,
            ValueError: the file is damaged or of another format.
        """


SERIALIZERS: Final[dict[str, Serializer]] = {PARQUET.name: parquet, JSON_GZ.name: json_gz}
"""What writes and reads each format, by its name."""


def register(
    format: BatchFormat,  # noqa: A002 - as files, settings and the catalog call it
    serializer: Serializer,
) -> None:
    """Register a batch format, for settings, file names, and all that writes or reads batches.

    Args:
        format: the format; one of the same name is replaced.
        serializer: encodes and decodes its files.
    """
    FORMATS[format.name] = format
    SERIALIZERS[format.name] = serializer


@dataclass(frozen=True, slots=True)
class BatchContent:
    """Content of a batch file.

    Attributes:
        logs: a table of the columns of `SCHEMA`, or of the wanted ones, without nulls, by seq. Its
            attributes may be packed, where that is said.
        label: what the file says of itself; None if another program wrote it without a label.
    """

    logs: pa.Table
    label: Label | None


def encode(
    table: pa.Table, label: Label, encoding: Encoding, types: KnownTypes | None = None
) -> pa.Buffer | bytes:
    """Return logs as the bytes of a batch file.

    Args:
        table: logs in the columns of `SCHEMA`, by seq.
        label: what the file says of itself.
        encoding: format, codec and level.
        types: those of attributes in the folder, which are added to; None is a file by itself.
    """
    return SERIALIZERS[encoding.format.name].encode(table, label, encoding, types)


def decode(
    content: pa.Buffer | bytes,
    format: BatchFormat,  # noqa: A002 - as files, settings and the catalog call it
    columns: Sequence[str] | None = None,
) -> BatchContent:
    """Return the content of a batch file, with attributes as JSON texts.

    Args:
        content: the file.
        format: its format.
        columns: those to read, in the order of `SCHEMA`; None is all, and then others in the file
            are damage.

    Raises:
        ArchiveError: as of `decode_packed`.
    """
    packed = decode_packed(content, format, columns)
    return replace(packed, logs=as_stored(packed.logs))


@dataclass(frozen=True, slots=True)
class Choice:
    """Which logs of a batch are wanted."""

    columns: Sequence[str]
    """Columns that tell, in the order of `SCHEMA`."""
    members: Iterable[str] | None
    """Names or paths of the attributes that tell; None is all."""
    places: Callable[[pa.Table], pa.Array | None]
    """Returns the places of the logs that are wanted, ascending; None is all. It is called with the
    columns of all logs."""


def decode_chosen(
    content: pa.Buffer | bytes,
    format: BatchFormat,  # noqa: A002 - as files, settings and the catalog call it
    columns: Sequence[str],
    members: Iterable[str] | None,
    choice: Choice,
) -> tuple[pa.Table, int]:
    """Return some logs of a batch file as `decode_packed` does, and how many it holds.

    Of a file of columns, those of the answer are read only where there are such logs.

    Args:
        content: the file.
        format: its format.
        columns: see `decode`.
        members: see `decode_packed`.
        choice: tells the logs.

    Raises:
        ArchiveError: as of `decode_packed`.
    """
    if format.has_columns:
        seen = decode_packed(content, format, choice.columns, choice.members).logs
        places = choice.places(seen)
        return decode_packed(content, format, columns, members, places).logs, seen.num_rows
    names = [name for name in NAMES if name in {*columns, *choice.columns}]
    logs = decode_packed(content, format, names).logs
    places = choice.places(logs)
    wanted = logs.select(columns)
    return wanted if places is None else wanted.take(places), logs.num_rows


def decode_packed(
    content: pa.Buffer | bytes,
    format: BatchFormat,  # noqa: A002 - as files, settings and the catalog call it
    columns: Sequence[str] | None = None,
    members: Iterable[str] | None = None,
    places: pa.Array | None = None,
) -> BatchContent:
    """Return the content of a batch file as filters read it fastest.

    Attributes are packed where they are columns, and messages a dictionary where they are one.

    Args:
        content: the file.
        format: its format.
        columns: see `decode`.
        members: names or paths of the attributes that are needed; None is all.
        places: those of the logs to return, ascending; None is all.

    Raises:
        ArchiveError: the file is damaged, or is no batch file of this format and one of `VERSIONS`.
            The sentence is about "it": the caller says which file.
    """
    try:
        table, label = SERIALIZERS[format.name].decode(content, columns, members, places)
        logs = _fit(table, columns or NAMES)
    except _DAMAGE as error:
        raise ArchiveError(f"it is no sound {format.title} file: {_first_line(error)}") from error
    if "seq" in logs.column_names:
        _check_order(logs)
    if label is not None:
        _check_label(label, logs.num_rows if places is None else label.total_logs)
    return BatchContent(logs, label)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _fit(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return a table with exactly these columns of `SCHEMA`.

    Raises:
        ArchiveError: it has other columns, or nulls.
        pa.ArrowException: a column is of another type.
    """
    if table.column_names != [*names]:
        raise ArchiveError(f"its columns are not those of logs: {', '.join(table.column_names)}")
    for name, column in zip(names, table.columns, strict=True):
        if column.null_count:
            raise ArchiveError(f"some of its logs have no {name}")
    columns = [
        column if _is_read_fast(column) else column.cast(field.type)
        for column, field in zip(table.columns, schema_of(names), strict=True)
    ]
    fields = [
        pa.field(name, column.type, nullable=False)
        for name, column in zip(names, columns, strict=True)
    ]
    return pa.table(columns, schema=pa.schema(fields))


def _is_read_fast(column: pa.ChunkedArray) -> bool:
    """Return whether a column is of a type that filters read faster than that of `SCHEMA`."""
    return is_packed(column) or column.type == pa.dictionary(pa.int32(), pa.string())


def _check_order(logs: pa.Table) -> None:
    seqs = logs.column("seq")
    if logs.num_rows > 1 and not pc.all(pc.less(seqs[:-1], seqs[1:])).as_py():
        raise ArchiveError("its logs do not ascend by seq")


def _check_label(label: Label, rows: int) -> None:
    if label.version not in VERSIONS:
        raise ArchiveError(
            f"its version is {label.version}; this Waterline reads {', '.join(VERSIONS)}"
        )
    if label.total_logs != rows:
        raise ArchiveError(f"it holds {rows:,} logs, and its label says {label.total_logs:,}")
