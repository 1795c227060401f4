"""A batch of archived logs: file name, label, raw size, and row in the catalog."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.batch_filter.place import place_of
from waterline.encoding import FORMATS, BatchFormat, Encoding, format_named
from waterline.records import StoredLog, encode_stored
from waterline.storage.catalog import ArchivedBatch

_BATCH: Final = re.compile(r"batch-(\d{4,})\.(.+)", re.ASCII)
_SECONDS_A_DAY: Final = 86_400


def day_text(day: int) -> str:
    """Return days since 1970 as text, such as 2026-11-23."""
    return f"{datetime.fromtimestamp(day * _SECONDS_A_DAY, UTC):%Y-%m-%d}"


def batch_file(day: str, number: int, format: BatchFormat) -> str:  # noqa: A002 - the field's term
    """Return the path of a batch below the archives: `2026-11-23/batch-0001.parquet`.

    Args:
        day: the day of `received_at`, such as 2026-11-23.
        number: the number of the batch within its day.
        format: the file format.
    """
    return f"{day}/batch-{number:04d}.{format}"


def batch_number(file: str) -> int | None:
    """Return the number in the name of a batch file; None for any other file."""
    found = _BATCH.fullmatch(Path(file).name)
    return int(found[1]) if found and found[2] in FORMATS else None


def batch_format(file: str) -> BatchFormat:
    """Return the format in the name of a batch file.

    Raises:
        ArchiveError: the format is unknown.
    """
    return format_named(Path(file).name.partition(".")[2])


def next_number(folder: Path, known: Iterable[str]) -> int:
    """Return the lowest batch number that is above all used numbers of a day.

    Args:
        folder: the folder of the day; it may be missing.
        known: the files in the catalog, of any day.
    """
    of_day = [file for file in known if file.startswith(f"{folder.name}/")]
    numbers = [batch_number(file) for file in [*of_day, *_names(folder)]]
    return 1 + max((number for number in numbers if number is not None), default=0)


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()] if folder.is_dir() else []


VERSIONS: Final = ("2.1", "3.0")
"""The versions of the layout of batch files that can be read."""


class Label(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Metadata in a batch file. As JSON its members are named as in version 2.0.

    Attributes:
        archive_date: time of writing, RFC 3339 in UTC with milliseconds.
        batch: the number in the file name.
        total_logs: number of logs in the file.
        compression: the codec, such as `zstd` or `gzip`.
        version: version of the layout of batch files.
        folder_id: id of the data folder that wrote the file.
    """

    archive_date: str
    batch: int
    total_logs: int
    compression: str
    version: str = VERSIONS[0]
    folder_id: str


_decoder: Final = msgspec.json.Decoder(Label)
_encoder: Final = msgspec.json.Encoder()


def write_label(label: Label) -> bytes:
    """Return a label as a JSON object."""
    return _encoder.encode(label)


def read_label(text: bytes) -> Label:
    """Read a label from a JSON object.

    Raises:
        msgspec.DecodeError: the text is no label.
    """
    return _decoder.decode(text)


_NUMBERS: Final = ("seq", "timestamp", "received_at")
_TEXTS: Final = ("id", "type", "source", "message")
# Member names and punctuation; the three numbers of this empty log are one digit each.
_AROUND: Final = len(encode_stored(StoredLog(0, "", "", 0, 0, "", "", msgspec.Raw(b"")))) - 3
# RFC 8259, section 7: quote and backslash always need an escape, of two bytes; so do control
# characters, of which these have a short one and all others are written as six bytes.
_BACKSLASHED: Final = tuple(b'"\\')
_SHORT: Final = tuple(b"\b\t\n\f\r")
_FIRST_PRINTABLE: Final = 0x20


def raw_size(table: pa.Table) -> int:
    """Return the size in bytes of logs as compact UTF-8 JSON.

    This is the total length of `encode_stored` over all logs, computed by column.

    Args:
        table: logs in the columns of `SCHEMA`.
    """
    size: int = _AROUND * table.num_rows
    for name in _NUMBERS:
        size += sum(map(_digits, table.column(name).chunks))
    for name in _TEXTS:
        size += sum(len(text) + _escapes(text) for text in map(_text, table.column(name).chunks))
    for text in map(_text, table.column("attributes").chunks):
        size += len(text)
    return size


def _digits(numbers: pa.Array) -> int:
    """Return the number of characters of all numbers in decimal, including minus signs."""
    if not len(numbers):
        return 0
    numbers = numbers.cast(pa.int64())
    span = pc.min_max(numbers)
    signs = 0
    if span["min"].as_py() < 0:
        signs = _true(pc.less(numbers, 0))
        numbers = pc.abs(numbers)
        span = pc.min_max(numbers)
    fewest, most = (len(str(span[each].as_py())) for each in ("min", "max"))
    longer = sum(_true(pc.greater_equal(numbers, 10**each)) for each in range(fewest, most))
    return signs + fewest * len(numbers) + longer


