"""A batch as a data file of the Iceberg table, of what its manifest and its footer say."""

from typing import Final

import msgspec
import pyarrow as pa
from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.typedef import Record

from waterline.archive.object_store.client import Bucket
from waterline.archive.parquet import footer_size, read_footer
from waterline.encoding import PARQUET
from waterline.errors import ArchiveError, RemoteError
from waterline.storage.catalog import ArchivedBatch
from workbench.iceberg.columns import FIXED

# Most footers are in so many of the last bytes, so that one request is enough.
_TAIL: Final = 2**16
_MICROSECONDS: Final = 1_000


def columns_of(bucket: Bucket, batch: ArchivedBatch) -> pa.Schema:
    """Return the columns of a batch with their field ids, from its footer alone.

    Args:
        bucket: that of the batch's node.
        batch: as its manifest tells of it.

    Raises:
        ArchiveError: the batch is missing, or its file is none that Iceberg takes.
        RemoteError: object storage refuses.
    """
    url = bucket.url(batch.file)
    if batch.format != PARQUET.name:
        raise ArchiveError(f"{url} is no Parquet; {_bring_forward(batch)}")
    try:
        columns, label = read_footer(_footer(bucket, batch))
    except RemoteError:
        if bucket.head(batch.file) is None:
            raise ArchiveError(f"{url} is missing; put a copy in its place") from None
        raise
    except (pa.ArrowException, OSError, msgspec.DecodeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ArchiveError(f"{url} is no sound Parquet file: {first}") from error
    if label is None or label.version != PARQUET.version:
        version = "no version" if label is None else f"version {label.version}"
        raise ArchiveError(f"{url} has {version}, without field ids; {_bring_forward(batch)}")
    if label.total_logs != batch.rows:
        raise ArchiveError(
            f"{url} says that it has {label.total_logs:,} logs, and its manifest {batch.rows:,}; "
            "`waterline lake verify` tells more"
        )
    return columns


def data_file(url: str, node: str, batch: ArchivedBatch) -> DataFile:
    """Return a batch as a data file.

    Its bounds are those of the manifest: the footer has some more, but nothing that verifies them.

    Args:
        url: the address of its file.
        node: the name of its node.
        batch: as the manifest tells of it.
    """
    lower, upper = _bounds(batch)
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=url,
        file_format=FileFormat.PARQUET,
        partition=Record(node),
        record_count=batch.rows,
        file_size_in_bytes=batch.stored_bytes,
        lower_bounds=_encoded(lower),
        upper_bounds=_encoded(upper),
        sort_order_id=None,
        equality_ids=None,
        key_metadata=None,
        spec_id=0,
    )


def _footer(bucket: Bucket, batch: ArchivedBatch) -> bytes:
    size = batch.stored_bytes
    tail = bucket.get_part(batch.file, max(0, size - _TAIL), min(size, _TAIL))
    wanted = footer_size(tail)
    if wanted <= len(tail):
        return tail
    if wanted > size:
        raise pa.ArrowInvalid("its footer is longer than the file")
    return bucket.get_part(batch.file, size - wanted, wanted)


def _bring_forward(batch: ArchivedBatch) -> str:
    return f"`waterline archive rewrite` on its node brings the batches of {batch.day} forward"


def _bounds(batch: ArchivedBatch) -> tuple[dict[str, int | str], dict[str, int | str]]:
    """Return the lowest and the highest value of columns, times in microseconds."""
    lower: dict[str, int | str] = {
        "seq": batch.first_seq,
        "timestamp": batch.first_timestamp * _MICROSECONDS,
        "received_at": batch.first_received_at * _MICROSECONDS,
        "type": min(batch.types),
        "source": min(batch.sources),
    }
    upper: dict[str, int | str] = {
        "seq": batch.last_seq,
        "timestamp": batch.last_timestamp * _MICROSECONDS,
        "received_at": batch.last_received_at * _MICROSECONDS,
        "type": max(batch.types),
        "source": max(batch.sources),
    }
    return lower, upper


def _encoded(bounds: dict[str, int | str]) -> dict[int, bytes]:
    return {number: to_bytes(kind, bounds[name]) for number, name, kind in FIXED if name in bounds}
