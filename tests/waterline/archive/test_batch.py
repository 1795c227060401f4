"""A batch as it is made: what the catalog and the file say of it are figures of its logs."""

import hashlib

import msgspec
import pyarrow as pa
import pytest

from tests.support.archive_runs import Row
from waterline.archive.batch import Label, describe, label_of
from waterline.archive.columns import SCHEMA
from waterline.encoding import JSON_GZ, PARQUET, BatchFormat
from waterline.records import StoredLog, encode_stored
from waterline.storage.catalog import ArchivedBatch

ROWS: list[Row] = [
    (3, "a", "warning", 900, 1_000, "valve", "m", "{}"),
    (7, "b", "info", -50, 1_000, "pump", 'quoted "水"', '{"a":1}'),
    (8, "c", "error", 5_000, 2_000, "pump", "", "{}"),
    (20, "d", "info", 20, 2_500, "pump", "\x00", "{}"),
    (21, "e", "error", 20, 2_500, "valve", "", "{}"),
]
CONTENT = b"what the file holds"


def table_of(rows: list[Row]) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(each, field.type) for each, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def described(rows: list[Row]) -> ArchivedBatch:
    return describe(
        table_of(rows),
        memoryview(CONTENT),
        day="1970-01-01",
        file="1970-01-01/batch-0004.json.gz",
        format=JSON_GZ,
        archived_at=99,
        adopted_from="f00",
    )


def test_catalog_says_what_logs_are() -> None:
    raw = sum(len(encode_stored(StoredLog(*row[:7], msgspec.Raw(row[7].encode())))) for row in ROWS)
    assert described(ROWS) == ArchivedBatch(
        batch=0,
        day="1970-01-01",
        file="1970-01-01/batch-0004.json.gz",
        format="json.gz",
        rows=5,
        first_seq=3,
        last_seq=21,
        first_timestamp=-50,
        last_timestamp=5_000,
        first_received_at=1_000,
        last_received_at=2_500,
        types={"error": 2, "info": 2, "warning": 1},
        sources={"pump": 3, "valve": 2},
        raw_bytes=raw,
        stored_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        archived_at=99,
        adopted_from="f00",
    )


def test_types_and_sources_come_most_frequent_first_then_by_name() -> None:
    for rows in (ROWS, ROWS[::-1]):
        by_seq = [(seq, *row[1:]) for seq, row in enumerate(rows)]
        batch = described(by_seq)
        assert list(batch.types) == ["error", "info", "warning"]
        assert list(batch.sources) == ["pump", "valve"]


def test_batch_of_one_log_begins_and_ends_with_it() -> None:
    batch = described(ROWS[1:2])
    assert (batch.first_seq, batch.last_seq, batch.rows) == (7, 7, 1)
    assert (batch.first_timestamp, batch.last_timestamp) == (-50, -50)


def test_columns_in_chunks_are_counted_as_one() -> None:
    whole = described(ROWS)
    chunks = pa.concat_tables([table_of(ROWS[:2]), table_of(ROWS[2:])])
    again = describe(
        chunks,
        CONTENT,
        day=whole.day,
        file=whole.file,
        format=JSON_GZ,
        archived_at=99,
        adopted_from="f00",
    )
    assert again == whole


@pytest.mark.parametrize(("format", "compression"), [(PARQUET, "zstd"), (JSON_GZ, "gzip")])
@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_435_200_007, "2026-11-23T12:00:00.007Z"),
        (1_795_435_199_999, "2026-11-23T11:59:59.999Z"),
    ],
)
def test_label_says_what_file_is(
    format: BatchFormat,  # noqa: A002
    compression: str,
    moment: int,
    text: str,
) -> None:
    assert label_of(table_of(ROWS), format.encoding(), 12, "3f9c", moment) == Label(
        archive_date=text,
        batch=12,
        total_logs=5,
        compression=compression,
        version=format.version,
        folder_id="3f9c",
    )
