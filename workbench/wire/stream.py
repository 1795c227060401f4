"""An answer as a stream of Arrow IPC, which any reader of Arrow takes.

Metadata of its schema tell what is known at the begin. The last message is a batch without rows,
whose metadata tell what is known at the end. A stream without it has broken off.
"""

from collections.abc import Iterator
from typing import IO, Any, Final

import pyarrow as pa

from workbench.wire.codec import CODEC
from workbench.wire.values import Unreadable

ARROW: Final = "application/vnd.apache.arrow.stream"
JSON: Final = "application/json"

_KEY: Final = b"waterline"
# Level 1 made a million logs a quarter smaller, and took more than twice as long at both ends.
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=-1))

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
        self._schema = schema.with_metadata({_KEY: CODEC.encode(head)})
        self._writer = pa.ipc.new_stream(sink, self._schema, options=_OPTIONS)

    def write(self, table: pa.Table) -> None:
        """Append rows: a message a table."""
        told = table.replace_schema_metadata(self._schema.metadata)
        for batch in told.combine_chunks().to_batches():
            if batch.num_rows:
                self._writer.write_batch(batch)

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
        self._reader = pa.ipc.open_stream(pa.PythonFile(source, mode="r"))
        metadata = self._reader.schema.metadata or {}
        if _KEY not in metadata:
            raise Unreadable("the answer is none of Waterline's")
        self.schema = self._reader.schema.remove_metadata()
        self.head: Told = CODEC.decode(metadata[_KEY])
        self.tail: Told | None = None

    def rest(self) -> bytes:
        """Return what follows the stream.

        Raises:
            OSError: the source has broken off.
        """
        return self._source.read()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, until the last message was read.

        Raises:
            Unreadable: the stream ended before its last message.
            pa.ArrowInvalid, OSError: it is damaged, or has broken off.
        """
        while True:
            try:
                batch, metadata = self._reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                break
            if metadata is not None and _KEY in metadata:
                self.tail = CODEC.decode(metadata[_KEY])
            elif self.tail is not None:
                raise Unreadable("the answer goes on behind its end")
            else:
                yield batch.replace_schema_metadata(None)
        if self.tail is None:
            raise Unreadable("the answer broke off")
