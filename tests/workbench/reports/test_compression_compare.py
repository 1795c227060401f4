"""Codecs compared over logs: what is stored is measured, and what comes back is checked."""

import json
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pytest

from waterline.archive import json_gz, parquet
from waterline.archive.batch import Label, raw_size
from waterline.archive.codecs import decode
from waterline.archive.columns import SCHEMA
from waterline.encoding import Format
from waterline.errors import ArchiveError, UsageError
from workbench.reports.compression_compare import CODECS, Codec, compression_compare

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
QUICK = (Codec(Format.PARQUET, "zstd", 3), Codec(Format.PARQUET, "lz4"))


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


class Recording(Codec):
    """A codec that keeps what it is given."""

    given: list[tuple[int, Label]] = []  # noqa: RUF012 - shared by all of them, as they are frozen

    def encode(self, table: pa.Table, label: Label) -> pa.Buffer | bytes:
        self.given.append((table.num_rows, label))
        return super().encode(table, label)


class Careless(Codec):
    """A codec that stores something else than it is given."""

    def encode(self, table: pa.Table, label: Label) -> pa.Buffer | bytes:
        message = pa.array(["nothing"] * table.num_rows)
        return super().encode(table.set_column(6, SCHEMA.field("message"), message), label)


class Truncating(Codec):
    """A codec that stores half of it."""

    def encode(self, table: pa.Table, label: Label) -> pa.Buffer | bytes:
        return bytes(memoryview(super().encode(table, label)))[:100]


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
    assert len(report) == len(CODECS)
    assert set(report["rows"]) == {6000}
    assert set(report["raw_bytes"]) == {raw_size(LOGS)}
    assert (report["ratio"] == report["raw_bytes"] / report["stored_bytes"]).all()
    assert (report["saved"] == 1 - report["stored_bytes"] / report["raw_bytes"]).all()
    assert (report[["write_mb_per_s", "read_mb_per_s"]] > 0).all(axis=None)


def test_what_archive_run_uses_is_marked() -> None:
    report = compression_compare(LOGS, rounds=1)
    (default,) = report[report["is_default"]].to_dict("records")
    assert (default["format"], default["codec"], default["level"]) == ("parquet", "zstd", 3)


def test_stored_bytes_are_those_of_files_as_large_as_an_archives() -> None:
    label = Label(archive_date="x" * 24, batch=1, total_logs=1, compression="gzip", folder_id="")
    report = compression_compare(LOGS, rounds=2, codecs=[Codec(Format.JSON_GZ, "gzip", 6)])
    both = (json_gz.encode(LOGS.slice(begin, 5000), label, 6) for begin in (0, 5000))
    assert report["stored_bytes"][0] == pytest.approx(sum(map(len, both)), abs=100)
    report = compression_compare(LOGS, rounds=1, codecs=[Codec(Format.PARQUET, "snappy")])
    parquet_file = parquet.encode(LOGS, label, None, codec="snappy")
    assert report["stored_bytes"][0] == pytest.approx(len(parquet_file), abs=100)


def test_all_but_the_speeds_is_the_same_each_time() -> None:
    first, second = (
        compression_compare(LOGS, rounds=1).drop(columns=["write_mb_per_s", "read_mb_per_s"])
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)


def test_the_order_of_the_logs_that_are_given_does_not_matter() -> None:
    backwards = LOGS.take(pa.array(range(LOGS.num_rows - 1, -1, -1)))
    one, other = (compression_compare(each, 1, QUICK)["stored_bytes"] for each in (LOGS, backwards))
    assert one.tolist() == other.tolist()


def test_each_codec_has_its_turn_in_each_round() -> None:
    Recording.given.clear()
    codecs = [Recording(Format.PARQUET, name) for name in ("snappy", "lz4", "zstd")]
    compression_compare(LOGS, rounds=3, codecs=codecs)
    assert [label.compression for _, label in Recording.given] == [
        "snappy", "lz4", "zstd", "zstd", "lz4", "snappy", "snappy", "lz4", "zstd",
    ]  # fmt: skip


def test_batches_are_as_large_as_those_of_an_archive() -> None:
    Recording.given.clear()
    compression_compare(LOGS, rounds=1, codecs=[Recording(Format.JSON_GZ, "gzip", 1)])
    assert [(rows, label.batch) for rows, label in Recording.given] == [(5000, 1), (1000, 2)]


@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize(
    ("kind", "reason"), [(Careless, "they are others"), (Truncating, "it is no sound")]
)
def test_a_codec_that_does_not_give_back_the_logs_is_an_error(
    kind: type[Codec], reason: str, format_: Format
) -> None:
    name = format_.compression
    with pytest.raises(ArchiveError) as raised:
        compression_compare(LOGS, 1, [*QUICK, kind(format_, name, 1)])
    assert str(raised.value).startswith(
        f"{format_} with {name} at level 1 does not give back the logs that it was given: {reason}"
    )


def test_no_logs_are_nothing_to_compare_with() -> None:
    with pytest.raises(UsageError, match="there are no logs to compare codecs with"):
        compression_compare(LOGS.slice(0, 0))


@pytest.mark.parametrize("rounds", [0, -1, 1.5, "3", True, None])
def test_rounds_that_are_none_are_refused(rounds: object) -> None:
    with pytest.raises(UsageError, match="give 1 or more"):
        compression_compare(LOGS, rounds)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_what_a_codec_writes_is_read_by_the_archive(codec: Codec) -> None:
    label = Label(archive_date="", batch=1, total_logs=9, compression=codec.name, folder_id="")
    few: Sequence[object] = LOGS.slice(0, 9)
    assert decode(codec.encode(few, label), codec.format).logs.equals(few)
