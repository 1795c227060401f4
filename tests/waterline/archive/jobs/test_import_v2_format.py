"""Archive files of version 2.0: read as logs, the same each time; refused whole if one is none."""

import gzip
import json
import uuid
from typing import Any

import pyarrow as pa
import pytest

from waterline.archive.batch import raw_size
from waterline.archive.columns import SCHEMA
from waterline.archive.jobs.import_v2 import read_version_2_0
from waterline.errors import ArchiveError
from waterline.recognition.time_values import parse_rfc3339

ARCHIVE_DATE = "2026-11-23T10:00:00.123Z"
LOG = {"id": "a-1", "type": "info", "message": "m", "timestamp": 1_795_400_000_000}


def file_of(logs: list[Any], **metadata: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return a file as the job of version 2.0 writes it, or with other metadata."""
    said = {
        "archiveDate": ARCHIVE_DATE,
        "batch": 1,
        "totalLogs": len(logs),
        "compression": "gzip",
        "version": "2.0",
    }
    return gzip.compress(json.dumps({"metadata": said | metadata, "logs": logs}).encode(), mtime=0)


def read(content: bytes, first_seq: int = 1) -> pa.Table:
    return read_version_2_0(
        content, first_seq=first_seq, received_at=1_800_000_000_000, source="old"
    )


def read_one(**members: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return how a log with just a type, a message and these members is read; times as numbers."""
    table = read(file_of([{"type": "info", "message": "m"} | members]))
    names = ("timestamp", "received_at")
    moments = {each: table.column(each).cast(pa.int64())[0].as_py() for each in names}
    row: dict[str, Any] = table.drop_columns(list(names)).to_pylist()[0]
    return row | moments


def refusal(content: bytes) -> str:
    with pytest.raises(ArchiveError) as raised:
        read(content)
    return str(raised.value)


def test_logs_are_given_seqs_in_their_order() -> None:
    table = read(file_of([LOG, LOG | {"id": "a-0"}, LOG]), first_seq=41)
    assert table.schema.equals(SCHEMA, check_metadata=True)
    assert table.column("seq").to_pylist() == [41, 42, 43]
    assert table.column("id").to_pylist() == ["a-1", "a-0", "a-1"], (
        "each is kept, one sent again too"
    )
    assert raw_size(table) > 0


def test_log_is_stored_as_received_from_given_source() -> None:
    assert read_one(**LOG) == {
        "seq": 1,
        "id": "a-1",
        "type": "info",
        "timestamp": 1_795_400_000_000,
        "received_at": 1_800_000_000_000,
        "source": "old",
        "message": "m",
        "attributes": "{}",
    }


def test_file_without_logs_is_read() -> None:
    table = read(file_of([]))
    assert table.num_rows == 0
    assert table.schema.equals(SCHEMA)


def test_members_that_are_no_columns_are_attributes() -> None:
    row = read_one(created_at=1_700_000_000, metadata='{"a":1}', code=2**70, source="x", id=None)
    assert json.loads(row["attributes"]) == {
        "created_at": 1_700_000_000,
        "metadata": '{"a":1}',
        "code": 2**70,
        "source": "x",
    }
    assert row["source"] == "old"


def test_timestamp_may_be_text() -> None:
    assert read_one(timestamp=ARCHIVE_DATE)["timestamp"] == parse_rfc3339(ARCHIVE_DATE)


@pytest.mark.parametrize(
    ("created_at", "timestamp"),
    [
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000.5, 1_700_000_000_500),
        (1_700_000_000_123, 1_700_000_000_123),
        (10**11, 10**11),
        (10**11 - 1, (10**11 - 1) * 1000),
        (0, 0),
        (-1, -1000),
        (True, parse_rfc3339(ARCHIVE_DATE)),
        ("2026-01-01", parse_rfc3339(ARCHIVE_DATE)),
        (None, parse_rfc3339(ARCHIVE_DATE)),
    ],
)
def test_missing_timestamp_follows_from_created_at_else_archive_date(
    created_at: object, timestamp: int
) -> None:
    assert read_one(created_at=created_at)["timestamp"] == timestamp


def test_timestamp_goes_before_created_at() -> None:
    assert read_one(timestamp=0, created_at=1_700_000_000)["timestamp"] == 0


def test_missing_ids_are_made_from_file_and_place_in_it() -> None:
    bare = {"type": "info", "message": "m"}
    content = file_of([bare, LOG, bare])
    ids = read(content).column("id").to_pylist()
    assert ids == read(content, first_seq=99).column("id").to_pylist()
    assert ids[1] == "a-1"
    assert uuid.UUID(ids[0]).version == uuid.UUID(ids[2]).version == 5
    others = read(file_of([bare, LOG, bare], batch=2)).column("id").to_pylist()
    assert len({ids[0], ids[2], others[0], others[2]}) == 4


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"message": "m"}, "type must be a string of 1 to 64 characters"),
        (LOG | {"id": 7}, "id must be a string of 1 to 128 characters"),
        (LOG | {"timestamp": 1.5}, "timestamp must be integer milliseconds"),
        (
            LOG | {"timestamp": None, "created_at": 1e300},
            "created_at must lie in the years 1 to 9999",
        ),
        ({"type": "a", "message": "m", "created_at": -(10**15)}, "created_at must lie in"),
        ([], "a log is a JSON object"),
        (None, "a log is a JSON object"),
    ],
)
def test_one_invalid_log_refuses_file_and_is_named(bad: object, reason: str) -> None:
    found = refusal(file_of([LOG, bad, LOG]))
    assert found.startswith(f"its log at index 1 is none: {reason}")


def test_file_that_counts_wrongly_is_refused() -> None:
    reason = refusal(file_of([LOG, LOG], totalLogs=3))
    assert reason == "it holds 2 logs, and its metadata says 3"


@pytest.mark.parametrize("version", ["2.1", "1.0", ""])
def test_file_of_another_version_is_refused(version: str) -> None:
    assert refusal(file_of([LOG], version=version)) == f"its version is {version}, not 2.0"


def test_archive_date_that_is_no_time_is_refused() -> None:
    assert "its archiveDate is no time" in refusal(file_of([LOG], archiveDate="yesterday"))


def test_log_nested_without_end_is_refused() -> None:
    text = gzip.decompress(file_of([7])).replace(b"[7]", b"[" * 100_000 + b"]" * 100_000)
    assert refusal(gzip.compress(text)).startswith("it is no sound archive file of version 2.0: ")


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"{", b"\xff", b'{"metadata":{},"logs":[]}', b"[" * 100_000]
)
def test_other_document_is_refused(text: bytes) -> None:
    assert refusal(gzip.compress(text)).startswith("it is no sound archive file of version 2.0: ")


def test_flipped_byte_is_refused_or_changes_nothing() -> None:
    content = file_of([LOG, LOG])
    whole = read(content)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        try:
            assert read(bytes(damaged)).equals(whole)
        except ArchiveError:
            continue


def test_file_that_ends_too_early_is_refused() -> None:
    content = file_of([LOG, LOG])
    for length in range(len(content)):
        assert refusal(content[:length]).startswith("it is no sound archive file of version 2.0: ")
