"""Every operation of an archive run made to fail in turn: told, nothing lost, then made good."""

import errno
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import apsw
import pytest

from tests.support.archive_runs import (
    Row,
    all_rows,
    archive,
    assert_complete,
    catalog,
    fill_three_days,
    hot_rows,
    leave_unrecorded,
    opened,
    watermark_of,
)
from tests.support.faulty_database import faulty_disk
from tests.support.faulty_files import Fault, FaultySystem, Way
from tests.support.folders import DAY, NOON
from waterline.encoding import FORMATS, PARQUET, BatchFormat
from waterline.errors import ArchiveError, DataFolderError

FAULTS = [
    Fault("make_folder", number=errno.ENOSPC),
    Fault("create", number=errno.EACCES),
    Fault("write", number=errno.ENOSPC),
    Fault("write", Way.HALF, errno.ENOSPC),
    Fault("write", Way.SHORT),
    Fault("sync_file"),
    Fault("sync_folder"),
    Fault("rename"),
    Fault("rename", Way.DONE),
    Fault("read"),
    Fault("remove", number=errno.EROFS),
    Fault("remove", Way.DONE),
]
OF_LEFTOVERS = {"remove"}
every_format = pytest.mark.parametrize("format", list(FORMATS.values()))


def fresh(data: Path, format: BatchFormat) -> list[Row]:  # noqa: A002, ARG001
    """Make a folder of which nothing is archived."""
    return fill_three_days(data)


def cut_off(data: Path, format: BatchFormat) -> list[Row]:  # noqa: A002
    """Make one with a day that is archived, a batch that was not recorded, and half a file."""
    expected = fill_three_days(data)
    archive(data, now=NOON + 30 * DAY + 1, format=format)
    unrecorded = leave_unrecorded(data, format=format)
    unrecorded.with_name(f".batch-0002.{format}.part").write_bytes(b"half")
    return expected


# Each fault meets both beginnings and every format, each beginning every format.
BEGUN = [
    pytest.param(fault, begin, format_, id=f"{fault}-{begin.__name__}-{format_}")
    for number, fault in enumerate(FAULTS)
    for turn, format_ in enumerate(FORMATS.values(), number)
    for begin in [(fresh, cut_off)[turn % 2]]
]


def failure(data: Path, system: FaultySystem, format: BatchFormat) -> str | None:  # noqa: A002
    """Run once and return what the error says; None where there is none."""
    try:
        archive(data, system=system, format=format)
    except ArchiveError as error:
        return str(error)
    return None


def database_failure(data: Path) -> str | None:
    """Run once and return what the error says of the database; None where there is none."""
    try:
        archive(data)
    except DataFolderError as error:
        return str(error)
    except (apsw.FullError, apsw.IOError) as error:
        # The last checkpoint, on closing: SQLite passes over its failure, but apsw raises what a
        # VFS in Python has raised.
        told = error.__context__
        assert told is None or isinstance(told, DataFolderError)
        return None if told is None else str(told)
    return None


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "begin", "format"), BEGUN)
def test_failed_file_operation_is_named_loses_nothing_and_is_made_good_by_next_run(
    tmp_path: Path,
    fault: Fault,
    begin: Callable[[Path, BatchFormat], list[Row]],
    format: BatchFormat,  # noqa: A002
) -> None:
    expected = begin(tmp_path / "begin", format)
    for call in count(1):
        data = tmp_path / f"call-{call}"
        shutil.copytree(tmp_path / "begin", data)
        system = FaultySystem(data, fault, call)
        said = failure(data, system, format)
        assert all_rows(data) == expected
        if system.hit is None:
            assert said is None
            assert_complete(data, expected)
            break
        if fault.is_told:
            assert said is not None, f"call {call}, on {system.hit}"
            assert said.startswith(fault.sentence(system.hit))
        else:
            assert said is None
            assert_complete(data, expected)
        archive(data, format=format)
        assert_complete(data, expected)
        shutil.rmtree(data)
    assert call > 1 or (begin is fresh and fault.operation in OF_LEFTOVERS)


