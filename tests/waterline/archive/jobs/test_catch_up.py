"""A logs.db that is earlier than its archives takes in what it lacks, or is left as it was."""

import gzip
import json
import shutil
from functools import partial
from pathlib import Path

import pytest

import workbench
from tests.support.archive_runs import (
    LATER,
    Row,
    all_rows,
    archive,
    assert_clean,
    assert_complete,
    catalog,
    fill_three_days,
    hot_rows,
    manifest_key,
    opened,
    watermark_of,
)
from tests.support.archives import path_of
from tests.support.doomed_job import Moment, Phase, run_doomed
from tests.support.faulty_proxy import Fault, answer
from tests.support.folders import DAY, NOON, Batch, fill, fill_batches
from tests.support.object_store import QUICK, ObjectStore
from waterline.archive.jobs.catch_up import CaughtUp, catch_up
from waterline.archive.jobs.import_v2 import adopt_files
from waterline.archive.jobs.prune import prune
from waterline.archive.jobs.rewrite import RewriteJob
from waterline.archive.jobs.upload import Destination
from waterline.archive.lake.registry import Registry
from waterline.archive.lake.verify import verify_lake
from waterline.archive.lake.view import view_lake
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.archive.parquet import layout_of
from waterline.archive.selection import Selection
from waterline.encoding import JSON_GZ, PARQUET, BatchFormat
from waterline.errors import (
    ArchiveError,
    ArchiveInUse,
    DataFolderInUse,
    RemoteError,
    UsageError,
)
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock
from waterline.storage.watermark import renew_incarnation

pytestmark = pytest.mark.slow

