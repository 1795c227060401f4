"""An answer as a stream of Arrow IPC, which any reader of Arrow takes.

Metadata of its schema tell what is known at the begin. The last message is a batch without rows,
whose metadata tell what is known at the end. A stream without it has broken off.

Where a remote workbench asks, logs of archives may come as they lie there: attributes as columns,
texts as dictionaries. As columns are others in each batch, its logs are a stream of Arrow of their
own, and streams follow each other up to the one with the last message. A batch of which every log
is asked for may come as its file: a message of a stream with the one column `file`.
"""

from collections.abc import Iterator
from typing import IO, Any, Final

import pyarrow as pa

from waterline.archive.attribute_columns.packed import NAME, PackedType
from workbench.query.batch_file import BatchFile, TableOrFile
from workbench.wire.codec import CODEC
from workbench.wire.values import Unreadable

ARROW: Final = "application/vnd.apache.arrow.stream"
JSON: Final = "application/json"

_KEY: Final = b"waterline"
# Beside a file, what it is.
_FILE: Final = b"waterline-file"
_FILES: Final = pa.schema([("file", pa.large_binary())])
# Of a million logs level -1 and lz4 made half as much again, and took as long at both ends.
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))
# Files are compressed already.
_AS_THEY_ARE: Final = pa.ipc.IpcWriteOptions()
# As Arrow writes a type that its reader does not know.
_NAME: Final = b"ARROW:extension:name"
_ABOUT: Final = b"ARROW:extension:metadata"

Told = dict[str, Any]
"""What a stream tells beside its rows, by name."""


class Writer:
    """Writes a stream.

    Args:
        sink: takes the bytes.
        schema: columns of the rows.
        head: what is known at the begin.
    """

    def __init__(self, sink: Any, schema: pa.Schema, head: Told) -> None:  # noqa: ANN401 - any file
        self._sink = sink
        self._begin(schema.with_metadata({_KEY: CODEC.encode(head)}))

    def _begin(self, schema: pa.Schema, options: pa.ipc.IpcWriteOptions = _OPTIONS) -> None:
        self._schema = schema
        self._writer = pa.ipc.new_stream(self._sink, schema, options=options)

    def write(self, logs: TableOrFile) -> None:
        """Append rows: a message a table, or a file."""
        if isinstance(logs, BatchFile):
            self._write_file(logs)
            return
        told = logs.replace_schema_metadata(self._schema.metadata)
        if told.schema != self._schema:
            self._writer.close()
            self._begin(told.schema)
        for batch in told.combine_chunks().to_batches():
            if batch.num_rows:
                self._writer.write_batch(batch)

    def _write_file(self, file: BatchFile) -> None:
        schema = _FILES.with_metadata(self._schema.metadata)
        if schema != self._schema:
            self._writer.close()
            self._begin(schema, _AS_THEY_ARE)
        told = {"format": file.format, "rows": file.num_rows}
        offsets = pa.array([0, len(file.content)], pa.int64()).buffers()[1]
        # A list of bytes would be copied.
        buffers = [None, offsets, pa.py_buffer(file.content)]
        content = pa.Array.from_buffers(pa.large_binary(), 1, buffers)
        batch = pa.record_batch([content], schema=schema)
        self._writer.write_batch(batch, custom_metadata={_FILE: CODEC.encode(told)})

    def end(self, tail: Told) -> None:
        """Append the last message.

        Args:
            tail: what is known at the end.
        """
        none = pa.RecordBatch.from_pylist([], schema=self._schema)
        self._writer.write_batch(none, custom_metadata={_KEY: CODEC.encode(tail)})
        self._writer.close()


class Reader:
    """Reads a stream.

    Args:
        source: yields the bytes.

    Attributes:
        schema: columns of the rows.
        head: what was known at the begin.
        tail: what was known at the end; None before it was read.

    Raises:
        Unreadable: it is no such stream.
        pa.ArrowInvalid, OSError: it is damaged, or has broken off.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._open()
        metadata = self._reader.schema.metadata or {}
        if _KEY not in metadata:
            raise Unreadable("the answer is none of Waterline's")
        self.schema = self._reader.schema.remove_metadata()
        self.head: Told = CODEC.decode(metadata[_KEY])
        self.tail: Told | None = None

    def _go_on(self) -> None:
        """Open the stream behind that of a batch."""
        try:
            self._open()
        except pa.ArrowInvalid as error:
            raise Unreadable("the answer broke off") from error

    def _open(self) -> None:
        self._reader = pa.ipc.open_stream(pa.PythonFile(self._source, mode="r"))

    def rest(self) -> bytes:
        """Return what follows the stream.

        Raises:
            OSError: the source has broken off.
        """
        return self._source.read()

    def batches(self) -> Iterator[pa.RecordBatch | BatchFile]:
        """Yield the rows, until the last message was read; see `as_stored` for those of archives.

        Raises:
            Unreadable: the stream ended before its last message.
            pa.ArrowInvalid, OSError: it is damaged, or has broken off.
        """
        while True:
            try:
                batch, metadata = self._reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                if self.tail is not None:
                    break
                self._go_on()
                continue
            if metadata is not None and _KEY in metadata:
                self.tail = CODEC.decode(metadata[_KEY])
            elif self.tail is not None:
                raise Unreadable("the answer goes on behind its end")
            elif metadata is not None and _FILE in metadata:
                yield _file(batch, CODEC.decode(metadata[_FILE]))
            else:
                yield _with_packed(batch.replace_schema_metadata(None))


def _file(batch: pa.RecordBatch, told: object) -> BatchFile:
    """Return the file in a message.

    Raises:
        Unreadable: it has none.
    """
    match told:
        case {"format": str(name), "rows": int(rows)} if batch.schema.equals(_FILES):
            if batch.num_rows == 1:
                return BatchFile(batch.column(0)[0].as_py(), name, rows)
    raise Unreadable("the answer has a file of no known form")


def _with_packed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with attributes packed where that is what a plain struct stands for.

    Raises:
        Unreadable: it says so, and stands for none.
    """
    for place, field in enumerate(batch.schema):
        about = field.metadata or {}
        if about.get(_NAME) != NAME.encode():
            continue
        try:
            packed = PackedType.__arrow_ext_deserialize__(field.type, about.get(_ABOUT, b""))
        except (ValueError, TypeError) as error:
            raise Unreadable(f"the answer has attributes of no known form: {error}") from error
        column = pa.ExtensionArray.from_storage(packed, batch.column(place))
        batch = batch.set_column(place, pa.field(field.name, packed), column)
    return batch
