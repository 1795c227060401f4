"""A stream is whole with its last message, and an error without it."""

import io

import pyarrow as pa
import pytest

from workbench.wire.stream import Reader, Writer
from workbench.wire.values import Unreadable

TABLE = pa.table({"seq": [1, 2, 3], "message": ["a", "b", "c"]})


def written(*, ends: bool = True) -> bytes:
    sink = io.BytesIO()
    writer = Writer(sink, TABLE.schema, {"pin": "p"})
    writer.write(TABLE)
    writer.write(TABLE.slice(0, 0))
    if ends:
        writer.end({"rows": 3})
    return sink.getvalue()


def rows(content: bytes) -> tuple[Reader, list[pa.RecordBatch]]:
    reader = Reader(io.BytesIO(content))
    return reader, list(reader.batches())


def test_rows_come_between_what_is_told_before_and_after_them() -> None:
    reader, batches = rows(written())
    assert (reader.head, reader.tail) == ({"pin": "p"}, {"rows": 3})
    assert pa.Table.from_batches(batches) == TABLE


def test_other_readers_take_the_rows_too() -> None:
    assert pa.ipc.open_stream(written()).read_all().to_pylist() == TABLE.to_pylist()


def test_a_stream_without_its_last_message_is_an_error() -> None:
    # As Arrow has it this one is whole.
    with pytest.raises(Unreadable, match="broke off"):
        rows(written(ends=False) + b"\xff\xff\xff\xff\0\0\0\0")


def test_a_stream_that_is_cut_anywhere_before_its_end_is_an_error() -> None:
    whole = written()
    for size in range(len(whole) - 8):
        with pytest.raises((Unreadable, pa.ArrowException, OSError)):
            rows(whole[:size])


def test_a_stream_of_others_is_an_error() -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    with pytest.raises(Unreadable, match="none of Waterline's"):
        rows(sink.getvalue())