REFUSED = answer("403 Forbidden", b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
FIRST_DAY = NOON + 30 * DAY
"""When only the first two logs are due."""
AFTER = NOON + 3 * DAY
"""When logs came in that no backup has."""


@pytest.fixture(autouse=True)
def settle(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything find the store, and not wait long for it."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    quick = partial(open_bucket, patience=QUICK)
    for module in ("jobs.upload", "jobs.catch_up", "jobs.prune", "lake.view"):
        monkeypatch.setattr(f"waterline.archive.{module}.open_bucket", quick)


@pytest.fixture
def lake(another: Bucket) -> Bucket:
    return another


@pytest.fixture
def node(lake: Bucket) -> Destination:
    address = f"{lake.address}/node=a"
    return Destination(address=address, keep_local=True, lake=lake.address, node="a")


@pytest.fixture
def backup(data: Path, rows: list[Row], node: Destination, tmp_path: Path) -> Path:
    """A copy of the folder of when two of its six logs were archived and uploaded."""
    assert rows
    archive(data, now=FIRST_DAY, destination=node)
    return copied(data, tmp_path / "backup")


def copied(data: Path, into: Path) -> Path:
    shutil.copytree(data, into)
    return into


def take_in(data: Path, node: Destination | None) -> CaughtUp:
    origin = None if node is None else node.address
    return catch_up(DataFolder(data), origin=origin, dedupe_window=DAY, clock=lambda: AFTER)


def assert_unchanged_by(data: Path, node: Destination, error: type[Exception], said: str) -> None:
    """See that a folder refuses to catch up, in one sentence, and is as it was."""
    before = (catalog(data), watermark_of(data), hot_rows(data))
    with pytest.raises(error, match=said) as raised:
        take_in(data, node)
    assert "\n" not in str(raised.value)
    assert (catalog(data), watermark_of(data), hot_rows(data)) == before


def assert_goes_on(data: Path, node: Destination, lake: Bucket, expected: list[Row]) -> None:
    """See that a folder has these logs, and that runs go on into the lake."""
    assert all_rows(data) == expected
    assert_clean(data)
    fill(data, [{"type": "info", "message": "goes on"}], received_at=AFTER + 1)
    (new,) = [each for each in all_rows(data) if each[0] > expected[-1][0]]
    assert new[0] == expected[-1][0] + 1
    archive(data, destination=node)
    assert_clean(data)
    (view,) = view_lake(lake).nodes
    kept = [each for each in catalog(data) if each.is_kept]
    assert [each.origin for each in view.kept] == [each.origin for each in kept]
    assert view.record.through == new[0]
    assert verify_lake(view_lake(lake)).faults == []
    assert all_rows(data) == [*expected, new]


def test_batches_of_logs_that_are_hot_in_the_backup_are_taken_in(
    data: Path, backup: Path, rows: list[Row], node: Destination, lake: Bucket
) -> None:
    archive(data, destination=node)
    before = watermark_of(backup)
    assert take_in(backup, node) == CaughtUp(batches=3, logs=4)
    assert [each.origin for each in catalog(backup)] == [each.origin for each in catalog(data)]
    assert [each.batch for each in catalog(backup)] == [each.batch for each in catalog(data)]
    now = watermark_of(backup)
    assert (now.archived_through, now.incarnation) == (6, before.incarnation)
    assert now.generation > before.generation
    assert_goes_on(backup, node, lake, rows)


def test_logs_that_came_after_the_backup_are_back_and_are_recognised(
    data: Path, backup: Path, node: Destination, lake: Bucket
) -> None:
    late = [{"id": f"late{each}", "type": "info", "message": "m"} for each in range(3)]
    fill(data, late, received_at=AFTER)
    expected = all_rows(data)
    archive(data, destination=node)
    assert take_in(backup, node) == CaughtUp(batches=5, logs=7, brought_back=3)
    assert all_rows(backup) == expected
    again = fill(backup, late, received_at=AFTER + 1)
    assert again == [(f"late{each}", 7 + each, True) for each in range(3)]
    assert all_rows(backup) == expected
    shutil.rmtree(data)
    taken = watermark_of(backup).archived_through
    assert taken == 9
    # The seqs of what was sent again are used up.
    fill(backup, [{"type": "info", "message": "new"}], received_at=AFTER + 2)
    archive(backup, destination=node)
    assert verify_lake(view_lake(lake)).faults == []
    assert all_rows(backup)[:-1] == expected


def test_logs_beyond_the_dedupe_window_are_not_remembered(
    data: Path, backup: Path, node: Destination
) -> None:
    fill(data, [{"id": "late", "type": "info", "message": "m"}], received_at=AFTER)
    archive(data, destination=node)
    catch_up(
        DataFolder(backup), origin=node.address, dedupe_window=DAY, clock=lambda: AFTER + DAY + 1
    )
    with opened(backup) as connection:
        assert connection.execute("SELECT count(*) FROM archived_ids").get == 0
    ((_, seq, known),) = fill(
        backup, [{"id": "late", "type": "info", "message": "m"}], received_at=AFTER + DAY + 2
    )
    assert (seq, known) == (8, False)


def test_batch_that_is_hot_in_part_is_taken_in(
    data: Path, rows: list[Row], node: Destination, lake: Bucket, tmp_path: Path
) -> None:
    backup = copied(data, tmp_path / "backup")
    several = [{"type": "info", "message": str(each)} for each in range(4)]
    fill(data, several, received_at=NOON + 2 * DAY + 5)
    expected = all_rows(data)
    archive(data, destination=node, batch_rows=4)
    assert any(each.first_seq <= rows[-1][0] < each.last_seq for each in catalog(data))
    assert take_in(backup, node).brought_back == 4
    assert_goes_on(backup, node, lake, expected)


def test_hot_logs_above_the_lake_stay_hot_and_pins_hold(
    data: Path, backup: Path, rows: list[Row], node: Destination, lake: Bucket
) -> None:
    archive(data, now=NOON + 31 * DAY, destination=node)
    with workbench.connect(backup, cache=False) as wb:
        pin, found = wb.pin(), wb.logs(columns=["seq", "message"])
    assert take_in(backup, node) == CaughtUp(batches=2, logs=3)
    assert watermark_of(backup).archived_through == 5
    with workbench.connect(backup, cache=False) as wb:
        assert wb.logs(columns=["seq", "message"], at=pin).equals(found)
        assert wb.count() == 6
    assert_goes_on(backup, node, lake, rows)


def test_lake_knows_the_new_incarnation_at_once(
    data: Path, backup: Path, node: Destination, lake: Bucket
) -> None:
    archive(data, now=NOON + 31 * DAY, destination=node)
    with opened(backup) as connection:
        renew_incarnation(connection)
    take_in(backup, node)
    (view,) = view_lake(lake).nodes
    assert view.record.incarnation == watermark_of(backup).incarnation
    assert view.record.incarnation != watermark_of(data).incarnation
    assert view.record.through == 5
    assert verify_lake(view_lake(lake)).faults == []


def test_node_that_is_retired_or_new_is_not_told_of(
    data: Path, backup: Path, node: Destination, lake: Bucket
) -> None:
    archive(data, destination=node)
    Registry(lake).retire("a", LATER)
    before = Registry(lake).read("a")
    with opened(backup) as connection:
        renew_incarnation(connection)
    assert take_in(backup, node).logs == 4
    assert Registry(lake).read("a") == before
    lake.delete("nodes/a.json")
    take_in(backup, node)
    assert Registry(lake).names() == []


def test_nothing_is_taken_in_twice(data: Path, backup: Path, node: Destination) -> None:
    archive(data, destination=node)
    take_in(backup, node)
    before = (catalog(backup), watermark_of(backup))
    assert take_in(backup, node) == CaughtUp()
    assert (catalog(backup), watermark_of(backup)) == before
    assert take_in(data, node) == CaughtUp()


def test_logs_that_came_in_since_the_restore_are_another_past(
    data: Path, backup: Path, node: Destination
) -> None:
    fill(data, [{"type": "info", "message": "before"}], received_at=AFTER)
    archive(data, destination=node)
    fill(backup, [{"type": "info", "message": "since"}], received_at=AFTER)
    assert_unchanged_by(
        backup,
        node,
        ArchiveError,
        r"seqs 7 to 7 is of another past.*lake retire a`, then .* node_name of its own",
    )


def test_same_logs_that_were_received_later_are_another_past(
    data: Path, backup: Path, node: Destination
) -> None:
    late = {"id": "late", "type": "info", "message": "m", "timestamp": NOON}
    fill(data, [late], received_at=AFTER)
    archive(data, destination=node)
    fill(backup, [late], received_at=AFTER + 1)
    assert_unchanged_by(backup, node, ArchiveError, "seqs 7 to 7 is of another past")


def test_logs_that_came_in_above_the_lake_are_no_other_past(
    data: Path, backup: Path, node: Destination, lake: Bucket
) -> None:
    archive(data, destination=node)
    fill(backup, [{"type": "info", "message": "since"}], received_at=AFTER)
    expected = all_rows(backup)
    take_in(backup, node)
    assert_goes_on(backup, node, lake, expected)


@pytest.mark.parametrize("form", [PARQUET, JSON_GZ], ids=["same-name", "other-name"])
def test_own_batches_since_the_restore_are_another_past(
    data: Path, backup: Path, node: Destination, form: BatchFormat
) -> None:
    archive(data, destination=node)
    archive(backup, now=LATER + 1, format=form)
    assert_unchanged_by(backup, node, ArchiveError, "seqs 3 to 3 is of another past")


def test_run_on_an_earlier_folder_archives_nothing_of_its_own(
    data: Path, backup: Path, rows: list[Row], node: Destination, lake: Bucket
) -> None:
    archive(data, destination=node)
    before = catalog(backup)
    with pytest.raises(ArchiveError, match=rf"archive adopt --from {node.address}`"):
        archive(backup, batch_rows=100, destination=node)
    assert catalog(backup) == before
    take_in(backup, node)
    assert_goes_on(backup, node, lake, rows)


def test_run_goes_on_while_object_storage_is_away(
    data: Path, store: ObjectStore, node: Destination
) -> None:
    fill_three_days(data)
    store.proxy.faults.append(Fault(method="GET", answer=REFUSED))
    with pytest.raises(RemoteError):
        archive(data, destination=node)
    assert len(catalog(data)) == 4


def test_what_was_pruned_since_is_pruned(
    data: Path, backup: Path, rows: list[Row], node: Destination, lake: Bucket
) -> None:
    archive(data, destination=node)
    prune(DataFolder(data), catalog(data)[:3], clock=lambda: LATER)
    assert take_in(backup, node) == CaughtUp(batches=1, logs=1, changed=1)
    assert [each.is_kept for each in catalog(backup)] == [False, False, False, True]
    assert_goes_on(backup, node, lake, rows[-1:])


def test_what_was_pruned_since_is_pruned_where_nothing_is_new(
    data: Path, backup: Path, rows: list[Row], node: Destination
) -> None:
    prune(DataFolder(data), catalog(data), clock=lambda: LATER)
    assert take_in(backup, node) == CaughtUp(changed=1)
    assert watermark_of(backup).archived_through == 2
    assert all_rows(backup) == rows[2:]


@pytest.mark.parametrize("other", ["another", "more"])
def test_pruned_batch_of_other_logs_is_another_past(
    data: Path, backup: Path, node: Destination, other: str
) -> None:
    both = [{"type": "info", "message": str(each)} for each in range(2)]
    fill(data, both, received_at=AFTER)
    archive(data, destination=node)
    prune(DataFolder(data), catalog(data), clock=lambda: LATER)
    since = both[:1] if other == "more" else [both[0], {"type": "info", "message": "another"}]
    fill(backup, since, received_at=AFTER)
    assert_unchanged_by(backup, node, ArchiveError, "seqs 7 to 8 is of another past")


def test_what_was_rewritten_since_is_as_it_was_rewritten(
    data: Path, rows: list[Row], node: Destination, lake: Bucket, tmp_path: Path
) -> None:
    archive(data, now=FIRST_DAY, destination=node, format=JSON_GZ)
    backup = copied(data, tmp_path / "backup")
    archive(data, destination=node, format=JSON_GZ)
    RewriteJob(DataFolder(data), PARQUET.encoding(), Selection(), clock=lambda: LATER).run()
    assert take_in(backup, node) == CaughtUp(batches=3, logs=4, changed=1)
    assert [each.sha256 for each in catalog(backup)] == [each.sha256 for each in catalog(data)]
    archive(backup, destination=node)
    assert_goes_on(backup, node, lake, rows)


def test_adopted_batches_that_came_after_the_backup_are_taken_in(
    data: Path, backup: Path, node: Destination, lake: Bucket, tmp_path: Path
) -> None:
    path = tmp_path / "old.json.gz"
    metadata = {
        "archiveDate": "2023-11-15T00:00:00.000Z",
        "batch": 1,
        "totalLogs": 1,
        "compression": "gzip",
        "version": "2.0",
    }
    document = {"metadata": metadata, "logs": [{"type": "info", "message": "m"}]}
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    adopt_files(
        DataFolder(data), [path], source="old", encoding=PARQUET.encoding(), clock=lambda: AFTER
    )
    archive(data, now=NOON + 31 * DAY, destination=node)
    expected = sorted(all_rows(data))
    assert take_in(backup, node) == CaughtUp(batches=3, logs=4, brought_back=1)
    assert watermark_of(backup).archived_through == 5
    assert sorted(all_rows(backup)) == expected
    assert_clean(backup)
    archive(backup, destination=node)
    assert verify_lake(view_lake(lake)).faults == []


@pytest.mark.parametrize("harm", ["missing", "damaged", "shorter"])
def test_batch_that_is_missing_or_damaged_is_named(
    data: Path, backup: Path, node: Destination, lake: Bucket, harm: str
) -> None:
    archive(data, destination=node)
    key = f"node=a/{catalog(data)[2].file}"
    content = lake.get(key)
    if harm == "missing":
        lake.delete(key)
    else:
        lake.put(key, content[:-1] if harm == "shorter" else content[:-1] + b"x")
    assert_unchanged_by(backup, node, ArchiveError, lake.url(key))
    lake.put(key, content)
    take_in(backup, node)
    assert watermark_of(backup).archived_through == 6


def test_manifest_that_is_missing_or_earlier_is_named(
    data: Path, backup: Path, node: Destination, lake: Bucket
) -> None:
    archive(data, now=NOON + 31 * DAY - 1, destination=node)
    key = f"node=a/{manifest_key(catalog(data)[0])}"
    fill_batches(data, [Batch([{"type": "info", "message": "m"}], received_at=AFTER)])
    archive(data, destination=node)
    content = lake.get(key)
    lake.put(key, (backup / "manifests" / Path(key).name).read_bytes())
    # Its other batch is there, and named by no manifest.
    assert take_in(copied(backup, backup.with_name("other")), node).logs == 5
    lake.delete(f"node=a/{catalog(data)[1].file}")
    assert_unchanged_by(backup, node, ArchiveError, r"tells of 3 logs of 2026-03-17 from node a")
    lake.put(key, content[:50])
    assert_unchanged_by(backup, node, ArchiveError, f"{lake.url(key)} is no manifest")


def test_gap_below_the_last_batch_is_refused_outside_a_lake_too(
    data: Path, rows: list[Row], another: Bucket, tmp_path: Path
) -> None:
    assert rows
    alone = Destination(address=another.address, keep_local=True)
    backup = copied(data, tmp_path / "backup")
    archive(data, destination=alone)
    second = catalog(data)[2]
    another.delete(second.file)
    another.delete(manifest_key(second))
    assert_unchanged_by(
        backup, alone, ArchiveError, r"go up to seq 6, and lack 2 logs above 0 that .*logs\.db has"
    )


def test_upload_that_was_cut_off_is_taken_in_with_the_batches_that_are_there(
    data: Path, backup: Path, rows: list[Row], node: Destination, lake: Bucket, store: ObjectStore
) -> None:
    # Of the first day a batch, then a manifest; of the second a batch alone.
    store.proxy.faults += [Fault(method="PUT", times=3), Fault(method="PUT", answer=REFUSED)]
    with pytest.raises(RemoteError):
        archive(data, destination=node)
    store.proxy.reset()
    there = {each for each in lake.names("node=a") if "batch" in each}
    assert len(there) == 3
    assert take_in(backup, node) == CaughtUp(batches=2, logs=3)
    assert_goes_on(backup, node, lake, rows)


def test_copy_that_a_rewrite_has_left_in_object_storage_is_no_batch_of_its_own(
    data: Path, backup: Path, rows: list[Row], node: Destination, lake: Bucket
) -> None:
    archive(data, destination=node)
    for each in (catalog(data)[0], catalog(data)[-1]):
        lake.put(f"node=a/{each.day}/batch-0009.parquet", lake.get(f"node=a/{each.file}"))
    assert take_in(backup, node) == CaughtUp(batches=3, logs=4)
    assert_goes_on(backup, node, lake, rows)


def test_batch_whose_number_is_taken_gets_another(
    data: Path, backup: Path, rows: list[Row], node: Destination, lake: Bucket
) -> None:
    archive(data, destination=node)
    key = f"node=a/{manifest_key(catalog(data)[2])}"
    lake.put(key, lake.get(key).replace(b'"batch": 3', b'"batch": 1'))
    take_in(backup, node)
    assert len({each.batch for each in catalog(backup)}) == 4
    assert all_rows(backup) == rows


def test_archives_of_another_folder_are_refused(
    data: Path, backup: Path, node: Destination, tmp_path: Path
) -> None:
    archive(data, destination=node)
    other = tmp_path / "other"
    fill_three_days(other)
    assert_unchanged_by(other, node, ArchiveError, "is of the data folder")
    nothing = Destination(address=f"{node.address}x", keep_local=True)
    assert_unchanged_by(other, nothing, UsageError, "there are no archives in")
    assert backup.exists()


def test_folder_in_use_is_refused(data: Path, backup: Path, node: Destination) -> None:
    archive(data, destination=node)
    with ServerLock(DataFolder(backup)):
        assert_unchanged_by(backup, node, DataFolderInUse, "server")
    with ArchiveLock(DataFolder(backup)):
        assert_unchanged_by(backup, node, ArchiveInUse, "job")


def test_store_that_refuses_any_request_changes_all_or_nothing(
    data: Path, backup: Path, rows: list[Row], node: Destination, lake: Bucket, store: ObjectStore
) -> None:
    archive(data, destination=node)
    before, refused = (catalog(backup), watermark_of(backup)), 0
    while True:
        store.proxy.reset()
        store.proxy.faults += [
            Fault(method="GET", times=refused),
            Fault(method="GET", answer=REFUSED),
        ]
        try:
            take_in(backup, node)
        except RemoteError:
            refused += 1
        else:
            break
        finally:
            store.proxy.reset()
        # Behind the batches it is asked for the record of the node.
        if watermark_of(backup).archived_through < 6:
            assert (catalog(backup), watermark_of(backup)) == before
        assert all_rows(backup) == rows
    assert refused > 8
    assert_goes_on(backup, node, lake, rows)


@pytest.mark.parametrize("phase", [Phase.RECORD, Phase.MANIFEST])
def test_command_killed_anywhere_changes_all_or_nothing_and_can_be_repeated(
    data: Path, backup: Path, node: Destination, phase: Phase
) -> None:
    fill(data, [{"id": "late", "type": "info", "message": "m"}], received_at=AFTER)
    expected = all_rows(data)
    archive(data, destination=node)
    after = 0
    while run_doomed(backup, Moment(phase, after), "adopt", "--from", node.address):
        number = len(catalog(backup))
        assert number in (1, len(catalog(data)))
        assert all_rows(backup) == (expected[:-1] if number == 1 else expected)
        after += 1
    assert after
    assert all_rows(backup) == expected
    assert_clean(backup)


def test_earlier_logs_db_takes_in_the_archives_beside_it(
    data: Path, rows: list[Row], tmp_path: Path
) -> None:
    archive(data, now=FIRST_DAY)
    earlier = copied(data, tmp_path / "earlier") / "logs.db"
    archive(data)
    shutil.copy(earlier, data / "logs.db")
    with pytest.raises(ArchiveError, match=r"older than its archives.*archive adopt"):
        archive(data)
    assert take_in(data, None) == CaughtUp(batches=3, logs=4)
    assert all_rows(data) == rows
    archive(data)
    assert_complete(data, rows)
    assert_clean(data)


def test_types_of_attributes_are_those_of_the_batches_that_were_taken_in(
    data: Path, backup: Path, node: Destination
) -> None:
    both = [{"type": "info", "message": "m", "status": each} for each in (1, 2)]
    fill(data, both, received_at=AFTER)
    archive(data, destination=node)
    take_in(backup, node)
    texts = [{"type": "info", "message": "m", "status": each} for each in ("a", "b")]
    fill(backup, texts, received_at=AFTER + 1)
    archive(backup)
    (member,) = layout_of(path_of(backup, catalog(backup)[-1])).members
    assert (member.path, member.kind, member.is_apart) == (("status",), "text", True)
