"""A stream is whole with its last message, and an error without it."""

import io

import pyarrow as pa
import pytest

from waterline.archive.as_stored import as_stored
from waterline.archive.attribute_columns.layout import Layout, Member
from waterline.archive.attribute_columns.packed import pack
from workbench.query.batch_file import BatchFile
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


def packed(name: str, values: list[str]) -> pa.Table:
    """Return logs as they lie in a batch of theirs."""
    layout = Layout((Member((name,), "text"),))
    column = pa.array(values).dictionary_encode()
    texts = pa.nulls(len(values), pa.string())
    return pa.table({"seq": range(len(values)), "attributes": pack(layout, {0: column}, texts)})


PACKED = [packed("host", ["a", "b", "a"]), packed("path", ["/x"]), packed("path", ["/y", "/z"])]
PLAIN = [as_stored(each) for each in PACKED]


def written_packed() -> bytes:
    sink = io.BytesIO()
    writer = Writer(sink, PLAIN[0].schema, {"pin": "p"})
    for each in [PLAIN[0], *PACKED]:
        writer.write(each)
    writer.end({"rows": 9})
    return sink.getvalue()


def test_logs_of_batches_with_other_members_come_as_they_lie_there() -> None:
    reader, batches = rows(written_packed())
    assert (reader.head, reader.tail) == ({"pin": "p"}, {"rows": 9})
    tables = [pa.Table.from_batches([each]) for each in batches]
    assert [each.schema for each in tables[1:]] == [each.schema for each in PACKED]
    assert [as_stored(each) for each in tables] == [PLAIN[0], *PLAIN]


def test_logs_of_batches_that_are_cut_anywhere_are_an_error() -> None:
    whole = written_packed()
    for size in range(len(whole) - 8):
        with pytest.raises((Unreadable, pa.ArrowException, OSError)):
            rows(whole[:size])


@pytest.mark.parametrize("about", [b"", b"[]", b'{"members":[{"path":["host"],"kind":"odd"}]}'])
def test_attributes_of_no_known_form_are_an_error(about: bytes) -> None:
    whole = written_packed()
    known = b'{"members":[{"path":["host"],"kind":"text"}]}'
    assert known in whole
    with pytest.raises(Unreadable, match="of no known form"):
        rows(whole.replace(known, about.ljust(len(known))))


FILES = [BatchFile(b"first", "parquet", 7), BatchFile(b"second", "json.gz", 2)]


def written_files(*between: pa.Table) -> bytes:
    sink = io.BytesIO()
    writer = Writer(sink, TABLE.schema, {"pin": "p"})
    for each in [*FILES, *between, FILES[0]]:
        writer.write(each)
    writer.end({"rows": 19})
    return sink.getvalue()


def test_files_of_batches_come_in_their_place() -> None:
    reader = Reader(io.BytesIO(written_files(TABLE)))
    first, second, table, last = reader.batches()
    assert [first, second, last] == [*FILES, FILES[0]]
    assert pa.Table.from_batches([table]) == TABLE
    assert (reader.head, reader.tail) == ({"pin": "p"}, {"rows": 19})


def test_files_that_are_cut_anywhere_are_an_error() -> None:
    whole = written_files(TABLE)
    for size in range(len(whole) - 8):
        with pytest.raises((Unreadable, pa.ArrowException, OSError)):
            rows(whole[:size])


@pytest.mark.parametrize(
    ("what", "other"),
    [(b'"rows":7', b'"rows":"'), (b'"format"', b'"formal"'), (b'{"format"', b'["format"')],
)
def test_a_file_of_no_known_form_is_an_error(what: bytes, other: bytes) -> None:
    whole = written_files()
    assert what in whole
    with pytest.raises(Unreadable):
        rows(whole.replace(what, other))
