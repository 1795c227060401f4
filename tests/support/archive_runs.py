"""Archive runs in this process, and what a data folder holds after one."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, cast

import apsw
import pyarrow as pa
import pytest

from tests.support.folders import DAY, NOON, Batch, alter, fill_batches
from waterline.archive.files import Files, System
from waterline.archive.jobs.run import ArchiveJob, Outcome
from waterline.archive.jobs.run_options import RunOptions
from waterline.archive.jobs.verify import verify
from waterline.archive.manifest import days_of, manifest_of
from waterline.archive.manifest_places import local_paths, remote_keys
from waterline.archive.reader import BatchReader
from waterline.encoding import PARQUET, BatchFormat
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import Watermark, read_watermark

LATER: Final = NOON + 100 * DAY
"""When runs take place unless a test says otherwise: all logs are old by then."""

Row = tuple[int, str, str, int, int, str, str, str]
"""A stored log, its columns in their order."""


def fill_three_days(data: Path) -> list[Row]:
    """Store 3, 2 and 1 logs on three days in a row, and return them."""
    odd = {
        "type": "error",
        "message": 'a\u0000b "\\ 水',
        "timestamp": -5,
        "level": {"a": [1.5, None]},
    }
    fill_batches(
        data,
        [
            Batch([{"id": "a", "type": "info", "message": ""}, odd | {"id": "b"}], "pump", NOON),
            Batch([odd | {"id": "a"}], "valve", NOON + 1),
            Batch([odd | {"id": f"c{each}"} for each in range(2)], "pump", NOON + DAY),
            Batch([odd | {"id": "d"}], "pump", NOON + 2 * DAY),
        ],
    )
    return hot_rows(data)


def options_for(
    *,
    format: BatchFormat = PARQUET,  # noqa: A002
    level: int | None = None,
    **changes: Any,  # noqa: ANN401 - any of its members
) -> RunOptions:
    """Return options by which logs of 30 days go, two to a batch."""
    members: dict[str, Any] = {
        "older_than": 30 * DAY,
        "encoding": format.encoding(level),
        "batch_rows": 2,
        "dedupe_window": DAY,
    }
    return RunOptions(**(members | changes))


def archive(
    data: Path,
    *,
    system: System | None = None,
    now: int = LATER,
    **changes: Any,  # noqa: ANN401 - any member of the options
) -> Outcome:
    """Do one run at a moment, by these options with changes."""
    job = ArchiveJob(
        DataFolder(data), options_for(**changes), files=Files(system), clock=lambda: now
    )
    return job.run()


def leave_unrecorded(data: Path, **changes: Any) -> Path:  # noqa: ANN401 - as above
    """Let a run write a batch that it cannot record, and return its file."""
    before = files_below(data)
    alter(
        DataFolder(data).logs,
        "CREATE TRIGGER refuse BEFORE INSERT ON archive_batches BEGIN SELECT raise(ABORT, ''); END",
    )
    with pytest.raises(apsw.ConstraintError):
        archive(data, **changes)
    alter(DataFolder(data).logs, "DROP TRIGGER refuse")
    (file,) = files_below(data) - before
    return DataFolder(data).archives / file


@contextmanager
def opened(data: Path) -> Iterator[apsw.Connection]:
    """Open the logs.db of a folder for a while."""
    with closing(apsw.Connection(str(DataFolder(data).logs))) as connection:
        yield connection


def hot_rows(data: Path, above: int = 0) -> list[Row]:
    """Return what the table of logs holds above a seq."""
    with opened(data) as connection:
        rows = connection.execute("SELECT * FROM logs WHERE seq > ? ORDER BY seq", (above,))
        return cast("list[Row]", rows.fetchall())


def catalog(data: Path) -> list[ArchivedBatch]:
    """Return all batches."""
    with opened(data) as connection:
        return read_batches(connection)


def watermark_of(data: Path) -> Watermark:
    """Return the watermark."""
    with opened(data) as connection:
        return read_watermark(connection)


def rows_of(logs: pa.Table) -> list[Row]:
    """Return archived logs as they lay in their table."""
    columns = [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in logs.columns
    ]
    return list(zip(*columns, strict=True))


def all_rows(data: Path) -> list[Row]:
    """Return what a query would see: archived logs, and hot ones above the watermark."""
    reader = BatchReader(DataFolder(data))
    kept = [each for each in catalog(data) if each.is_kept]
    archived = [row for batch in kept for row in rows_of(reader.read(batch))]
    return archived + hot_rows(data, above=watermark_of(data).archived_through)


def files_below(data: Path) -> set[str]:
    """Return the names of all files of the archives, hidden ones too."""
    archives = DataFolder(data).archives
    return {str(each.relative_to(archives)) for each in archives.rglob("*") if each.is_file()}


def manifest_path(data: Path, day: str, batches: list[ArchivedBatch] | None = None) -> Path:
    """Return where the manifest of a day lies, by its batches or else by the catalog."""
    of_day = days_of(catalog(data))[day] if batches is None else batches
    return local_paths(DataFolder(data), day, of_day).place


def manifest_key(batch: ArchivedBatch) -> str:
    """Return where the manifest of the day of a batch lies in object storage."""
    return remote_keys(batch.day, [batch]).place


def names_of(data: Path, paths: Iterable[Path]) -> set[str]:
    """Return the names of those that lie below the archives, as `files_below` has them."""
    archives = DataFolder(data).archives
    return {str(each.relative_to(archives)) for each in paths if each.is_relative_to(archives)}


def assert_complete(data: Path, expected: list[Row]) -> None:
    """See that all logs are archived, each once, and that nothing else lies about."""
    assert all_rows(data) == expected
    assert hot_rows(data) == []
    batches, watermark = catalog(data), watermark_of(data)
    assert watermark.archived_through == expected[-1][0]
    days = days_of(batches)
    manifests = {manifest_path(data, day, of_day): of_day for day, of_day in days.items()}
    assert files_below(data) == {each.file for each in batches} | names_of(data, manifests)
    assert set(DataFolder(data).manifests.glob("*")) <= set(manifests)
    for path, of_day in manifests.items():
        assert path.read_bytes() == manifest_of(of_day[0].day, of_day, watermark)


def lose_logs(data: Path) -> None:
    """Remove logs.db, as a disk or a person may do."""
    for path in data.glob("logs.db*"):
        path.unlink()


def assert_clean(data: Path) -> None:
    """See that `verify` finds nothing at all."""
    found = verify(DataFolder(data))
    assert (found.faults, found.warnings) == ([], []), found
