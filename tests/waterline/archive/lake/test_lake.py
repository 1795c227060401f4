"""A lake of several nodes: it tells of each what it has, and never of more than that."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.support.archive_runs import (
    LATER,
    archive,
    catalog,
    fill_three_days,
    manifest_key,
    watermark_of,
)
from tests.support.faulty_proxy import Fault, answer
from tests.support.folders import DAY, NOON, fill
from tests.support.object_store import QUICK, ObjectStore
from waterline.archive.jobs.prune import plan_prune, prune
from waterline.archive.jobs.upload import Destination
from waterline.archive.lake.registry import NODES, RETIRED, NodeDay, NodeRecord, Registry
from waterline.archive.lake.verify import LakeVerdict, verify_lake
from waterline.archive.lake.view import LakeView, view_lake
from waterline.archive.manifest import days_of
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.errors import ArchiveError, RemoteError, UsageError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow

FIRST_DAY = NOON + 30 * DAY
"""When only logs of the first day are due."""


@pytest.fixture(autouse=True)
def settle(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything find the store, and not wait long for it."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    quick = partial(open_bucket, patience=QUICK)
    for module in ("jobs.upload", "lake.view", "jobs.prune"):
        monkeypatch.setattr(f"waterline.archive.{module}.open_bucket", quick)


@pytest.fixture
def registry(another: Bucket) -> Registry:
    return Registry(another)


@pytest.fixture
def lake(another: Bucket) -> "Lake":
    return Lake(another)


class Lake:
    """A lake, as it is whenever one looks."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def view(self) -> LakeView:
        return view_lake(self.bucket)

    def verify(self, *, is_quick: bool = False) -> LakeVerdict:
        return verify_lake(self.view(), is_quick=is_quick)

    def destination(self, node: str) -> Destination:
        lake = self.bucket.address
        return Destination(address=f"{lake}/node={node}", keep_local=True, lake=lake, node=node)


def summed(batches: list[ArchivedBatch]) -> dict[str, NodeDay]:
    """Return the days of batches as a node tells them."""
    return {
        day: NodeDay(
            logs=sum(each.rows for each in of_day),
            first_seq=of_day[0].first_seq,
            last_seq=of_day[-1].last_seq,
            first_timestamp=min(each.first_timestamp for each in of_day),
            last_timestamp=max(each.last_timestamp for each in of_day),
        )
        for day, of_day in days_of(batches).items()
    }


def test_nodes_lie_side_by_side_and_each_is_told_whole(tmp_path: Path, lake: Lake) -> None:
    for name in ("a", "b"):
        fill_three_days(tmp_path / name)
        archive(tmp_path / name, destination=lake.destination(name))
    view = lake.view()
    assert view.faults == {}
    assert [each.record.node for each in view.nodes] == ["a", "b"]
    for node in view.nodes:
        data = tmp_path / node.record.node
        batches = catalog(data)
        assert node.batches == tuple(batches)
        assert node.faults == ()
        watermark = watermark_of(data)
        assert node.record == NodeRecord(
            node=node.record.node,
            folder_id=watermark.folder_id,
            incarnation=watermark.incarnation,
            prefix=f"node={node.record.node}",
            through=batches[-1].last_seq,
            days=summed(batches),
            updated_at=LATER,
            origin=batches[-1].origin,
        )
    assert lake.verify() == LakeVerdict(
        nodes=2, batches=8, logs=12, size=sum(e.stored_bytes for e in catalog(tmp_path / "a")) * 2
    )


def test_second_run_changes_nothing(data: Path, lake: Lake, store: ObjectStore) -> None:
    fill_three_days(data)
    archive(data, destination=lake.destination("a"))
    store.proxy.reset()
    archive(data, destination=lake.destination("a"), now=LATER + 1)
    assert store.proxy.count("PUT") == 0


def test_name_of_another_node_is_refused_before_anything_is_written(
    tmp_path: Path, lake: Lake
) -> None:
    for name in ("one", "two"):
        fill_three_days(tmp_path / name)
    archive(tmp_path / "one", now=FIRST_DAY, destination=lake.destination("a"))
    there = {name: lake.bucket.get(name) for name in lake.bucket.names()}
    with pytest.raises(ArchiveError, match=r"has another node a already.*a node_name of its own"):
        archive(tmp_path / "two", destination=lake.destination("a"))
    assert {name: lake.bucket.get(name) for name in lake.bucket.names()} == there


