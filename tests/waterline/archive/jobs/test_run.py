"""The archive job: which logs go, into which batches, and what is said of them afterwards."""

import errno
import hashlib
import os
from collections import Counter
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest

from tests.support.archive_runs import (
    LATER,
    all_rows,
    archive,
    assert_complete,
    catalog,
    files_below,
    fill_three_days,
    hot_rows,
    opened,
    options_for,
    watermark_of,
)
from tests.support.faulty_files import Fault, FaultySystem
from tests.support.folders import DAY, NOON, Batch, fill, fill_batches
from tests.support.looking import number
from waterline.archive.batch import Label
from waterline.archive.batch_formats import decode, encode
from waterline.archive.files import Files
from waterline.archive.jobs.run import ArchiveJob
from waterline.archive.jobs.upload import Uploaded
from waterline.encoding import FORMATS, JSON_GZ, PARQUET, BatchFormat
from waterline.errors import ArchiveError, ArchiveInUse, DataFolderError
from waterline.records import StoredLog, encode_stored
from waterline.storage.folder import ArchiveLock, DataFolder
from waterline.storage.watermark import Position, read_position

every_format = pytest.mark.parametrize("format", list(FORMATS.values()))


def logs(number: int) -> list[dict[str, object]]:
    return [{"id": f"{each}", "type": "t", "message": f"{each}"} for each in range(number)]


@every_format
def test_old_logs_are_archived_and_their_rows_go(
    data: Path,
    format: BatchFormat,  # noqa: A002
) -> None:
    expected = fill_three_days(data)
    done = archive(data, format=format)
    assert_complete(data, expected)
    assert done.batches == catalog(data)
    assert [each.file for each in done.batches] == [
        f"2026-03-17/batch-0001.{format}",
        f"2026-03-17/batch-0002.{format}",
        f"2026-03-18/batch-0001.{format}",
        f"2026-03-19/batch-0001.{format}",
    ]
    assert [each.rows for each in done.batches] == [2, 1, 2, 1]
    assert (done.logs, done.removed.rows, done.uploaded) == (6, 6, Uploaded())
    assert done.seconds > 0


@every_format
def test_catalog_says_what_file_and_logs_are(
    data: Path,
    format: BatchFormat,  # noqa: A002
) -> None:
    rows = fill_three_days(data)
    archive(data, format=format)
    begin = 0
    for place, batch in enumerate(catalog(data), 1):
        of_batch = rows[begin : begin + batch.rows]
        begin += batch.rows
        content = (data / "archives" / batch.file).read_bytes()
        timestamps, received = [row[3] for row in of_batch], [row[4] for row in of_batch]
        assert batch.batch == place
        assert batch.format == format.name
        assert (batch.first_seq, batch.last_seq) == (of_batch[0][0], of_batch[-1][0])
        assert (batch.first_timestamp, batch.last_timestamp) == (min(timestamps), max(timestamps))
        assert (batch.first_received_at, batch.last_received_at) == (received[0], received[-1])
        assert batch.types == Counter(row[2] for row in of_batch)
        assert batch.sources == Counter(row[5] for row in of_batch)
        assert batch.raw_bytes == sum(
            len(encode_stored(StoredLog(*row[:7], msgspec.Raw(row[7].encode()))))
            for row in of_batch
        )
        assert batch.stored_bytes == len(content)
        assert batch.sha256 == hashlib.sha256(content).hexdigest()
        assert batch.archived_at == LATER
        assert (batch.pruned_at, batch.adopted_from) == (None, None)
        assert (batch.uploaded_to, batch.uploaded_at, batch.local_removed_at) == (None, None, None)


@every_format
def test_every_file_says_what_it_is(data: Path, format: BatchFormat) -> None:  # noqa: A002
    fill_three_days(data)
    archive(data, format=format)
    for batch in catalog(data):
        content = (data / "archives" / batch.file).read_bytes()
        assert decode(content, format).label == Label(
            archive_date="2026-06-25T12:00:00.000Z",
            batch=int(batch.file[17:21]),
            total_logs=batch.rows,
            compression=format.codec,
            version=format.version,
            folder_id=watermark_of(data).folder_id,
        )


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (NOON + 30 * DAY - 1, [1, 2, 3]),
        (NOON + 30 * DAY, [2, 3]),
        (NOON + 30 * DAY + 1, [3]),
        (NOON + 30 * DAY + 499, [3]),
        (NOON + 30 * DAY + 500, []),
    ],
)
def test_log_is_due_once_it_is_exactly_as_old_as_was_said(
    data: Path, now: int, left: list[int]
) -> None:
    moments = (NOON, NOON + 1, NOON + 500)
    fill_batches(data, [Batch(logs(1), f"{moment}", moment) for moment in moments])
    archive(data, now=now)
    assert [row[0] for row in hot_rows(data)] == left
    assert watermark_of(data).archived_through == (left[0] - 1 if left else 3)


