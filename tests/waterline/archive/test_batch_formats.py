"""The formats of archive files: every log comes back as it was, any damage is an ArchiveError."""

import gzip
import json
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waterline.archive import parquet
from waterline.archive.as_stored import as_stored
from waterline.archive.batch import Label, write_label
from waterline.archive.batch_formats import (
    BatchContent,
    Choice,
    decode,
    decode_chosen,
    decode_packed,
    encode,
)
from waterline.archive.columns import SCHEMA
from waterline.encoding import FORMATS, JSON_GZ, PARQUET, BatchFormat, Encoding
from waterline.errors import ArchiveError
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP

type_texts = st.text(st.characters(codec="utf-8"), max_size=64)
texts = type_texts | st.sampled_from(["\x00", '"', "\\", "\n", "\u2028", "\ufeff", "💧"])
moments = st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
attributes = st.dictionaries(texts, values, max_size=4).map(
    lambda members: msgspec.json.encode(members).decode()
)
Row = tuple[str, str, int, int, str, str, str]
rows = st.lists(
    st.tuples(texts, type_texts, moments, moments, texts, texts, attributes), max_size=12
)
every_format = pytest.mark.parametrize("format", list(FORMATS.values()))

ROW: Row = ("a-1", "info", 1_795_400_000_000, 1_795_400_000_005, "demo", "pump on", "{}")
SOME: list[Row] = [
    ROW,
    ("", "", -1, 0, "", "", '{"z":1,"a":[123456789012345678901234567890,1e-7,-0.0],"ü":{"":null}}'),
    ("\x00", '"', MIN_TIMESTAMP, MAX_TIMESTAMP, "\\", "\u2028 💧 \ud7ff", '{"a": 1.50 , "a":2}'),
]


@every_format
@given(rows=rows, columns=st.sets(st.sampled_from(SCHEMA.names), min_size=1))
def test_selected_columns_equal_those_of_all(
    format: BatchFormat,  # noqa: A002
    rows: list[Row],
    columns: set[str],
) -> None:
    table = table_of(rows)
    names = [name for name in SCHEMA.names if name in columns]
    content = written(table, format)
    assert decode(content, format, names).logs.equals(table.select(names))