def test_second_name_of_a_folder_is_refused_until_the_first_is_retired(
    data: Path, lake: Lake
) -> None:
    fill_three_days(data)
    archive(data, destination=lake.destination("a"))
    with pytest.raises(ArchiveError, match="has this data folder as node a already"):
        archive(data, destination=lake.destination("b"), now=LATER + 1)
    assert [each.record.node for each in lake.view().nodes] == ["a"]
    Registry(lake.bucket).retire("a", LATER)
    archive(data, destination=lake.destination("b"), now=LATER + 2)
    assert [each.record.node for each in lake.view().nodes] == ["a", "b"]


def test_logs_db_that_is_older_than_the_lake_is_refused(
    data: Path, tmp_path: Path, lake: Lake
) -> None:
    fill_three_days(data)
    archive(data, now=FIRST_DAY, destination=lake.destination("a"))
    backup = tmp_path / "backup"
    shutil.copytree(data, backup)
    archive(data, destination=lake.destination("a"))
    before = lake.view()
    with pytest.raises(ArchiveError, match=r"up to seq 6, and logs.db tells only of 2 archived"):
        archive(backup, now=FIRST_DAY + DAY, destination=lake.destination("a"))
    assert lake.view() == before
    # It has nothing to upload, and yet it may not take back what the lake tells.
    with pytest.raises(ArchiveError, match=r"up to seq 6, and logs.db tells only of \d archived"):
        archive(backup, now=FIRST_DAY, destination=lake.destination("a"))
    assert lake.view() == before


def test_backup_that_was_put_back_and_went_on_is_refused(
    data: Path, tmp_path: Path, lake: Lake
) -> None:
    fill_three_days(data)
    archive(data, now=FIRST_DAY, destination=lake.destination("a"))
    backup = tmp_path / "backup"
    shutil.copytree(data, backup)
    archive(data, destination=lake.destination("a"))
    before = lake.view()
    fill(backup, [{"type": "info", "message": f"after {each}"} for each in range(9)])
    archive(backup, now=LATER + 1)  # while the lake was not asked
    with pytest.raises(ArchiveError, match=r"has other logs of node a up to seq 6 than logs.db"):
        archive(backup, destination=lake.destination("a"), now=LATER + 900 * DAY)
    assert lake.view() == before


def test_later_view_reads_only_what_has_changed(data: Path, lake: Lake, store: ObjectStore) -> None:
    fill_three_days(data)
    archive(data, destination=lake.destination("a"))
    before = lake.view()
    through = open_bucket(lake.bucket.address, store.environment, QUICK)
    store.proxy.reset()
    assert view_lake(through, before) == before
    assert not [
        each for each in store.proxy.requests if each.startswith("GET ") and "_manifests/2" in each
    ]
    prune(DataFolder(data), plan_prune(DataFolder(data), NOON + DAY))
    store.proxy.reset()
    later = view_lake(through, before)
    assert later == lake.view() != before
    (changed,) = {each.day for each in catalog(data) if not each.is_kept}
    read = [
        each for each in store.proxy.requests if each.startswith("GET ") and "_manifests/2" in each
    ]
    assert len(read) == 1
    assert changed in read[0]


@pytest.mark.parametrize(
    ("is_begun", "number"),
    # Batches, manifests and the record, which a new node writes before as well.
    [*((False, each) for each in range(1, 10)), *((True, each) for each in range(1, 8))],
)
def test_lake_never_tells_of_more_than_is_there_wherever_an_upload_ends(
    data: Path, lake: Lake, store: ObjectStore, is_begun: bool, number: int
) -> None:
    fill_three_days(data)
    if is_begun:
        archive(data, now=FIRST_DAY, destination=lake.destination("a"))
    store.proxy.reset()
    refused = answer("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")
    store.proxy.faults += [
        Fault(method="PUT", times=number - 1),
        Fault(method="PUT", answer=refused),
    ]
    with pytest.raises(RemoteError):
        archive(data, destination=lake.destination("a"))
    store.proxy.reset()
    assert lake.verify().faults == []
    for node in lake.view().nodes:
        known = [each.uploaded_to is not None for each in catalog(data)]
        assert len(node.batches) <= sum(known)
    archive(data, destination=lake.destination("a"))
    (node,) = lake.view().nodes
    assert node.batches == tuple(catalog(data))
    assert lake.verify().faults == []


def test_pruned_batches_are_told_and_lack_nothing(data: Path, lake: Lake) -> None:
    fill_three_days(data)
    archive(data, destination=lake.destination("a"))
    prune(DataFolder(data), plan_prune(DataFolder(data), NOON + DAY))
    (node,) = lake.view().nodes
    assert [each.is_kept for each in node.batches] == [each.is_kept for each in catalog(data)]
    assert lake.verify().faults == []
    assert lake.verify().logs == sum(each.rows for each in node.kept) < 6


