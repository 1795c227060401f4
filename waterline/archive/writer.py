"""Writing a batch: encoded, published, read back, and compared with the logs it is to hold."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from waterline.archive.batch import batch_file, day_text, describe, label_of, next_number
from waterline.archive.codecs import encode
from waterline.archive.files import Files
from waterline.archive.hot_rows import DAY
from waterline.archive.reader import checked, decoded
from waterline.encoding import Encoding
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder


def write_batch(
    folder: DataFolder,
    logs: pa.Table,
    *,
    known: Iterable[str],
    folder_id: str,
    encoding: Encoding,
    archived_at: int,
    files: Files,
    adopted_from: str | None = None,
) -> ArchivedBatch:
    """Write the file of a batch, and return what the catalog is to say of it.

    Args:
        folder: the data folder; the caller holds its archive lock.
        logs: at least one, with the columns of SCHEMA by seq, all received on one day.
        known: the files that the catalog names.
        folder_id: whose logs they are.
        encoding: how the file is written.
        archived_at: milliseconds UTC.
        files: how files are written and read.
        adopted_from: SHA-256 of the file that they were adopted from.

    Raises:
        ArchiveError: the file cannot be written, or does not hold what was written to it.
    """
    day = day_text(logs["received_at"][0].value // DAY)
    number = next_number(folder.archives / day, known)
    label = label_of(logs, encoding, number, folder_id, archived_at)
    content = memoryview(encode(logs, label, encoding))
    batch = describe(
        logs,
        content,
        day=day,
        file=batch_file(day, number, encoding.format),
        format=encoding.format,
        archived_at=archived_at,
        adopted_from=adopted_from,
    )
    path = folder.archives / batch.file
    files.publish(path, content)
    try:
        _compare(batch, logs, path, files)
    except ArchiveError:
        # It was never recorded, and a file that cannot be read would look like somebody else's.
        files.remove(path)
        raise
    return batch


def _compare(batch: ArchivedBatch, logs: pa.Table, path: Path, files: Files) -> None:
    stored = checked(batch, files.read(path), str(path))
    if not decoded(batch, stored, str(path)).equals(logs):
        raise ArchiveError(
            f"{path} does not hold the logs that were written to it; nothing was recorded: "
            "check its disk and try again"
        )
