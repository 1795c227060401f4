"""What archived logs take by encoding and batch size: of the batches here, and of a sample."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, cast

import pyarrow as pa

from waterline.archive.batch import label_of, raw_size
from waterline.archive.batch_formats import encode
from waterline.archive.effort import encoding_for
from waterline.archive.hot_rows import HotRows, RowRange
from waterline.archive.reader import BatchReader
from waterline.encoding import JSON_GZ, PARQUET, Encoding
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from waterline.storage.sqlite import open_reader, sqlite_errors

SAMPLE: Final = 20_000
"""Logs of a sample: the newest hot ones, or else those of the newest batch."""
MOST_BYTES: Final = 16 * 2**20
"""Bytes of a sample in memory, so that long logs are tried in seconds too."""
SIZES: Final = (1_000, SAMPLE)
"""Logs in a batch that are compared, beside what the folder has."""
ENCODINGS: Final = (*(PARQUET.encoding(level) for level in (1, 3, 9, 15)), JSON_GZ.encoding())
LEAST_ROWS: Final = 1_000
"""Logs that batches must have, or a sample, to tell anything."""
_SLICES: Final = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes that an archived log takes."""

    encoding: str
    batch_rows: int
    """Logs in a batch, on average."""
    log_bytes: float
    raw_bytes: float
    """Bytes of a log as JSON."""
    is_measured: bool
    """Whether these are batches of the folder; else a sample was encoded."""

    @property
    def ratio(self) -> float:
        """Raw bytes over stored bytes."""
        return self.raw_bytes / self.log_bytes


def costs_of(batches: Sequence[ArchivedBatch]) -> Iterator[Cost]:
    """Yield what the batches of a folder take, by format."""
    for name in dict.fromkeys(each.format for each in batches):
        of_format = [each for each in batches if each.format == name]
        rows = sum(each.rows for each in of_format)
        if rows >= LEAST_ROWS:
            yield Cost(
                encoding=f"{name}, as archived here",
                batch_rows=round(rows / len(of_format)),
                log_bytes=sum(each.stored_bytes for each in of_format) / rows,
                raw_bytes=sum(each.raw_bytes for each in of_format) / rows,
                is_measured=True,
            )


def sampled_costs(
    logs: pa.Table, encodings: Sequence[Encoding] = ENCODINGS, sizes: Sequence[int] = SIZES
) -> list[Cost]:
    """Encode a sample in each way; nothing is written.

    Args:
        logs: the sample.
        encodings: the encodings.
        sizes: numbers of logs in a batch; those beyond the sample count as all of it.
    """
    if logs.num_rows < LEAST_ROWS:
        return []
    fitting = sorted({min(size, logs.num_rows) for size in sizes})
    return [_sampled(logs, encoding, size) for encoding in encodings for size in fitting]


def sample_of(folder: DataFolder, batches: Sequence[ArchivedBatch]) -> pa.Table:
    """Return the newest hot logs, or those of the newest batch that is here; maybe none.

    Raises:
        DataFolderError: logs.db cannot be read.
        ArchiveError: the batch cannot be read.
    """
    with closing(open_reader(folder.logs)) as connection, sqlite_errors(folder.logs):
        last = cast("int", connection.execute("SELECT ifnull(max(seq), 0) FROM logs").get)
        logs = HotRows(connection).read(RowRange(max(0, last - SAMPLE), last, 0))
    here = [each for each in batches if each.local_removed_at is None]
    if logs.num_rows < LEAST_ROWS and here:
        newest = max(here, key=lambda each: each.last_seq)
        logs = BatchReader(folder).read(newest).slice(0, SAMPLE)
    fitting = max(LEAST_ROWS, logs.num_rows * MOST_BYTES // max(1, logs.nbytes))
    return logs.slice(max(0, logs.num_rows - fitting))


def _sampled(logs: pa.Table, encoding: Encoding, size: int) -> Cost:
    """Encode up to three batches of a size, across the sample."""
    number = min(_SLICES, logs.num_rows // size)
    gap = (logs.num_rows - number * size) // max(1, number - 1)
    parts = [logs.slice(each * (size + gap), size) for each in range(number)]
    stored = sum(_stored(each, encoding) for each in parts)
    rows = sum(each.num_rows for each in parts)
    return Cost(
        encoding=str(encoding),
        batch_rows=size,
        log_bytes=stored / rows,
        raw_bytes=sum(map(raw_size, parts)) / rows,
        is_measured=False,
    )


def _stored(logs: pa.Table, encoding: Encoding) -> int:
    """Return the bytes of a batch, written as a run would."""
    return len(encode(logs, label_of(logs, encoding, 1, "", 0), encoding_for(logs, encoding)))


def chosen_cost(
    costs: Sequence[Cost], encoding: Encoding, batch_rows: float, *, is_default: bool
) -> Cost | None:
    """Return the cost to plan with: of batches here of that kind, else the fitting sample.

    Args:
        costs: all that are known.
        encoding: the encoding to plan with.
        batch_rows: logs that a batch will have.
        is_default: whether it is what the settings of the folder say.
    """
    if is_default:
        for each in costs:
            if each.is_measured and each.encoding.startswith(f"{encoding.format.name},"):
                return each
    sampled = [each for each in costs if each.encoding == str(encoding)]
    fitting = [each for each in sampled if each.batch_rows <= batch_rows]
    return max(fitting or sampled[:1], key=lambda each: each.batch_rows, default=None)