def table_of(rows: list[Row], first_seq: int = 1) -> pa.Table:
    """Return logs in the columns that archives have, with a gap in seq behind each third."""
    seqs = [first_seq + index + index // 3 for index in range(len(rows))]
    columns = [seqs, *([each[place] for each in rows] for place in range(7))]
    arrays = [pa.array(each, field.type) for each, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def label_of(table: pa.Table, **members: Any) -> Label:  # noqa: ANN401 - any member's value
    label = Label(
        archive_date="2026-11-23T10:00:00.000Z",
        batch=7,
        total_logs=table.num_rows,
        compression="zstd",
        folder_id="3f9c",
    )
    return msgspec.structs.replace(label, **members)


def written(table: pa.Table, format: BatchFormat, **members: Any) -> bytes:  # noqa: A002, ANN401
    content = encode(table, label_of(table, **members), format.encoding())
    return content if isinstance(content, bytes) else content.to_pybytes()


def refusal(content: bytes, format: BatchFormat) -> str:  # noqa: A002
    with pytest.raises(ArchiveError) as raised:
        decode(content, format)
    return str(raised.value)


def read_if_sound(content: bytes, format: BatchFormat) -> BatchContent | None:  # noqa: A002
    """Read a file that may be damaged; any other error than ArchiveError comes through."""
    try:
        return decode(content, format)
    except ArchiveError:
        return None


@every_format
@given(rows)
@example([])
@example(SOME)
def test_every_log_comes_back_as_it_was(format: BatchFormat, rows: list[Row]) -> None:  # noqa: A002
    table = table_of(rows)
    label = label_of(table)
    for level in (format.levels[0], format.level):
        contents = decode(encode(table, label, format.encoding(level)), format)
        assert contents.logs.equals(table)
        assert contents.logs.schema.equals(SCHEMA, check_metadata=True)
        assert contents.label == label


@every_format
def test_message_of_megabytes_comes_back(format: BatchFormat) -> None:  # noqa: A002
    table = table_of([(*ROW[:5], 'ü"\n' * 2_000_000, "{}"), ROW])
    assert decode(written(table, format), format).logs.equals(table)


@every_format
def test_logs_of_several_row_groups_and_in_pieces_come_back(format: BatchFormat) -> None:  # noqa: A002
    whole = table_of([ROW] * 120_000)
    pieces = pa.concat_tables([whole.slice(0, 7), whole.slice(7, 70_000), whole.slice(70_007)])
    assert decode(written(pieces, format), format).logs.equals(whole)


@every_format
def test_buffer_is_read_as_bytes_are(format: BatchFormat) -> None:  # noqa: A002
    content = written(table_of(SOME), format)
    assert decode(pa.py_buffer(content), format) == decode(content, format)


@every_format
def test_levels_and_rows_are_offered_for_each_format(format: BatchFormat) -> None:  # noqa: A002
    table = table_of(SOME)
    assert format.level in format.levels
    assert format.batch_rows > 0
    highest = encode(table, label_of(table), format.encoding(format.levels[-1]))
    assert decode(highest, format).logs.equals(table)


def test_format_is_named_as_its_files_end() -> None:
    assert [each.name for each in FORMATS.values()] == ["parquet", "json.gz"]
    assert [each.codec for each in FORMATS.values()] == ["zstd", "gzip"]


def test_standard_library_reads_json_gz_file() -> None:
    table = table_of(SOME)
    document = json.loads(gzip.decompress(written(table, JSON_GZ, compression="gzip")))
    assert document["metadata"] == {
        "archiveDate": "2026-11-23T10:00:00.000Z",
        "batch": 7,
        "totalLogs": 3,
        "compression": "gzip",
        "version": "2.1",
        "folderId": "3f9c",
    }
    assert [list(each) for each in document["logs"]] == [SCHEMA.names] * 3
    assert list(document["logs"][0].values()) == [1, *ROW[:6], {}]
    assert document["logs"][1]["attributes"]["a"][0] == 123456789012345678901234567890
    assert document["logs"][2]["timestamp"] == MIN_TIMESTAMP


def test_json_gz_file_has_attributes_as_text_they_were() -> None:
    text = gzip.decompress(written(table_of(SOME), JSON_GZ)).decode()
    for row in SOME:
        assert f'"attributes":{row[6]}}}' in text


def test_writing_json_gz_again_gives_same_bytes() -> None:
    content = written(table_of(SOME), JSON_GZ)
    assert content == written(table_of(SOME), JSON_GZ)
    assert content[4:8] == bytes(4), "the header of gzip has a time in it"


def test_pandas_reads_parquet_file(tmp_path: Path) -> None:
    file = tmp_path / "batch-0001.parquet"
    file.write_bytes(written(table_of(SOME), PARQUET))
    frame = pd.read_parquet(file)
    assert list(frame.columns) == [*SCHEMA.names, "attributes_json"]
    assert frame["message"].tolist() == [each[5] for each in SOME]
    assert frame["timestamp"].dt.as_unit("ms").astype("int64").tolist() == [
        each[2] for each in SOME
    ]
    assert str(frame["timestamp"].dt.tz) == "UTC"


def test_parquet_file_tells_its_label_as_json_and_keeps_page_checksums() -> None:
    file = pq.ParquetFile(pa.BufferReader(written(table_of(SOME), PARQUET)))
    assert json.loads(file.metadata.metadata[b"waterline"])["totalLogs"] == 3
    column = file.metadata.row_group(0).column(2)
    assert (column.path_in_schema, column.compression) == ("type", "ZSTD")
    assert column.has_dictionary_page
    assert "DELTA_BINARY_PACKED" in file.metadata.row_group(0).column(0).encodings


@pytest.mark.parametrize(
    ("codec", "level"), [("zstd", 19), ("gzip", 6), ("lz4", None), ("snappy", None)]
)
def test_parquet_can_be_written_with_other_codecs(codec: str, level: int | None) -> None:
    table = table_of(SOME)
    content = parquet.encode(table, label_of(table), Encoding(PARQUET, codec, level))
    stored = pq.ParquetFile(pa.BufferReader(content)).metadata.row_group(0).column(6).compression
    assert stored.lower() == codec
    assert decode(content, PARQUET).logs.equals(table)


def test_parquet_file_that_another_tool_wrote_again_has_no_label(tmp_path: Path) -> None:
    file = tmp_path / "batch.parquet"
    table = table_of(SOME)
    table.to_pandas().to_parquet(file)
    contents = decode(file.read_bytes(), PARQUET)
    assert contents.label is None
    assert contents.logs.equals(table)


@every_format
def test_flipped_byte_never_raises_anything_but_archive_error(format: BatchFormat) -> None:  # noqa: A002
    table = table_of(SOME)
    content = written(table, format)
    different = []
    for place in range(len(content)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(content)
            damaged[place] ^= flip
            contents = read_if_sound(bytes(damaged), format)
            if contents is not None and not contents.logs.equals(table):
                different.append(place)
    # The headers of Parquet have no checksum: only the SHA-256 of the whole file is sure to tell.
    assert format is PARQUET or not different


def test_page_of_parquet_that_would_decode_to_another_text_is_refused() -> None:
    table = table_of([(*ROW[:5], "needle", "{}")])
    content = parquet.encode(table, label_of(table), Encoding(PARQUET, "snappy")).to_pybytes()
    reasons = []
    # Snappy keeps short texts as they are; the others are statistics, of the page and the column.
    for found in re.finditer(b"needle", content):
        damaged = content[: found.start()] + b"noodle" + content[found.end() :]
        try:
            assert decode(damaged, PARQUET).logs.equals(table)
        except ArchiveError as error:
            reasons.append(str(error))
    assert len(reasons) == 1
    assert "CRC checksum" in reasons[0]


@every_format
def test_file_that_ends_too_early_is_refused(format: BatchFormat) -> None:  # noqa: A002
    content = written(table_of(SOME), format)
    for length in range(len(content)):
        assert refusal(content[:length], format).startswith("it is no sound ")


@every_format
def test_bytes_behind_end_are_refused(format: BatchFormat) -> None:  # noqa: A002
    content = written(table_of(SOME), format)
    assert refusal(content + b"\x00", format).startswith("it is no sound ")


@every_format
@given(content=st.binary(max_size=200))
def test_other_content_is_refused(format: BatchFormat, content: bytes) -> None:  # noqa: A002
    reason = refusal(content, format)
    assert reason.startswith("it is no sound ")
    assert "\n" not in reason


@every_format
def test_file_of_other_format_is_refused(format: BatchFormat) -> None:  # noqa: A002
    (other,) = set(FORMATS.values()) - {format}
    assert "it is no sound" in refusal(written(table_of(SOME), other), format)


@every_format
def test_label_that_counts_wrongly_is_refused(format: BatchFormat) -> None:  # noqa: A002
    content = written(table_of(SOME), format, total_logs=2)
    assert refusal(content, format) == "it holds 3 logs, and its label says 2"


@every_format
def test_later_version_is_refused(format: BatchFormat) -> None:  # noqa: A002
    content = written(table_of(SOME), format, version="4.0")
    assert refusal(content, format) == "its version is 4.0; this Waterline reads 2.1, 3.0"


@every_format
@pytest.mark.parametrize("seqs", [[1, 3, 2], [1, 2, 2], [3, 2, 1]])
def test_logs_that_do_not_ascend_are_refused(format: BatchFormat, seqs: list[int]) -> None:  # noqa: A002
    table = table_of(SOME).set_column(0, SCHEMA.field("seq"), [pa.array(seqs, pa.int64())])
    assert refusal(written(table, format), format) == "its logs do not ascend by seq"


def test_parquet_file_with_other_columns_is_refused() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table_of(SOME).drop_columns(["source"]), sink)
    assert "its columns are not those of logs: seq, id" in refusal(
        sink.getvalue().to_pybytes(), PARQUET
    )


def test_parquet_file_with_column_of_another_type_is_refused() -> None:
    sink = pa.BufferOutputStream()
    table = table_of(SOME)
    pq.write_table(table.set_column(0, "seq", table.column("message")), sink)
    assert "no sound Parquet file" in refusal(sink.getvalue().to_pybytes(), PARQUET)


def test_parquet_file_with_nulls_is_refused() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table_of(SOME).set_column(6, "message", [["a", None, "b"]]), sink)
    reason = refusal(sink.getvalue().to_pybytes(), PARQUET)
    assert reason == "some of its logs have no message"


def test_parquet_file_with_text_that_is_no_utf_8_is_refused() -> None:
    broken = pa.array([b"a", b"\xff", b"b"]).cast(pa.string(), safe=False)
    table = table_of(SOME).set_column(6, SCHEMA.field("message"), [broken])
    assert "UTF8" in refusal(written(table, PARQUET), PARQUET)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{}",
        b'{"logs":[{"seq":1}]}',
        b'{"logs":[],"metadata":{"version":"2.1"}}',
        b'{"logs":[],',
        b"\xff",
        b'{"logs":' + b"[" * 100_000,
    ],
)
def test_json_that_is_no_document_of_ours_is_refused(text: bytes) -> None:
    assert "no sound json.gz file" in refusal(gzip.compress(text), JSON_GZ)


