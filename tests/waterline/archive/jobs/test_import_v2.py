"""Adopting: files of version 2.0 become batches with seqs of their own, each file once."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.archive_runs import (
    LATER,
    all_rows,
    archive,
    catalog,
    files_below,
    fill_three_days,
    rows_of,
    watermark_of,
)
from tests.support.faulty_files import Fault, FaultySystem
from tests.support.folders import DAY, NOON
from tests.support.processes import serving
from waterline.archive.files import Files
from waterline.archive.jobs.import_v2 import Adopted, adopt_files
from waterline.archive.jobs.prune import prune
from waterline.archive.jobs.verify import verify
from waterline.archive.reader import BatchReader
from waterline.clock import now_ms
from waterline.encoding import FORMATS, PARQUET, BatchFormat
from waterline.errors import (
    ArchiveError,
    ArchiveInUse,
    DataFolderError,
    DataFolderInUse,
    UsageError,
    WaterlineError,
)
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock

OLD = 1_700_000_000_000


def write(path: Path, *ids: str, **metadata: Any) -> Path:  # noqa: ANN401 - any JSON
    """Write a file of version 2.0 with a log for each id."""
    logs = [
        {"id": each, "type": "warning", "message": f"old {each}", "timestamp": OLD, "pump": 7}
        for each in ids
    ]
    said = {
        "archiveDate": "2023-11-15T00:00:00.000Z",
        "batch": 1,
        "totalLogs": len(logs),
        "compression": "gzip",
        "version": "2.0",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        gzip.compress(json.dumps({"metadata": said | metadata, "logs": logs}).encode())
    )
    return path


def adopt(data: Path, *paths: Path, **changes: Any) -> Adopted:  # noqa: ANN401 - any argument
    """Adopt files long after the logs of the folder came in."""
    given: dict[str, Any] = {
        "source": "old-system",
        "encoding": PARQUET.encoding(),
        "clock": lambda: LATER,
    }
    return adopt_files(DataFolder(data), paths, **(given | changes))


@pytest.mark.parametrize("chosen", list(FORMATS.values()), ids=str)
def test_logs_of_file_become_batch(data: Path, tmp_path: Path, chosen: BatchFormat) -> None:
    hot = fill_three_days(data)
    path = write(tmp_path / "batch-0001.json.gz", "a", "b")
    before = path.read_bytes()
    done = adopt(data, path, encoding=chosen.encoding())
    assert done == Adopted(batches=1, logs=2, skipped=[])
    (batch,) = catalog(data)
    assert (batch.first_seq, batch.last_seq, batch.archived_at) == (7, 8, LATER)
    assert batch.file == f"2026-06-25/batch-0001.{chosen}"
    assert rows_of(BatchReader(DataFolder(data)).read(batch)) == [
        (7, "a", "warning", OLD, LATER, "old-system", "old a", '{"pump":7}'),
        (8, "b", "warning", OLD, LATER, "old-system", "old b", '{"pump":7}'),
    ]
    assert watermark_of(data).archived_through == 0, "the hot logs before it are not archived"
    assert len(all_rows(data)) == len(hot) + 2
    assert path.read_bytes() == before
    found = verify(DataFolder(data))
    assert (found.batches, found.faults, found.warnings) == (1, [], [])


def test_folder_stands_for_all_files_below_it_in_their_order(data: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    write(old / "2023-11-16" / "batch-0001.json.gz", "c")
    write(old / "2023-11-15" / "batch-0002.json.gz", "b")
    write(old / "2023-11-15" / "batch-0001.json.gz", "a")
    (old / "2023-11-15" / "manifest.json").write_text("{}")
    told: list[tuple[str, int, int]] = []
    done = adopt(data, old, progress=lambda *given: told.append(given))
    assert (done.batches, done.logs) == (3, 3)
    assert [each[:2] for each in all_rows(data)] == [(1, "a"), (2, "b"), (3, "c")]
    assert told == [("adopted", 1, 3), ("adopted", 2, 3), ("adopted", 3, 3)]


def test_file_that_was_adopted_is_left_out(data: Path, tmp_path: Path) -> None:
    one = write(tmp_path / "one.json.gz", "a")
    same = tmp_path / "same.json.gz"
    same.write_bytes(one.read_bytes())
    assert adopt(data, one, same).skipped == [f"{same} was adopted before"]
    before, generation = catalog(data), watermark_of(data).generation
    assert adopt(data, one) == Adopted(skipped=[f"{one} was adopted before"])
    assert (catalog(data), watermark_of(data).generation) == (before, generation)
    (batch,) = before
    assert adopt(data, write(tmp_path / "two.json.gz", "b")).batches == 1
    assert batch.adopted_from is not None


def test_file_whose_batch_was_pruned_is_not_adopted_again(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "one.json.gz", "a")
    adopt(data, path)
    prune(DataFolder(data), catalog(data))
    assert adopt(data, path).skipped == [f"{path} was adopted before"]


def test_file_without_logs_is_left_out(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "none.json.gz")
    assert adopt(data, path) == Adopted(skipped=[f"{path} holds no logs"])
    assert catalog(data) == []


def test_invalid_file_is_named_and_earlier_ones_stay_adopted(data: Path, tmp_path: Path) -> None:
    good = write(tmp_path / "1.json.gz", "a")
    other = write(tmp_path / "2.json.gz", "b", version="3.0")
    last = write(tmp_path / "3.json.gz", "c")
    with pytest.raises(ArchiveError, match=r"2\.json\.gz cannot be adopted: its version is 3\.0"):
        adopt(data, good, other, last)
    assert [each[:2] for each in all_rows(data)] == [(1, "a")]
    assert verify(DataFolder(data)).faults == [], "the manifest tells of it"
    other.write_bytes(last.read_bytes()[:-9])
    with pytest.raises(ArchiveError, match=r"2\.json\.gz cannot be adopted: it is no sound"):
        adopt(data, good, other, last)


def test_received_at_never_goes_back_along_seq(data: Path, tmp_path: Path) -> None:
    fill_three_days(data)
    adopt(data, write(tmp_path / "1.json.gz", "a"), clock=lambda: NOON)
    (batch,) = catalog(data)
    assert (batch.first_received_at, batch.archived_at) == (NOON + 2 * DAY, NOON)
    assert batch.day == "2026-03-19"


def test_hot_logs_before_adopted_ones_are_archived_apart(data: Path, tmp_path: Path) -> None:
    hot = fill_three_days(data)
    adopt(data, write(tmp_path / "1.json.gz", "x", "y"), clock=lambda: NOON + 2 * DAY)
    fill_three_days(data)  # its logs are known but for two without an id: those go on behind
    archive(data, batch_rows=100)
    found = verify(DataFolder(data))
    assert (found.faults, found.warnings) == ([], [])
    seqs = [each[0] for each in all_rows(data)]
    assert seqs == sorted(set(seqs))
    assert all_rows(data)[: len(hot)] == hot
    assert [(each[0], each[1]) for each in all_rows(data)[6:8]] == [(7, "x"), (8, "y")]


def test_source_that_no_token_could_have_is_refused(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "1.json.gz", "a")
    for source in ("", "a b", "x" * 65, "-"):
        with pytest.raises(UsageError, match="no name of a source"):
            adopt(data, path, source=source)
    assert not data.exists()


def test_paths_that_lead_nowhere_are_refused_before_anything_is_made(
    data: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "1.json.gz", "a")
    with pytest.raises(UsageError, match="missing is missing"):
        adopt(data, path, tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no \*\.json\.gz below"):
        adopt(data, path, tmp_path / "empty")
    assert not data.exists()


def test_adoption_is_refused_beside_server_or_job(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "1.json.gz", "a")
    DataFolder(data).create()
    with ServerLock(DataFolder(data)), pytest.raises(DataFolderInUse, match="another server"):
        adopt(data, path)
    with ArchiveLock(DataFolder(data)), pytest.raises(ArchiveInUse):
        adopt(data, path)
    assert files_below(data) == set()


def test_folder_that_has_lost_its_logs_is_not_begun_anew(data: Path, tmp_path: Path) -> None:
    fill_three_days(data)
    archive(data)
    DataFolder(data).logs.unlink()
    with pytest.raises(DataFolderError, match="has archives, such as"):
        adopt(data, write(tmp_path / "1.json.gz", "a"))
    assert not DataFolder(data).logs.exists()


@pytest.mark.parametrize("operation", ["create", "write", "sync_file", "rename", "read"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_failed_file_operation_leaves_nothing_half_done(
    data: Path, tmp_path: Path, operation: str, call: int
) -> None:
    paths = [write(tmp_path / f"{each}.json.gz", each) for each in "ab"]
    with pytest.raises(WaterlineError, match="cannot "):
        adopt(data, *paths, files=Files(FaultySystem(tmp_path, Fault(operation), call)))
    adopt(data, *paths)
    assert [each[:2] for each in all_rows(data)] == [(1, "a"), (2, "b")]
    found = verify(DataFolder(data))
    assert (found.batches, found.faults, found.warnings) == (2, [], [])


@pytest.mark.slow
def test_server_gives_seqs_above_adopted_ones(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "1.json.gz", "a", "b", "c")
    adopt(data, path, clock=now_ms)
    with serving(data) as server:
        socket = server.connect(f"{server.ingest}?ack=batch")
        socket.send('{"type":"info","message":"new"}\n{"type":"info","message":"newer"}')
        assert msgspec.json.decode(socket.recv())["lastSeq"] == 5
        socket.close()
        with pytest.raises(DataFolderInUse):
            adopt(data, write(tmp_path / "2.json.gz", "d"))
        archive(data, older_than=0, now=now_ms() + 1)
        found = verify(DataFolder(data))
        assert (found.batches, found.logs, found.faults, found.warnings) == (2, 5, [], [])
    adopt(data, path, tmp_path / "2.json.gz", clock=now_ms)
    assert [each[0] for each in all_rows(data)] == [1, 2, 3, 4, 5, 6]
    received = [each[4] for each in all_rows(data)]
    assert received == sorted(received)
    assert verify(DataFolder(data)).faults == []
