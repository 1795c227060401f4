"""Writer of batches: encodes, publishes, reads back and compares."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from waterline.archive.attribute_types import load_types, save_types
from waterline.archive.batch import Label, batch_file, day_text, describe, label_of, next_number
from waterline.archive.batch_formats import encode
from waterline.archive.columns import NAMES
from waterline.archive.effort import encoding_for
from waterline.archive.files import Files
from waterline.archive.hot_rows import DAY
from waterline.archive.reader import checked, decoded
from waterline.encoding import PARQUET, Encoding
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
    """Write a batch file and return its catalog row.

    Args:
        folder: the data folder; the caller holds its archive lock.
        logs: at least one, with the columns of SCHEMA by seq, all received on one day.
        known: the files in the catalog.
        folder_id: id of the data folder.
        encoding: format, codec and level.
        archived_at: time of writing, milliseconds UTC.
        files: file operations.
        adopted_from: SHA-256 of the file of version 2.0 that the logs came from.

    Raises:
        ArchiveError: the file cannot be written, or reads back differently.
    """
    day = day_text(logs["received_at"][0].value // DAY)
    number = next_number(folder.archives / day, known)
    label = label_of(logs, encoding, number, folder_id, archived_at)
    content = memoryview(_encoded(folder, logs, label, encoding_for(logs, encoding), known))
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
        # The catalog does not know the file, and a damaged one would look like a foreign file.
        files.remove(path)
        raise
    return batch


def _encoded(
    folder: DataFolder, logs: pa.Table, label: Label, encoding: Encoding, known: Iterable[str]
) -> pa.Buffer | bytes:
    """Return logs as the bytes of a file, with the types that attributes have in the folder."""
    if encoding.format.name != PARQUET.name:
        return encode(logs, label, encoding)
    types = load_types(folder, known)
    content = encode(logs, label, encoding, types)
    save_types(folder, types)
    return content


def _compare(batch: ArchivedBatch, logs: pa.Table, path: Path, files: Files) -> None:
    stored = checked(batch, files.read(path), str(path))
    # One column at a time, as the logs are in memory already.
    if not all(
        decoded(batch, stored, str(path), [name])[name].equals(logs[name]) for name in NAMES
    ):
        raise ArchiveError(
            f"{path} does not hold the logs that were written to it; nothing was recorded: "
            "check its disk and try again"
        )