def test_attributes_nested_without_end_are_refused() -> None:
    text = gzip.decompress(written(table_of([ROW]), JSON_GZ))
    deep = b'"attributes":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    damaged = text.replace(b'"attributes":{}', deep)
    assert damaged != text
    assert "no sound json.gz file" in refusal(gzip.compress(damaged), JSON_GZ)


@pytest.mark.parametrize("seq", [b"9" * 30, b"1.5", b'"1"', b"null"])
def test_seq_that_is_no_64_bit_integer_is_refused(seq: bytes) -> None:
    text = gzip.decompress(written(table_of([ROW]), JSON_GZ))
    damaged = text.replace(b'"seq":1,', b'"seq":' + seq + b",")
    assert damaged != text
    assert "no sound json.gz file" in refusal(gzip.compress(damaged), JSON_GZ)


def test_attributes_that_are_no_utf_8_are_refused() -> None:
    text = gzip.decompress(written(table_of([ROW]), JSON_GZ))
    damaged = text.replace(b'"attributes":{}', b'"attributes":{"a":"\xff"}')
    assert damaged != text
    assert "no sound json.gz file" in refusal(gzip.compress(damaged), JSON_GZ)


class _Content(bytes):
    """A file in memory that tells in which threads it was let go."""

    let_go_by: ClassVar[set[threading.Thread]] = set()

    def __del__(self) -> None:
        self.let_go_by.add(threading.current_thread())