def test_age_is_told_by_when_log_was_received_not_by_its_timestamp(data: Path) -> None:
    fill(data, [{"type": "t", "message": "m", "timestamp": 0}], received_at=NOON)
    assert archive(data, now=NOON + 30 * DAY - 1).batches == []
    assert len(archive(data, now=NOON + 30 * DAY).batches) == 1


def test_logs_of_age_nothing_are_due_at_once(data: Path) -> None:
    fill(data, logs(1), received_at=NOON)
    assert archive(data, now=NOON, older_than=0).logs == 1


def test_no_batch_spans_midnight(data: Path) -> None:
    midnight = NOON + DAY // 2
    moments = (midnight - 1, midnight, midnight + DAY - 1, midnight + DAY)
    fill_batches(data, [Batch(logs(1), f"{each}", each) for each in moments])
    batches = archive(data, batch_rows=100).batches
    assert [(each.day, each.rows) for each in batches] == [
        ("2026-03-17", 1),
        ("2026-03-18", 2),
        ("2026-03-19", 1),
    ]


@pytest.mark.parametrize(("most", "rows"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5])])
def test_batch_has_as_many_rows_as_was_said(data: Path, most: int, rows: list[int]) -> None:
    fill(data, logs(5))
    assert [each.rows for each in archive(data, batch_rows=most).batches] == rows


@every_format
@pytest.mark.parametrize("level", [1, 9])
def test_files_are_compressed_by_level_that_was_said(
    data: Path,
    format: BatchFormat,  # noqa: A002
    level: int,
) -> None:
    fill(data, logs(2000))
    archive(data, format=format, level=level, batch_rows=2000)
    content = (data / "archives" / catalog(data)[0].file).read_bytes()
    there = decode(content, format)
    assert there.label is not None
    assert bytes(memoryview(encode(there.logs, there.label, format.encoding(level)))) == content
    assert (
        bytes(memoryview(encode(there.logs, there.label, format.encoding(10 - level)))) != content
    )


def test_second_run_does_nothing(data: Path) -> None:
    expected = fill_three_days(data)
    archive(data)
    watermark, files = watermark_of(data), files_below(data)
    done = archive(data)
    assert (done.batches, done.logs, done.removed.rows) == ([], 0, 0)
    assert watermark_of(data) == watermark
    assert files_below(data) == files
    assert_complete(data, expected)


def test_later_logs_of_same_day_go_into_further_batches_also_of_another_format(
    data: Path,
) -> None:
    fill(data, logs(3), source="a")
    archive(data, format=JSON_GZ)
    fill(data, logs(3), source="b", received_at=NOON + 1)
    archive(data, format=PARQUET)
    assert [each.file for each in catalog(data)] == [
        "2026-03-17/batch-0001.json.gz",
        "2026-03-17/batch-0002.json.gz",
        "2026-03-17/batch-0003.parquet",
        "2026-03-17/batch-0004.parquet",
    ]
    assert [row[0] for row in all_rows(data)] == [1, 2, 3, 4, 5, 6]


def test_empty_folder_is_left_as_it_is(data: Path) -> None:
    fill(data)
    done = archive(data)
    assert (done.batches, done.removed.rows) == ([], 0)
    assert files_below(data) == set()
    assert not DataFolder(data).archives.exists()
    assert watermark_of(data).archived_through == 0


@pytest.mark.parametrize("is_there", [True, False])
def test_folder_without_logs_is_refused_and_none_is_made(data: Path, is_there: bool) -> None:
    if is_there:
        data.mkdir()
    with pytest.raises(DataFolderError, match=f"^there are no logs in {data}; "):
        archive(data)
    assert not data.exists() or list(data.iterdir()) == []
    assert data.exists() == is_there


