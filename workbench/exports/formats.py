"""Formats of exports: JSON lines, CSV and Parquet, written in pieces into a stream."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import BinaryIO, Final, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from waterline.archive.columns import SCHEMA
from waterline.archive.json_gz import stored_logs
from waterline.archive.parquet_columns import ENCODINGS
from waterline.encoding import PARQUET
from waterline.printable import printable_json
from waterline.recognition.time_values import MILLISECONDS_BELOW, SECONDS_BELOW
from waterline.records import StoredLog
from workbench.frames import in_microseconds

# Logs that are Python objects at a time.
_LOGS_AT_ONCE: Final = 10_000
# Few distinct values; in other columns nearly every value is new, so a dictionary gains nothing.
_FEW_VALUES: Final = ["type", "source"]
_ROWS_A_GROUP: Final = 50_000
# Bytes of a row group at most, as it is held in memory.
_GROUP_SIZE: Final = 64 * 2**20
# RFC 3339; %S includes the milliseconds of the type.
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_MOMENTS: Final = ("timestamp", "received_at")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Beginnings of formulas for spreadsheets, also behind blanks and quotes, and full-width.
_FORMULA: Final = (
    r"""\A([\s\p{Z}\p{Cc}\p{Cf}"'`]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}\x{2212}]|[\t\r\n])"""
)
_NUMBER: Final = r"\A[+-]?([0-9]+([.,][0-9]+)*|[.][0-9]+)([eE][+-]?[0-9]+)?%?\z"
# Marks a cell as text.
_TEXT_MARK: Final = "'"
_CSV_SCHEMA: Final = pa.schema(
    [
        pa.field(each.name, pa.string() if each.name in _MOMENTS else each.type, nullable=False)
        for each in SCHEMA
    ]
)


class ExportFormat(StrEnum):
    """Format of an export."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Output:
    """A stream that counts its bytes, and ignores writes once stopped.

    Args:
        stream: the stream, which need not be seekable, and is left open.

    Attributes:
        size: number of bytes written.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._is_stopped = False
        self.size = 0
        self.closed = False
        """For Arrow, which asks."""

    def write(self, content: bytes) -> int:
        """Write all bytes."""
        if not self._is_stopped:
            self._stream.write(content)
            self.size += len(content)
        return len(content)

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self.size

    def flush(self) -> None:
        """Do nothing, as the owner of the stream flushes it."""

    def close(self) -> None:
        """Do nothing, as the owner of the stream closes it."""

    def stop(self) -> None:
        """Ignore further writes, so that a failed export does not end as if it were whole."""
        self._is_stopped = True


class LogWriter(Protocol):
    """Writes logs in one format."""

    def write(self, table: pa.Table) -> None:
        """Append logs with the columns of SCHEMA."""

    def close(self) -> None:
        """Write the end of the format."""


def open_log_writer(
    format: ExportFormat,  # noqa: A002 - what everybody calls it
    output: Output,
    *,
    raw: bool = False,
) -> LogWriter:
    """Return a writer of logs; `raw` leaves cells of CSV that a spreadsheet would run.

    Args:
        format: the format.
        output: takes the bytes.
        raw: whether cells of CSV that a spreadsheet would run stay as they are.
    """
    if format is ExportFormat.CSV:
        return _Csv(output, raw=raw)
    return _JsonLines(output) if format is ExportFormat.JSONL else _Parquet(output)


class _JsonLines:
    """A log a line, as `/live` sends them: times as milliseconds UTC, attributes as an object.

    A timestamp that would be read in another unit when it is sent again, as a number is read by its
    size, is a text of RFC 3339.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, table: pa.Table) -> None:
        for start in range(0, table.num_rows, _LOGS_AT_ONCE):
            logs = stored_logs(table.slice(start, _LOGS_AT_ONCE))
            lines = self._encode(list(map(_unmistakable, logs)))
            self._output.write(printable_json(lines))

    def close(self) -> None:
        pass


def _unmistakable(log: StoredLog) -> StoredLog | dict[str, object]:
    if SECONDS_BELOW <= log.timestamp < MILLISECONDS_BELOW:
        return log
    written = (_EPOCH + timedelta(milliseconds=log.timestamp)).isoformat(timespec="milliseconds")
    return msgspec.structs.asdict(log) | {"timestamp": written}


class _Csv:
    """CSV (RFC 4180) with a header; lines end in LF, times are ISO 8601 in UTC."""

    def __init__(self, output: Output, *, raw: bool) -> None:
        self._raw = raw
        self._writer = pa.csv.CSVWriter(pa.PythonFile(output, mode="w"), _CSV_SCHEMA)

    def write(self, table: pa.Table) -> None:
        columns = [
            pc.strftime(column, format=_MOMENT)
            if name in _MOMENTS
            else column
            if self._raw
            else as_text_cells(column)
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
        self._writer.write_table(pa.table(columns, schema=_CSV_SCHEMA))

    def close(self) -> None:
        self._writer.close()


def as_text_cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return cells that no spreadsheet runs; numbers, and columns of no text, are unchanged."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    suspect = pc.match_substring_regex(column, _FORMULA)
    if not pc.any(suspect).as_py():
        return column
    harmless = pc.invert(pc.match_substring_regex(column, _NUMBER))
    quoted = pc.binary_join_element_wise(
        pa.scalar(_TEXT_MARK, column.type), column, pa.scalar("", column.type)
    )
    return pc.if_else(pc.and_(suspect, harmless), quoted, column)


class _Parquet:
    """Parquet with the columns of SCHEMA, written as archive files are, times in microseconds.

    Microseconds are the unit of our frames.
    """

    def __init__(self, output: Output) -> None:
        self._writer = pq.ParquetWriter(
            pa.PythonFile(output, mode="w"),
            in_microseconds(SCHEMA.empty_table()).schema,
            compression=PARQUET.codec,
            compression_level=PARQUET.level,
            use_dictionary=_FEW_VALUES,
            column_encoding=ENCODINGS,
            write_page_checksum=True,
        )
        self._waiting: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        self._waiting.append(in_microseconds(table))
        rows = sum(each.num_rows for each in self._waiting)
        if rows >= _ROWS_A_GROUP or sum(each.nbytes for each in self._waiting) >= _GROUP_SIZE:
            self._write_groups()

    def close(self) -> None:
        self._write_groups()
        self._writer.close()

    def _write_groups(self) -> None:
        if any(each.num_rows for each in self._waiting):
            self._writer.write_table(pa.concat_tables(self._waiting), _ROWS_A_GROUP)
        self._waiting = []