@every_format
@pytest.mark.parametrize("operation", ["write", "read"])
def test_disk_that_lies_about_batch_is_found_out_before_anything_goes(
    tmp_path: Path,
    operation: str,
    format: BatchFormat,  # noqa: A002
) -> None:
    expected = fresh(tmp_path / "begin", format)
    batches = ["2026-03-17/batch-0001", "2026-03-17/batch-0002", "2026-03-18/batch-0001"]
    for call, batch in enumerate(batches, 1):
        data = tmp_path / f"call-{call}"
        shutil.copytree(tmp_path / "begin", data)
        fault = Fault(operation, Way.FLIPPED)
        said = failure(data, FaultySystem(data, fault, call), format)
        assert said is not None
        assert said.startswith(f"{data}/archives/{batch}.{format} is damaged: its SHA-256")
        assert len(catalog(data)) == call - 1
        assert hot_rows(data) == expected
        assert all_rows(data) == expected
        archive(data, format=format)
        assert_complete(data, expected)


@every_format
def test_disk_that_lies_about_manifest_gets_it_written_anew_by_next_run(
    tmp_path: Path,
    format: BatchFormat,  # noqa: A002
) -> None:
    expected = fresh(tmp_path, format)
    system = FaultySystem(tmp_path, Fault("write", Way.FLIPPED), 5)
    archive(tmp_path, system=system, format=format)
    assert system.hit is not None
    assert ".json." in system.hit.name
    assert "batch" not in system.hit.name
    with pytest.raises(AssertionError):
        assert_complete(tmp_path, expected)
    archive(tmp_path, format=format)
    assert_complete(tmp_path, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "error", "lasts", "advice"),
    [
        (fresh, apsw.FullError, True, "make room on its disk"),
        (cut_off, apsw.FullError, False, "make room on its disk"),
        (cut_off, apsw.IOError, True, "check its disk"),
        (fresh, apsw.IOError, False, "check its disk"),
    ],
)
def test_database_that_cannot_write_is_named_loses_nothing_and_next_run_goes_on(
    tmp_path: Path,
    begin: Callable[[Path, BatchFormat], list[Row]],
    error: type[apsw.Error],
    lasts: bool,
    advice: str,
) -> None:
    expected = begin(tmp_path / "begin", PARQUET)
    told = 0
    for step in count(1):
        data = tmp_path / f"step-{step}"
        shutil.copytree(tmp_path / "begin", data)
        with faulty_disk(step, error, lasts=lasts) as disk:
            said = database_failure(data)
        if said is not None:
            told += 1
            assert said.startswith(f"{data / 'logs.db'} cannot be ")
            assert said.endswith(f"; {advice}")
        assert all_rows(data) == expected
        archive(data)
        assert_complete(data, expected)
        shutil.rmtree(data)
        if not disk.is_hit:
            break
    # Only a checkpoint may fail without a word: what it was to move stays in the WAL.
    assert told >= step // 2


@every_format
@pytest.mark.parametrize(
    "refused",
    [
        "INSERT ON archive_batches",
        "UPDATE ON seam",
        "INSERT ON archived_ids",
        "DELETE ON logs",
    ],
)
def test_transaction_that_database_refuses_changes_nothing(
    data: Path,
    refused: str,
    format: BatchFormat,  # noqa: A002
) -> None:
    expected = fresh(data, format)
    before = watermark_of(data)
    with opened(data) as connection:
        connection.execute(
            f"CREATE TRIGGER refuse BEFORE {refused} BEGIN SELECT raise(ABORT, 'no'); END"
        )
    with pytest.raises(apsw.ConstraintError, match="no"):
        archive(data, format=format, now=NOON + 40 * DAY, dedupe_window=50 * DAY)
    assert all_rows(data) == expected
    assert hot_rows(data) == expected
    if refused.endswith(("archive_batches", "seam")):
        assert watermark_of(data) == before
        assert catalog(data) == []
    with opened(data) as connection:
        connection.execute("DROP TRIGGER refuse")
    archive(data, format=format)
    assert_complete(data, expected)
