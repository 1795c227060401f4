"""JSON serializer: a batch as one gzipped JSON document that any JSON reader can open."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import pyarrow as pa

from waterline.archive.attribute_columns.known_types import KnownTypes
from waterline.archive.batch import Label
from waterline.archive.columns import NAMES, SCHEMA
from waterline.encoding import Encoding
from waterline.records import StoredLog

# Makes zlib write and expect a gzip header (RFC 1952), without a time.
_GZIP: Final = 31


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    metadata: Label | None = None
    logs: list[StoredLog]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(_Document)


def encode(
    table: pa.Table,
    label: Label,
    encoding: Encoding,
    types: KnownTypes | None = None,  # noqa: ARG001 - JSON has any type
) -> bytes:
    """Return logs as the bytes of a gzipped JSON document `{"metadata": label, "logs": [...]}`.

    The members of a log are its columns. Times are milliseconds UTC, attributes the stored JSON.

    Args:
        table: logs in the columns of `SCHEMA`.
        label: the document's `metadata`.
        encoding: the level of gzip; None is that of zlib.
        types: those of attributes in the folder; they do not matter.
    """
    text = _encoder.encode(_Document(metadata=label, logs=stored_logs(table)))
    level = zlib.Z_DEFAULT_COMPRESSION if encoding.level is None else encoding.level
    return zlib.compress(text, level, _GZIP)


def decode(
    content: pa.Buffer | bytes,
    columns: Sequence[str] | None = None,
    members: Iterable[str] | None = None,  # noqa: ARG001 - the text holds all of them
    places: pa.Array | None = None,
) -> tuple[pa.Table, Label | None]:
    """Read a gzipped JSON document.

    Args:
        content: the gzipped document.
        columns: those to return, in the order of `SCHEMA`; None is all. All are decoded.
        members: the attributes that are needed; all are returned.
        places: those of the logs to return; None is all.

    Returns:
        The logs, with attributes as the text in the document, and the label, if any.

    Raises:
        zlib.error, EOFError: the data is damaged or no gzip.
        msgspec.DecodeError, RecursionError: the JSON is no such document.
        pa.ArrowException, OverflowError: a value does not fit its column.
    """
    document = _decoder.decode(_unzip(content))
    table = _table_of(document.logs).select(columns or NAMES)
    return table if places is None else table.take(places), document.metadata


def _unzip(content: pa.Buffer | bytes) -> bytes:
    unzip = zlib.decompressobj(_GZIP)
    text = unzip.decompress(content)
    if not unzip.eof:
        raise EOFError("it ends too early")
    if unzip.unused_data:
        raise zlib.error("more bytes follow where it should end")
    return text


def stored_logs(table: pa.Table) -> list[StoredLog]:
    """Return the rows of a table as stored logs."""
    columns = [_numbers_for_moments(column).to_pylist() for column in table.columns]
    columns[-1] = map(msgspec.Raw, columns[-1])
    return list(map(StoredLog, *columns))


def _numbers_for_moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


def _table_of(logs: list[StoredLog]) -> pa.Table:
    """Return logs as a table of `SCHEMA`; raises on invalid UTF-8."""
    columns = [
        pa.array([each.seq for each in logs], pa.int64()),
        pa.array([each.id for each in logs], pa.string()),
        pa.array([each.type for each in logs], pa.string()),
        pa.array([each.timestamp for each in logs], pa.int64()),
        pa.array([each.received_at for each in logs], pa.int64()),
        pa.array([each.source for each in logs], pa.string()),
        pa.array([each.message for each in logs], pa.string()),
        pa.array([bytes(each.attributes) for each in logs], pa.string()),
    ]
    return pa.table(columns, names=SCHEMA.names).cast(SCHEMA)