def _text(texts: pa.Array) -> pa.Array:
    """Return the concatenated UTF-8 bytes of all texts, without a copy."""
    _, offsets, content = texts.buffers()
    if not len(texts) or content is None:
        return pa.array([], pa.uint8())
    bounds = pa.Array.from_buffers(pa.int32(), len(texts) + texts.offset + 1, [None, offsets])
    start, end = bounds[texts.offset].as_py(), bounds[-1].as_py()
    return pa.Array.from_buffers(pa.uint8(), end - start, [None, content], offset=start)


def _escapes(text: pa.Array) -> int:
    """Return the number of bytes that JSON escapes add to UTF-8 text."""
    if not len(text):
        return 0
    extra = sum(_count(text, byte) for byte in _BACKSLASHED)
    if pc.min(text).as_py() < _FIRST_PRINTABLE:
        control = _true(pc.less(text, _byte(_FIRST_PRINTABLE)))
        short = sum(_count(text, byte) for byte in _SHORT)
        extra += short + 5 * (control - short)
    return extra


def _count(text: pa.Array, byte: int) -> int:
    return _true(pc.equal(text, _byte(byte)))


def _true(flags: pa.Array) -> int:
    return int(flags.true_count)


def _byte(value: int) -> pa.Scalar:
    return pa.scalar(value, pa.uint8())


def label_of(
    logs: pa.Table,
    encoding: Encoding,
    number: int,
    folder_id: str,
    archived_at: int,
) -> Label:
    """Return the label for a batch file.

    Args:
        logs: the logs in the file.
        encoding: how they are written.
        number: the number in the file name.
        folder_id: id of the data folder.
        archived_at: time of writing, milliseconds UTC.
    """
    moment = datetime.fromtimestamp(archived_at / 1000, UTC)
    return Label(
        archive_date=f"{moment:%Y-%m-%dT%H:%M:%S}.{archived_at % 1000:03d}Z",
        batch=number,
        total_logs=logs.num_rows,
        compression=encoding.codec,
        version=encoding.format.version,
        folder_id=folder_id,
    )


def counts_of(logs: pa.Table) -> dict[str, Any]:
    """Return what a catalog row says of the logs themselves, whatever their file is.

    Args:
        logs: at least one, by seq.
    """
    return {
        "rows": logs.num_rows,
        "first_seq": logs["seq"][0].as_py(),
        "last_seq": logs["seq"][-1].as_py(),
        "first_timestamp": _least(logs, "timestamp"),
        "last_timestamp": _most(logs, "timestamp"),
        "first_received_at": _least(logs, "received_at"),
        "last_received_at": _most(logs, "received_at"),
        "types": _counts(logs, "type"),
        "sources": _counts(logs, "source"),
        "raw_bytes": raw_size(logs),
    }


def describe(
    logs: pa.Table,
    content: memoryview | bytes,
    *,
    day: str,
    file: str,
    format: BatchFormat,  # noqa: A002 - the field's term
    archived_at: int,
    adopted_from: str | None = None,
) -> ArchivedBatch:
    """Return the catalog row for a batch file; `batch` is 0 until the catalog numbers it.

    Args:
        logs: the logs in the file, at least one.
        content: the bytes of the file.
        day: the day of `received_at`, such as 2026-11-23.
        file: path below the archives.
        format: the file format.
        archived_at: time of writing, milliseconds UTC.
        adopted_from: SHA-256 of the file of version 2.0 that the logs came from.
    """
    place = place_of(content, format)
    told = b"" if place is None else content[place.offset : place.offset + place.bytes]
    return ArchivedBatch(
        batch=0,
        day=day,
        file=file,
        format=format.name,
        **counts_of(logs),
        stored_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        archived_at=archived_at,
        adopted_from=adopted_from,
        filter_offset=None if place is None else place.offset,
        filter_bytes=None if place is None else place.bytes,
        filter_sha256=None if place is None else hashlib.sha256(told).hexdigest(),
    )


def describe_again(
    batch: ArchivedBatch, logs: pa.Table, content: memoryview | bytes
) -> ArchivedBatch:
    """Return a catalog row with its counts, sizes and hash taken from a new file.

    Args:
        batch: the known row; number, day, file, format, date and origin stay.
        logs: the logs in the new file, at least one.
        content: the bytes of the new file.
    """
    found = describe(
        logs,
        content,
        day=batch.day,
        file=batch.file,
        format=format_named(batch.format),
        archived_at=batch.archived_at,
        adopted_from=batch.adopted_from,
    )
    return replace(found, batch=batch.batch)


def _least(logs: pa.Table, name: str) -> int:
    return cast("int", pc.min(logs[name].cast(pa.int64())).as_py())


def _most(logs: pa.Table, name: str) -> int:
    return cast("int", pc.max(logs[name].cast(pa.int64())).as_py())


def _counts(logs: pa.Table, name: str) -> dict[str, int]:
    """Return the number of rows by value, the most frequent first, ties by name."""
    counted = pc.value_counts(logs[name])
    pairs = zip(
        counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True
    )
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