def test_day_that_was_pruned_before_it_was_uploaded_is_not_lacking(data: Path, lake: Lake) -> None:
    fill_three_days(data)
    archive(data)
    folder = DataFolder(data)
    prune(folder, [each for each in catalog(data) if each.day == "2026-03-18"])
    archive(data, destination=lake.destination("a"))
    (node,) = lake.view().nodes
    assert {each.day for each in node.batches} == {"2026-03-17", "2026-03-19"}
    assert node.record.through == catalog(data)[-1].last_seq
    assert node.faults == ()


def test_manifest_that_is_missing_or_older_is_named(data: Path, lake: Lake) -> None:
    fill_three_days(data)
    archive(data, now=FIRST_DAY, destination=lake.destination("a"))
    key = f"node=a/{manifest_key(catalog(data)[0])}"
    older = lake.bucket.get(key)
    archive(data, destination=lake.destination("a"))
    lake.bucket.put(key, older)
    (node,) = lake.view().nodes
    (fault,) = node.faults
    assert fault.startswith("node a has 3 logs of 2026-03-17 in the lake, and the manifest")
    lake.bucket.delete(key)
    (node,) = lake.view().nodes
    (fault,) = node.faults
    assert fault.startswith("node a lacks its logs of 2026-03-17: ")
    assert lake.bucket.url(key) in fault
    assert lake.verify().nodes == 0


def test_record_that_is_damaged_or_later_is_named_and_others_are_told(
    tmp_path: Path, lake: Lake
) -> None:
    for name in ("a", "b", "c"):
        fill_three_days(tmp_path / name)
        archive(tmp_path / name, destination=lake.destination(name))
    record = lake.bucket.get(f"{NODES}/b.json")
    lake.bucket.put(f"{NODES}/a.json", record[:100])
    lake.bucket.put(f"{NODES}/b.json", record.replace(b'"version": "1.0"', b'"version": "9.0"'))
    view = lake.view()
    assert [each.record.node for each in view.nodes] == ["c"]
    assert [*view.faults] == ["a", "b"]
    damaged, later = view.faults.values()
    assert f"{NODES}/a.json is no record of a node: " in damaged
    assert "; remove it, and the node writes it anew" in damaged
    assert f"{NODES}/b.json has version 9.0, this Waterline reads 1.0" in later


@pytest.mark.parametrize("is_quick", [False, True], ids=["whole", "quick"])
def test_batch_that_is_missing_or_damaged_is_named(data: Path, lake: Lake, is_quick: bool) -> None:
    fill_three_days(data)
    archive(data, destination=lake.destination("a"))
    first, second, *_ = [f"node=a/{each.file}" for each in catalog(data)]
    lake.bucket.delete(first)
    content = lake.bucket.get(second)
    lake.bucket.put(second, content[:-1])
    missing, cut = lake.verify(is_quick=is_quick).faults
    assert lake.bucket.url(first) in missing
    assert "is missing" in missing
    assert lake.bucket.url(second) in cut
    lake.bucket.put(second, content[:-1] + bytes([content[-1] ^ 1]))
    assert len(lake.verify(is_quick=is_quick).faults) == (1 if is_quick else 2)


def test_retired_node_uploads_nothing_until_it_is_back(
    data: Path, lake: Lake, registry: Registry
) -> None:
    fill_three_days(data)
    archive(data, now=FIRST_DAY, destination=lake.destination("a"))
    assert registry.retire("a", LATER).through == 2
    (node,) = lake.view().nodes
    assert node.is_retired
    with pytest.raises(ArchiveError, match=r"node a is retired from .* --undo"):
        archive(data, destination=lake.destination("a"))
    assert lake.view().nodes == (node,)
    registry.bring_back("a")
    assert lake.bucket.names(RETIRED) == []
    archive(data, destination=lake.destination("a"))
    assert lake.view().nodes[0].batches == tuple(catalog(data))


def test_node_that_is_unknown_or_in_that_state_is_refused(
    data: Path, lake: Lake, registry: Registry
) -> None:
    with pytest.raises(UsageError, match="has no node 'a'; it has none"):
        registry.retire("a", LATER)
    fill_three_days(data)
    archive(data, destination=lake.destination("a"))
    with pytest.raises(UsageError, match="has no node 'b'; it has a"):
        registry.bring_back("b")
    with pytest.raises(UsageError, match="a is not retired"):
        registry.bring_back("a")
    registry.retire("a", LATER)
    with pytest.raises(UsageError, match="a is retired already"):
        registry.retire("a", LATER)
