"""Data folders whose logs are archived in part: real batch files, recorded in the catalog."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import apsw
import pyarrow as pa

from tests.support.folders import DAY, NOON
from tests.support.processes import PATIENCE
from waterline.archive.batch import batch_file, day_text, describe, label_of, next_number
from waterline.archive.batch_formats import encode
from waterline.archive.columns import SCHEMA
from waterline.archive.effort import encoding_for
from waterline.encoding import BatchFormat
from waterline.storage.catalog import (
    ArchivedBatch,
    add_batches,
    archive_batch,
    change_batches,
    read_batches,
)
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer
from waterline.storage.watermark import read_watermark

_READ: Final = f"""
    SELECT {", ".join(SCHEMA.names)} FROM logs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
_MOST: Final = 2**62

# Of processes that are forked off one which has imported what they need.
ELSEWHERE: Final = get_context("forkserver")
ELSEWHERE.set_forkserver_preload(["tests.support.archives", "workbench.workbench"])

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

Part = tuple[int, BatchFormat]
"""How many logs a batch takes, and what it is written as."""


def archive(data: Path, parts: Sequence[Part], *, clear: bool = False) -> list[ArchivedBatch]:
    """Archive the oldest hot logs of a folder that nobody has open in this process.

    Args:
        data: the data folder, with its logs.db.
        parts: a batch for each, as far as there are logs.
        clear: remove the rows behind the watermark; otherwise they stay as garbage.
    """
    folder = DataFolder(data)
    done = []
    with closing(open_writer(folder.logs, LOGS, "FULL")) as connection:
        for rows, format_ in parts:
            after = read_watermark(connection).archived_through
            batch = _write(folder, connection, (after, _MOST, rows), format_)
            if batch is not None:
                done.append(archive_batch(connection, batch, after))
        if clear:
            connection.execute("DELETE FROM logs WHERE seq <= (SELECT archived_through FROM seam)")
    return done


def adopt(data: Path, first_seq: int, last_seq: int, format_: BatchFormat) -> ArchivedBatch | None:
    """Make of hot logs a batch as if it had been adopted; the watermark may lie before it.

    Returns:
        The batch; None where there are no such hot logs.
    """
    folder = DataFolder(data)
    with closing(open_writer(folder.logs, LOGS, "FULL")) as connection:
        after = max(read_watermark(connection).archived_through, first_seq - 1)
        batch = _write(folder, connection, (after, last_seq, _MOST), format_)
        if batch is None:
            return None
        add_batches(connection, [replace(batch, adopted_from="0" * 64)])
        connection.execute("DELETE FROM logs WHERE seq > ? AND seq <= ?", (after, last_seq))
        return next(each for each in read_batches(connection) if each.file == batch.file)


def prune(data: Path, batches: Sequence[ArchivedBatch]) -> None:
    """Record that batches are pruned, and remove their files."""
    change(data, [replace(each, pruned_at=NOON) for each in batches])
    for each in batches:
        path_of(data, each).unlink()


def change(data: Path, batches: Sequence[ArchivedBatch]) -> None:
    """Record what became of batches."""
    with closing(open_writer(DataFolder(data).logs, LOGS, "FULL")) as connection:
        change_batches(connection, batches)


def path_of(data: Path, batch: ArchivedBatch) -> Path:
    """Return where a batch's file is."""
    return DataFolder(data).archives / batch.file


def elsewhere(
    act: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs
) -> _Result:
    """Do one of these in a process of its own, for a folder that this one has open."""
    with ProcessPoolExecutor(1, mp_context=ELSEWHERE) as pool:
        return pool.submit(act, *given, **named).result(timeout=PATIENCE)


def _write(
    folder: DataFolder,
    connection: apsw.Connection,
    bounds: tuple[int, int, int],
    format_: BatchFormat,
) -> ArchivedBatch | None:
    rows = connection.execute(_READ, bounds).fetchall()
    if not rows:
        return None
    columns: list[Any] = [*zip(*rows, strict=True)]
    table = pa.table([pa.array(*each) for each in zip(columns, SCHEMA.types, strict=True)], SCHEMA)
    day = day_text(table["received_at"][0].cast(pa.int64()).as_py() // DAY)
    known = [each.file for each in read_batches(connection)]
    number = next_number(folder.archives / day, known)
    label = label_of(table, format_.encoding(), number, read_watermark(connection).folder_id, NOON)
    content = memoryview(encode(table, label, encoding_for(table, format_.encoding())))
    batch = describe(
        table,
        content,
        day=day,
        file=batch_file(day, number, format_),
        format=format_,
        archived_at=NOON,
    )
    path = folder.archives / batch.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return batch
