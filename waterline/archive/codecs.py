"""The formats of archive files: logs to bytes, and back with everything checked that can be."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive import json_gz, parquet
from waterline.archive.batch import VERSION, Label
from waterline.archive.columns import NAMES, schema_of
from waterline.encoding import Format
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
_KINDS: Final = {Format.PARQUET: "Parquet file", Format.JSON_GZ: "json.gz file"}


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive file holds.

    Attributes:
        logs: a table of the columns of `SCHEMA`, or of those that were wanted, no value null,
            `seq` ascending.
        label: what the file says of itself; None where something else wrote it, without a label.
    """

    logs: pa.Table
    label: Label | None


def encode(
    table: pa.Table,
    label: Label,
    format: Format,  # noqa: A002 - as files, settings and the catalog call it
    level: int,
) -> pa.Buffer | bytes:
    """Return logs as the bytes of an archive file.

    Args:
        table: logs with `SCHEMA`, by seq.
        label: what the file is to say of itself.
        format: what to write it as.
        level: how hard the codec tries, one of `waterline.encoding.LEVELS[format]`.
    """
    if format is Format.PARQUET:
        return parquet.encode(table, label, level)
    return json_gz.encode(table, label, level)


def decode(
    content: pa.Buffer | bytes,
    format: Format,  # noqa: A002 - as files, settings and the catalog call it
    columns: Sequence[str] | None = None,
) -> Contents:
    """Read an archive file.

    Args:
        content: the file.
        format: what it is.
        columns: those to read, in the order of `SCHEMA`; None is all, and then others in the file
            are damage.

    Raises:
        ArchiveError: it is damaged, or no archive file of this format and `VERSION`. The sentence
            is about "it": the caller says which file.
    """
    try:
        if format is Format.PARQUET:
            table, label = parquet.decode(content, columns)
            logs = _fit(table, columns or NAMES)
        else:
            table, label = json_gz.decode(content)
            logs = _fit(table, NAMES).select(columns or NAMES)
    except _DAMAGE as error:
        raise ArchiveError(f"it is no sound {_KINDS[format]}: {_first_line(error)}") from error
    if "seq" in logs.column_names:
        _check_order(logs)
    if label is not None:
        _check_label(label, logs.num_rows)
    return Contents(logs, label)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _fit(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return a table with exactly these columns of `SCHEMA`.

    Raises:
        ArchiveError: it has other columns, or nulls.
        pa.ArrowException: a column is of another type.
    """
    if table.column_names != [*names]:
        raise ArchiveError(f"it has other columns than logs have: {', '.join(table.column_names)}")
    for name, column in zip(names, table.columns, strict=True):
        if column.null_count:
            raise ArchiveError(f"some of its logs have no {name}")
    return table.cast(schema_of(names))


def _check_order(logs: pa.Table) -> None:
    seqs = logs.column("seq")
    if logs.num_rows > 1 and not pc.all(pc.less(seqs[:-1], seqs[1:])).as_py():
        raise ArchiveError("its logs do not ascend by seq")


def _check_label(label: Label, rows: int) -> None:
    if label.version != VERSION:
        raise ArchiveError(f"its version is {label.version}; this Waterline reads {VERSION}")
    if label.total_logs != rows:
        raise ArchiveError(f"it holds {rows:,} logs, but says that they are {label.total_logs:,}")
