"""A batch of logs as a Parquet file that any Parquet reader can open."""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from waterline.archive.batch import Label, read_label, write_label
from waterline.encoding import Encoding

# Few values that repeat; in other columns nearly every value is new and a dictionary in vain.
FEW_VALUES: Final = ["type", "source"]
ENCODINGS: Final = {
    "seq": "DELTA_BINARY_PACKED",
    "timestamp": "DELTA_BINARY_PACKED",
    "received_at": "DELTA_BINARY_PACKED",
    "id": "DELTA_BYTE_ARRAY",
}
# A reader may skip a group. Of 20,000, 50,000 and 100,000 sample logs a group this gave the
# smallest files, by less than 1%; the time to write and read them was the same.
ROWS_A_GROUP: Final = 50_000
_LABEL: Final = b"waterline"


def encode(table: pa.Table, label: Label, encoding: Encoding) -> pa.Buffer:
    """Return logs as the bytes of a Parquet file.

    Args:
        table: logs in the columns of `SCHEMA`.
        label: kept in the file's key-value metadata under `waterline`, as JSON.
        encoding: codec (`zstd`, `gzip`, `lz4` or `snappy`) and level.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata({_LABEL: write_label(label)}),
        sink,
        row_group_size=ROWS_A_GROUP,
        compression=encoding.codec,
        compression_level=encoding.level,
        use_dictionary=FEW_VALUES,
        column_encoding=ENCODINGS,
        write_page_checksum=True,
    )
    return sink.getvalue()


def decode(
    content: pa.Buffer | bytes, columns: Sequence[str] | None = None
) -> tuple[pa.Table, Label | None]:
    """Read a Parquet file, checking the checksum of every page that is read.

    Args:
        content: the file.
        columns: those to read, where the file has them; None is all that it has.

    Returns:
        The table, without metadata; the label, if any.

    Raises:
        pa.ArrowException, OSError, msgspec.DecodeError: it is damaged or no Parquet file.
    """
    with pq.ParquetFile(pa.BufferReader(_owned(content)), page_checksum_verification=True) as file:
        about = file.metadata.metadata or {}
        label = read_label(about[_LABEL]) if _LABEL in about else None
        table = file.read(columns=columns).replace_schema_metadata(None)
    table.validate(full=True)  # else text that is no UTF-8 would show only where it is used
    return table, label


def _owned(content: pa.Buffer | bytes) -> pa.Buffer:
    """Return a copy that Arrow owns.

    Arrow's threads may let go of a file only after it is read. Of one that Python owns they need
    Python's lock for it; where Python is just ending, that aborts the process.
    """
    owned = pa.allocate_buffer(len(content))
    memoryview(owned).cast("B")[:] = memoryview(content).cast("B")
    return owned