def test_no_thread_of_arrows_lets_go_of_what_python_owns() -> None:
    """It would wait for Python's lock, and abort a process that is just ending."""
    content = written(table_of(SOME), PARQUET)
    for _ in range(500):  # one in twenty was let go so, on a quiet machine with two processors
        decode(_Content(content), PARQUET)
    assert _Content.let_go_by == {threading.main_thread()}


def test_parquet_file_of_version_2_1_is_read_as_ever() -> None:
    table, sink = table_of(SOME), pa.BufferOutputStream()
    label = write_label(label_of(table, version="2.1"))
    pq.write_table(table.replace_schema_metadata({b"waterline": label}), sink)
    contents = decode(sink.getvalue(), PARQUET)
    assert contents.logs.equals(table)
    assert contents.logs.schema.equals(SCHEMA, check_metadata=True)
    packed = decode_packed(sink.getvalue(), PARQUET, ["seq", "attributes"], ["a"])
    assert packed.logs.equals(table.select(["seq", "attributes"]))


def test_only_columns_of_attributes_that_are_needed_are_read() -> None:
    rows = [(*ROW[:6], f'{{"status":{each},"service":"web"}}') for each in range(20)]
    packed = decode_packed(written(table_of(rows), PARQUET), PARQUET, ["attributes"], ["status"])
    column = packed.logs["attributes"]
    assert [column.type.layout.members[each].path for each in column.type.places] == [("status",)]


def test_newest_logs_of_many_are_a_group_of_their_own_and_any_logs_are_read_of_both() -> None:
    rows = [(*ROW[:6], f'{{"n":{each},"s":"x{each % 9}","o":{{"i":1}}}}') for each in range(50_000)]
    table = table_of(rows)
    content = written(table, PARQUET)
    about = pq.read_metadata(pa.BufferReader(content))
    assert [about.row_group(each).num_rows for each in (0, 1)] == [45_000, 5_000]
    assert decode(content, PARQUET).logs.equals(table)
    for places in ([], [0], [44_999, 45_000], [49_999], [*range(0, 50_000, 7)]):
        wanted = pa.array(places, pa.int64())
        packed = decode_packed(content, PARQUET, table.column_names, None, wanted)
        assert as_stored(packed.logs).equals(table.take(wanted))