def test_job_keeps_others_out_and_names_itself(data: Path) -> None:
    expected = fill_three_days(data)
    with ArchiveLock(DataFolder(data)), pytest.raises(ArchiveInUse) as told:
        archive(data)
    assert str(told.value) == (
        f"another archive job (process {os.getpid()}) works on {data}; "
        "wait until it has ended, or stop it"
    )
    assert files_below(data) == set()
    archive(data)
    assert_complete(data, expected)


def test_position_stays_and_seqs_go_on_when_all_is_archived(data: Path) -> None:
    rows = fill_three_days(data)
    with opened(data) as connection:
        before = read_position(connection)
    archive(data)
    assert hot_rows(data) == []
    with opened(data) as connection:
        assert read_position(connection) == before == Position(6, rows[-1][4])
    assert fill(data, logs(1), received_at=LATER) == [("0", 7, False)]


def test_logs_may_come_while_run_is_under_way(data: Path) -> None:
    """A commit between batches belongs to what is hot afterwards, or to a later batch."""
    expected = fill_three_days(data)
    with closing(apsw.Connection(str(DataFolder(data).logs))) as connection:
        stored: list[int] = []

        def store(what: str, done: int, total: int) -> None:
            if what == "archived":
                seq = 100 + len(stored)
                connection.execute(
                    "INSERT INTO logs VALUES (?, ?, 't', 0, ?, 'x', 'm', '{}')",
                    (seq, f"{seq}", LATER),
                )
                stored.append(seq)
            assert done <= total

        options = options_for(older_than=0)
        done = ArchiveJob(DataFolder(data), options, clock=lambda: LATER, progress=store).run()
    assert stored == [100, 101, 102, 103]
    assert done.logs == 6
    assert [row[0] for row in all_rows(data)] == [*(row[0] for row in expected), *stored]
    assert [row[0] for row in hot_rows(data)] == stored


def test_progress_tells_of_every_batch_and_ends_at_all(data: Path) -> None:
    fill_three_days(data)
    told: list[tuple[str, int, int]] = []
    ArchiveJob(
        DataFolder(data),
        options_for(),
        clock=lambda: LATER,
        progress=lambda what, done, total: told.append((what, done, total)),
    ).run()
    assert told[:4] == [("archived", done, 6) for done in (2, 3, 5, 6)]
    assert ("removed", 6, 6) in told


def test_run_that_failed_says_what_it_has_done(data: Path) -> None:
    fill_three_days(data)
    files = Files(FaultySystem(data, Fault("read"), 3))
    job = ArchiveJob(DataFolder(data), options_for(), files=files, clock=lambda: LATER)
    with pytest.raises(ArchiveError):
        job.run()
    assert job.outcome.batches == catalog(data)
    assert job.outcome.logs == 3
    assert job.outcome.seconds > 0
    assert (job.outcome.removed.rows, job.outcome.removed.size) == (0, 0)


def test_on_full_disk_each_run_gives_room_back_that_one_before_could_not(
    data: Path,
) -> None:
    expected = fill_three_days(data)
    no_room = Fault("create", number=errno.ENOSPC)
    with pytest.raises(ArchiveError, match="No space left"):
        archive(data, system=FaultySystem(data, no_room, call=2))
    rows = "SELECT count(*) FROM logs"
    assert number(data, rows) == len(expected), "the first run could not come to that"
    with pytest.raises(ArchiveError, match="No space left"):
        archive(data, system=FaultySystem(data, no_room, call=1))
    assert number(data, rows) == len(expected) - catalog(data)[0].rows
    assert all_rows(data) == expected
    archive(data)
    assert_complete(data, expected)


def test_rows_that_earlier_run_left_behind_watermark_go_also_when_nothing_is_due(
    data: Path,
) -> None:
    fill_three_days(data)
    with opened(data) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE DELETE ON logs BEGIN SELECT raise(ABORT, 'no'); END"
        )
    with pytest.raises(apsw.ConstraintError):
        archive(data)
    assert len(hot_rows(data)) == 6
    with opened(data) as connection:
        connection.execute("DROP TRIGGER refuse")
    done = archive(data)
    assert (done.logs, done.removed.rows) == (0, 6)
    assert hot_rows(data) == []


def test_source_sends_again_what_is_archived_and_hears_of_its_first_seq(data: Path) -> None:
    first = fill(data, logs(3))
    archive(data, now=NOON, older_than=0)
    assert hot_rows(data) == []
    again = fill(data, logs(3), received_at=NOON + DAY)
    assert again == [(log_id, seq, True) for log_id, seq, _ in first]
    assert hot_rows(data) == []
