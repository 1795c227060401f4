"""Codecs compared over logs: what is stored is measured, and what comes back is checked."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest

from waterline.archive import json_gz, parquet
from waterline.archive.attribute_columns.known_types import KnownTypes
from waterline.archive.batch import Label, raw_size
from waterline.archive.batch_formats import SERIALIZERS, Serializer, decode, encode, register
from waterline.archive.columns import SCHEMA
from waterline.encoding import FORMATS, JSON_GZ, PARQUET, BatchFormat, Encoding
from waterline.errors import ArchiveError, UsageError
from workbench.reports.compression_compare import ENCODINGS, compression_compare

DTYPES = {
    "format": "str",
    "codec": "str",
    "level": "Int64",
    "rows": "int64",
    "raw_bytes": "int64",
    "stored_bytes": "int64",
    "ratio": "float64",
    "saved": "float64",
    "write_mb_per_s": "float64",
    "read_mb_per_s": "float64",
    "is_default": "bool",
}
QUICK = (PARQUET.encoding(), Encoding(PARQUET, "lz4"))


def table(rows: int) -> pa.Table:
    """Return logs that say much the same, by seq."""
    seqs = list(range(1, rows + 1))
    columns = [
        seqs,
        [f"id-{seq}" for seq in seqs],
        ["error" if seq % 7 == 0 else "info" for seq in seqs],
        [1_795_455_000_000 + seq for seq in seqs],
        [1_795_455_000_001 + seq for seq in seqs],
        ["test"] * rows,
        [f'stored {seq % 13} readings of "Höhe" 💧' for seq in seqs],
        [json.dumps({"n": seq % 100}) for seq in seqs],
    ]
    return pa.table([pa.array(each) for each in columns], names=SCHEMA.names).cast(SCHEMA)


LOGS = table(6000)


class Recording:
    """A serializer that keeps what it is given."""

    def __init__(self, serializer: Serializer) -> None:
        self.given: list[tuple[int, Label]] = []
        self._serializer = serializer
        self.decode = serializer.decode

    def encode(
        self,
        table: pa.Table,
        label: Label,
        encoding: Encoding,
        types: KnownTypes | None = None,  # noqa: ARG002 - it has none
    ) -> pa.Buffer | bytes:
        self.given.append((table.num_rows, label))
        return self._serializer.encode(table, label, encoding)


class Careless(Recording):
    """A serializer that stores something else than it is given."""

    def encode(
        self,
        table: pa.Table,
        label: Label,
        encoding: Encoding,
        types: KnownTypes | None = None,  # noqa: ARG002 - it has none
    ) -> pa.Buffer | bytes:
        message = pa.array(["nothing"] * table.num_rows)
        other = table.set_column(6, SCHEMA.field("message"), message)
        return super().encode(other, label, encoding)


class Truncating(Recording):
    """A serializer that stores half of it."""

    def encode(
        self,
        table: pa.Table,
        label: Label,
        encoding: Encoding,
        types: KnownTypes | None = None,  # noqa: ARG002 - it has none
    ) -> pa.Buffer | bytes:
        return bytes(memoryview(super().encode(table, label, encoding)))[:100]


@contextmanager
def registered(name: str, like: BatchFormat, serializer: Serializer) -> Iterator[BatchFormat]:
    """Register a format for a while."""
    made = replace(like, name=name)
    register(made, serializer)
    try:
        yield made
    finally:
        del FORMATS[name], SERIALIZERS[name]


def test_every_codec_has_a_row_of_its_own() -> None:
    report = compression_compare(LOGS, rounds=1)
    assert {name: str(dtype) for name, dtype in report.dtypes.items()} == DTYPES
    told = list(zip(report["format"], report["codec"], report["level"], strict=True))
    assert [(a, b) for a, b, level in told if pd.isna(level)] == [
        ("parquet", "snappy"),
        ("parquet", "lz4"),
    ]
    assert [each for each in told if not pd.isna(each[2])] == [
        *(("parquet", "zstd", level) for level in (1, 3, 6, 9, 15)),
        ("parquet", "gzip", 6),
        *(("json.gz", "gzip", level) for level in (1, 6, 9)),
    ]
    assert len(report) == len(ENCODINGS)
    assert set(report["rows"]) == {6000}
    assert set(report["raw_bytes"]) == {raw_size(LOGS)}
    assert (report["ratio"] == report["raw_bytes"] / report["stored_bytes"]).all()
    assert (report["saved"] == 1 - report["stored_bytes"] / report["raw_bytes"]).all()
    assert (report[["write_mb_per_s", "read_mb_per_s"]] > 0).all(axis=None)


def test_encoding_of_archive_run_is_marked() -> None:
    report = compression_compare(LOGS, rounds=1)
    (default,) = report[report["is_default"]].to_dict("records")
    assert (default["format"], default["codec"], default["level"]) == ("parquet", "zstd", 3)


def test_stored_bytes_are_those_of_files_as_large_as_an_archives() -> None:
    label = Label(archive_date="x" * 24, batch=1, total_logs=1, compression="gzip", folder_id="")
    report = compression_compare(LOGS, rounds=2, encodings=[JSON_GZ.encoding(6)])
    both = (
        json_gz.encode(LOGS.slice(begin, 5000), label, JSON_GZ.encoding(6)) for begin in (0, 5000)
    )
    assert report["stored_bytes"][0] == pytest.approx(sum(map(len, both)), abs=100)
    report = compression_compare(LOGS, rounds=1, encodings=[Encoding(PARQUET, "snappy")])
    parquet_file = parquet.encode(LOGS, label, Encoding(PARQUET, "snappy"))
    assert report["stored_bytes"][0] == pytest.approx(len(parquet_file), abs=100)


def test_comparison_repeats_all_but_the_speeds() -> None:
    first, second = (
        compression_compare(LOGS, rounds=1).drop(columns=["write_mb_per_s", "read_mb_per_s"])
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)


def test_order_of_the_logs_that_are_given_does_not_matter() -> None:
    backwards = LOGS.take(pa.array(range(LOGS.num_rows - 1, -1, -1)))
    one, other = (compression_compare(each, 1, QUICK)["stored_bytes"] for each in (LOGS, backwards))
    assert one.tolist() == other.tolist()


def test_each_codec_has_its_turn_in_each_round() -> None:
    recording = Recording(parquet)
    with registered("recorded", PARQUET, recording) as format_:
        encodings = [Encoding(format_, codec) for codec in ("snappy", "lz4", "zstd")]
        compression_compare(LOGS, rounds=3, encodings=encodings)
    assert [label.compression for _, label in recording.given] == [
        "snappy", "lz4", "zstd", "zstd", "lz4", "snappy", "snappy", "lz4", "zstd",
    ]  # fmt: skip


def test_batches_are_as_large_as_those_of_an_archive() -> None:
    recording = Recording(json_gz)
    with registered("recorded", JSON_GZ, recording) as format_:
        compression_compare(LOGS, rounds=1, encodings=[format_.encoding(1)])
    assert [(rows, label.batch) for rows, label in recording.given] == [(5000, 1), (1000, 2)]


@pytest.mark.parametrize("like", [PARQUET, JSON_GZ], ids=str)
@pytest.mark.parametrize(
    ("kind", "reason"), [(Careless, "the logs differ"), (Truncating, "it is no sound")]
)
def test_serializer_that_does_not_give_back_the_logs_is_an_error(
    kind: type[Recording], reason: str, like: BatchFormat
) -> None:
    with (
        registered("broken", like, kind(SERIALIZERS[like.name])) as format_,
        pytest.raises(ArchiveError) as raised,
    ):
        compression_compare(LOGS, 1, [*QUICK, format_.encoding(1)])
    assert str(raised.value).startswith(
        f"broken with {like.codec} at level 1 does not give back the logs that it was given: "
        f"{reason}"
    )


def test_no_logs_are_nothing_to_compare_with() -> None:
    with pytest.raises(UsageError, match="there are no logs to compare codecs with"):
        compression_compare(LOGS.slice(0, 0))


@pytest.mark.parametrize("rounds", [0, -1, 1.5, "3", True, None])
def test_rounds_that_are_none_are_refused(rounds: object) -> None:
    with pytest.raises(UsageError, match="give 1 or more"):
        compression_compare(LOGS, rounds)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_encoding_writes_what_the_archive_reads(encoding: Encoding) -> None:
    label = Label(archive_date="", batch=1, total_logs=9, compression=encoding.codec, folder_id="")
    few: Sequence[object] = LOGS.slice(0, 9)
    assert decode(encode(few, label, encoding), encoding.format).logs.equals(few)