@every_format
def test_chosen_logs_are_those_of_all(format: BatchFormat) -> None:  # noqa: A002
    table = table_of(SOME)
    places = pa.array([1, len(SOME) - 1], pa.int64())
    choice = Choice(["seq", "type"], (), lambda seen: places if seen.num_columns >= 2 else None)
    found, rows = decode_chosen(written(table, format), format, ["id", "attributes"], None, choice)
    assert rows == len(SOME)
    assert as_stored(found).equals(table.select(["id", "attributes"]).take(places))


def test_integers_that_seldom_repeat_are_written_as_differences() -> None:
    rows = [(*ROW[:6], f'{{"count":{each},"status":{200 + each % 2}}}') for each in range(5_000)]
    table = table_of(rows)
    content = written(table, PARQUET)
    group = pq.read_metadata(pa.BufferReader(content)).row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    encodings = {each.path_in_schema: each.encodings for each in columns}
    assert "DELTA_BINARY_PACKED" in encodings["attributes.count"]
    assert "RLE_DICTIONARY" in encodings["attributes.status"]
    assert decode(content, PARQUET).logs.equals(table)


@pytest.mark.parametrize("value", ['"x{}"', "{}.5", "true", "{}"])
def test_name_with_a_dot_beside_a_path_of_the_same_letters_comes_back(value: str) -> None:
    rows = [
        (*ROW[:6], f'{{"a.b":{each},"a":{{"b":{value.replace("{}", str(each))}}}}}')
        for each in range(100)
    ]
    table = table_of(rows)
    assert decode(written(table, PARQUET), PARQUET).logs.equals(table)


def test_every_field_of_parquet_file_has_an_id_of_its_own() -> None:
    rows = [(*ROW[:6], '{"status":1,"http":{"path":"/","tries":2},"ok":true}')] * 3
    schema = pq.read_schema(pa.BufferReader(written(table_of(rows), PARQUET)))
    ids = [int(each.metadata[b"PARQUET:field_id"]) for each in _fields(schema)]
    assert ids[:7] == [1, 2, 3, 4, 5, 6, 7]
    assert schema.field("attributes").metadata[b"PARQUET:field_id"] == b"8"
    assert schema.field("attributes_json").metadata[b"PARQUET:field_id"] == b"9"
    assert len({*ids}) == len(ids) == 9 + 5


def _fields(fields: Iterable[pa.Field]) -> Iterator[pa.Field]:
    for field in fields:
        yield field
        if pa.types.is_struct(field.type):
            yield from _fields(field.type)


def test_layout_that_names_a_column_that_is_not_there_is_refused() -> None:
    content = written(table_of([(*ROW[:6], '{"status":1}')] * 3), PARQUET)
    table = pq.read_table(pa.BufferReader(content))
    about = dict(table.schema.metadata)
    about[b"waterline.attributes"] = about[b"waterline.attributes"].replace(b"status", b"stature")
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(about), sink)
    assert "it is no sound Parquet file" in refusal(sink.getvalue().to_pybytes(), PARQUET)


def test_other_readers_have_batches_of_different_attributes_as_one_table(tmp_path: Path) -> None:
    day = tmp_path / "archives" / "2026-11-23"
    day.mkdir(parents=True)
    attributes = ['{"status":200}', '{"service":"web","status":500}', '{"service":"db"}']
    for number, text in enumerate(attributes, start=1):
        logs = table_of([(*ROW[:6], text)] * 3, first_seq=10 * number)
        (day / f"batch-000{number}.parquet").write_bytes(written(logs, PARQUET))
    assert [each["status"] for each in pd.read_parquet(day)["attributes"]][::3] == [200, 500, None]
    asked = (
        "SELECT DISTINCT attributes.status, attributes.service "
        f"FROM read_parquet('{day}/*.parquet', union_by_name = true)"
    )
    with duckdb.connect() as connection:
        rows = connection.execute(asked).fetchall()
    assert {*rows} == {(200, None), (500, "web"), (None, "db")}
