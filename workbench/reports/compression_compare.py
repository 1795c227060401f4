"""The comparison of codecs: logs stored by each and read back, timed and checked."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import pandas as pd
import pyarrow as pa

from waterline.archive.batch import Label, raw_size
from waterline.archive.batch_formats import decode, encode
from waterline.encoding import DEFAULT_ENCODING, JSON_GZ, PARQUET, Encoding
from waterline.errors import ArchiveError, UsageError
from workbench.query.times import plain

_MEGABYTE: Final = 1_000_000


ENCODINGS: Final = (
    *(PARQUET.encoding(level) for level in (1, 3, 6, 9, 15)),
    Encoding(PARQUET, "snappy"),
    Encoding(PARQUET, "lz4"),
    Encoding(PARQUET, "gzip", 6),
    *(JSON_GZ.encoding(level) for level in (1, 6, 9)),
)


@dataclass(slots=True)
class _Measured:
    """Measurements of an encoding; seconds of each round."""

    stored_bytes: int = 0
    write_seconds: list[float] = field(default_factory=list)
    read_seconds: list[float] = field(default_factory=list)


def compression_compare(
    table: pa.Table, rounds: int = 3, encodings: Sequence[Encoding] = ENCODINGS
) -> pd.DataFrame:
    """Store logs by each encoding and read them back, in batches as large as an archive's.

    Each round runs every encoding, and compares the logs that it reads back with those stored.
    Nothing is written to a disk.

    Args:
        table: the logs, in the columns of SCHEMA.
        rounds: number of times that each encoding is timed; the report has the medians.
        encodings: encodings to compare.

    Returns:
        A row an encoding, in their order, with the columns format and codec (`str`),
        level (`Int64`, missing where the codec has none), rows, raw_bytes and stored_bytes
        (`int64`), ratio (raw over stored bytes), saved (1 - stored over raw), write_mb_per_s and
        read_mb_per_s (10^6 bytes of raw JSON a second) (`float64`), and is_default (`bool`).

    Raises:
        UsageError: there are no logs, or `rounds` is not a positive integer.
        ArchiveError: an encoding gave back other logs.
    """
    times = _checked(rounds)
    if not table.num_rows:
        raise UsageError("there are no logs to compare codecs with; ask for others")
    logs = table.sort_by("seq")
    measured = {each: _Measured() for each in encodings}
    for number in range(times):
        # Forwards and backwards in turn, so that a machine that speeds up favours none.
        for each in encodings if number % 2 == 0 else reversed(encodings):
            _measure(each, logs, measured[each])
    return _report(measured, logs.num_rows, raw_size(logs))


def _checked(rounds: object) -> int:
    count = plain(rounds)
    if isinstance(count, int) and not isinstance(count, bool) and count >= 1:
        return count
    raise UsageError(f"rounds={rounds!r} is no number of rounds; give 1 or more")


def _measure(encoding: Encoding, logs: pa.Table, measured: _Measured) -> None:
    size = encoding.format.batch_rows
    batches = [logs.slice(begin, size) for begin in range(0, logs.num_rows, size)]
    labels = [_label(encoding, number, each.num_rows) for number, each in enumerate(batches, 1)]
    begun = time.perf_counter()
    contents = [encode(*each, encoding) for each in zip(batches, labels, strict=True)]
    written = time.perf_counter()
    again = [_decode(encoding, each) for each in contents]
    read = time.perf_counter()
    if not all(found.equals(stored) for found, stored in zip(again, batches, strict=True)):
        raise _untrue(encoding, "the logs differ")
    measured.stored_bytes = sum(len(each) for each in contents)
    measured.write_seconds.append(written - begun)
    measured.read_seconds.append(read - written)


def _label(encoding: Encoding, number: int, logs: int) -> Label:
    return Label(
        archive_date="1970-01-01T00:00:00.000Z",  # as long as any other: the file is not kept
        batch=number,
        total_logs=logs,
        compression=encoding.codec,
        folder_id="",
    )


def _decode(encoding: Encoding, content: pa.Buffer | bytes) -> pa.Table:
    try:
        return decode(content, encoding.format).logs
    except ArchiveError as error:
        raise _untrue(encoding, str(error)) from error


def _untrue(encoding: Encoding, reason: str) -> ArchiveError:
    return ArchiveError(
        f"{encoding} does not give back the logs that it was given: {reason}; keep it from your "
        "archives, and report this fault"
    )


def _report(measured: Mapping[Encoding, _Measured], rows: int, raw_bytes: int) -> pd.DataFrame:
    encodings, seen = measured.keys(), measured.values()
    stored = pd.Series([each.stored_bytes for each in seen], dtype="int64")
    return pd.DataFrame(
        {
            "format": pd.Series([str(each.format) for each in encodings], dtype="str"),
            "codec": pd.Series([each.codec for each in encodings], dtype="str"),
            "level": pd.Series([each.level for each in encodings], dtype="Int64"),
            "rows": pd.Series([rows] * len(encodings), dtype="int64"),
            "raw_bytes": pd.Series([raw_bytes] * len(encodings), dtype="int64"),
            "stored_bytes": stored,
            "ratio": raw_bytes / stored,
            "saved": 1 - stored / raw_bytes,
            "write_mb_per_s": _rates(raw_bytes, [each.write_seconds for each in seen]),
            "read_mb_per_s": _rates(raw_bytes, [each.read_seconds for each in seen]),
            "is_default": pd.Series([each == DEFAULT_ENCODING for each in encodings], dtype="bool"),
        }
    )


def _rates(raw_bytes: int, seconds: Iterable[Sequence[float]]) -> "pd.Series[float]":
    rates = [raw_bytes / _MEGABYTE / median(rounds) for rounds in seconds]
    return pd.Series(rates, dtype="float64")
