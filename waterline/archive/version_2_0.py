"""Archive files of version 2.0, made elsewhere: read as logs so that they can be adopted."""

import gzip
import hashlib
import uuid
import zlib
from typing import Final, Literal

import msgspec
import pyarrow as pa

from waterline.archive.columns import SCHEMA
from waterline.errors import ArchiveError
from waterline.records import (
    MAX_TIMESTAMP,
    MIN_TIMESTAMP,
    InvalidLog,
    Record,
    Rule,
    check_log,
    parse_rfc3339,
)

# As milliseconds this is 1973, as seconds the year 5138: no log is that early or that late.
_FIRST_IN_MILLISECONDS: Final = 10**11


class _Metadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    archive_date: str
    batch: int
    total_logs: int
    compression: Literal["gzip"]
    version: str


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    metadata: _Metadata
    logs: list[object]


_decoder: Final = msgspec.json.Decoder(_Document)


def read_version_2_0(content: bytes, *, first_seq: int, received_at: int, source: str) -> pa.Table:
    """Read an archive file of version 2.0: gzipped JSON with `metadata` and `logs`.

    What a log lacks is made from the file alone, so that reading it again gives the same: an id
    from the file's SHA-256 and the log's place in it; a timestamp from its `created_at` (seconds or
    milliseconds), else from the file's `archiveDate`. Members that are no columns are attributes.

    Args:
        content: the whole file.
        first_seq: the seq of its first log; the others count on from there.
        received_at: when they were received, milliseconds UTC.
        source: the name they are kept under.

    Returns:
        A table of `SCHEMA`, a row a log, in the file's order.

    Raises:
        ArchiveError: it is damaged, not of version 2.0, or holds something that is no log. The
            sentence is about "it": the caller says which file.
    """
    document = _read(content)
    archived_at = _read_archive_date(document.metadata)
    namespace = uuid.UUID(bytes=hashlib.sha256(content).digest()[:16])
    records = [
        _check(index, value, namespace, archived_at) for index, value in enumerate(document.logs)
    ]
    rows = len(records)
    columns = [
        pa.array(range(first_seq, first_seq + rows), pa.int64()),
        pa.array([each.id for each in records], pa.string()),
        pa.array([each.type for each in records], pa.string()),
        pa.array([each.timestamp for each in records], pa.int64()),
        pa.array([received_at] * rows, pa.int64()),
        pa.array([source] * rows, pa.string()),
        pa.array([each.message for each in records], pa.string()),
        pa.array([each.attributes for each in records], pa.string()),
    ]
    return pa.table(columns, names=SCHEMA.names).cast(SCHEMA)


def _read(content: bytes) -> _Document:
    try:
        document = _decoder.decode(gzip.decompress(content))
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, RecursionError) as error:
        raise ArchiveError(f"it is no sound archive file of version 2.0: {error}") from error
    said = document.metadata
    if said.version != "2.0":
        raise ArchiveError(f"its version is {said.version}, not 2.0")
    if said.total_logs != len(document.logs):
        raise ArchiveError(
            f"it holds {len(document.logs):,} logs, but says that they are {said.total_logs:,}"
        )
    return document


def _read_archive_date(metadata: _Metadata) -> int:
    try:
        return parse_rfc3339(metadata.archive_date)
    except (ValueError, OverflowError) as error:
        raise ArchiveError(f"its archiveDate is no time: {error}") from error


def _check(index: int, value: object, namespace: uuid.UUID, archived_at: int) -> Record:
    """Return a log with id and timestamp.

    Raises:
        ArchiveError: it is no log.
    """
    created_at = value.get("created_at") if isinstance(value, dict) else None
    try:
        record = check_log(value)
        return record._replace(
            id=record.id or str(uuid.uuid5(namespace, str(index))),
            timestamp=_moment(created_at, archived_at)
            if record.timestamp is None
            else record.timestamp,
        )
    except InvalidLog as error:
        raise ArchiveError(f"its log at index {index} is none: {error.reason}") from error


def _moment(created_at: object, archived_at: int) -> int:
    if isinstance(created_at, bool) or not isinstance(created_at, int | float):
        return archived_at
    moment = created_at if created_at >= _FIRST_IN_MILLISECONDS else created_at * 1000
    if not MIN_TIMESTAMP <= moment <= MAX_TIMESTAMP:
        raise InvalidLog("created_at must lie in the years 1 to 9999", Rule.TIMESTAMP)
    return int(moment)
