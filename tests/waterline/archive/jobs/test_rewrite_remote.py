"""Rewrites of batches with a copy in object storage: both are replaced, or neither is lost."""

from dataclasses import replace
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
    catalog,
    files_below,
    fill_three_days,
    lose_logs,
    manifest_key,
    watermark_of,
)
from tests.support.archives import change
from tests.support.doomed_job import Moment, Phase, run_doomed
from tests.support.faulty_proxy import Fault, answer
from tests.support.object_store import QUICK, ObjectStore
from tests.support.version_2_1 import written_as_version_2_1
from waterline.archive.jobs.prune import plan_prune, prune
from waterline.archive.jobs.rebuild import rebuild_catalog
from waterline.archive.jobs.rewrite import RewriteJob, Rewritten, plan_rewrite
from waterline.archive.jobs.upload import Destination
from waterline.archive.manifest import days_of, manifest_of
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.archive.selection import Selection
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import RemoteError
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow

REFUSED = answer("403 Forbidden", b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")


@pytest.fixture(autouse=True)
def settle(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a job find the store, and not wait long for it."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    quick = partial(open_bucket, patience=QUICK)
    for module in ("waterline.archive.reader", "waterline.archive.jobs.replaced_objects"):
        monkeypatch.setattr(f"{module}.open_bucket", quick)


@pytest.fixture(params=[True, False], ids=["kept", "not-kept"])
def keep_local(request: pytest.FixtureRequest) -> bool:
    """Whether local files of uploaded batches stay."""
    return bool(request.param)


@pytest.fixture(params=["2.1", "json.gz"])
def earlier(
    request: pytest.FixtureRequest, data: Path, address: str, keep_local: bool
) -> list[Row]:
    """The logs of a folder whose batches are of an earlier version, or JSON, and uploaded."""
    logs = fill_three_days(data)
    destination = Destination(address=address, keep_local=keep_local)
    if request.param == "json.gz":
        archive(data, format=JSON_GZ, destination=destination)
    else:
        with pytest.MonkeyPatch.context() as patch, written_as_version_2_1(patch):
            archive(data, destination=destination)
    return logs


def rewrite(data: Path) -> Rewritten:
    return RewriteJob(DataFolder(data), PARQUET.encoding(), Selection(), clock=lambda: LATER).run()


def assert_replaced(data: Path, another: Bucket, logs: list[Row], *, keep_local: bool) -> None:
    """See that all batches are rewritten, here and there, and nothing else is left over."""
    batches, watermark = catalog(data), watermark_of(data)
    assert all_rows(data) == logs
    assert all(each.rewritten_at for each in batches)
    assert {each.uploaded_to for each in batches} == {another.address}
    assert files_below(data) == ({each.file for each in batches} if keep_local else set())
    manifests = {manifest_key(each) for each in batches}
    assert set(another.names()) == {each.file for each in batches} | manifests
    for day, of_day in days_of(batches).items():
        assert another.get(manifest_key(of_day[0])) == manifest_of(day, of_day, watermark)
    assert not DataFolder(data).replaced_objects.exists()
    assert plan_rewrite(DataFolder(data), PARQUET, Selection()) == []
    assert_clean(data)


def test_batches_are_replaced_here_and_in_object_storage(
    data: Path, another: Bucket, earlier: list[Row], keep_local: bool
) -> None:
    before = catalog(data)
    assert plan_rewrite(DataFolder(data), PARQUET, Selection()) == before
    columns = ["seq", "message", "attributes"]
    with workbench.connect(data, cache=False) as wb:
        pin, found = wb.pin(), wb.logs(columns=columns)
    assert rewrite(data).batches == len(before)
    assert_replaced(data, another, earlier, keep_local=keep_local)
    assert [each.local_removed_at for each in catalog(data)] == [
        each.local_removed_at for each in before
    ]
    with workbench.connect(data, cache=False) as wb:
        assert wb.logs(columns=columns, at=pin).equals(found)


@pytest.mark.parametrize("method", ["HEAD", "GET", "PUT", "DELETE"])
def test_store_that_refuses_any_request_loses_no_log_and_next_rewrite_completes(
    data: Path,
    store: ObjectStore,
    another: Bucket,
    earlier: list[Row],
    keep_local: bool,
    method: str,
) -> None:
    refused = 0
    while True:
        store.proxy.reset()
        # One more goes through each time, so that each is refused once.
        store.proxy.faults += [
            Fault(method=method, times=refused),
            Fault(method=method, answer=REFUSED),
        ]
        try:
            rewrite(data)
        except RemoteError:
            refused += 1
        else:
            break
        finally:
            store.proxy.reset()
        assert all_rows(data) == earlier
        for each in catalog(data):
            assert len(another.get(each.file)) == each.stored_bytes
    assert refused
    assert_replaced(data, another, earlier, keep_local=keep_local)


@pytest.mark.parametrize("phase", [Phase.BATCH, Phase.RECORD, Phase.MANIFEST])
def test_rewrite_killed_anywhere_loses_no_log_and_next_one_goes_on(
    data: Path, another: Bucket, earlier: list[Row], keep_local: bool, phase: Phase
) -> None:
    after = 0
    while run_doomed(data, Moment(phase, after), "rewrite"):
        assert all_rows(data) == earlier
        after = after + 2 if phase is not Phase.RECORD else 2 * after + 1
    assert after
    assert_replaced(data, another, earlier, keep_local=keep_local)


@pytest.mark.parametrize("steps", [5, 9, 16])
def test_logs_db_lost_after_a_killed_rewrite_is_rebuilt_whole(
    data: Path, another: Bucket, earlier: list[Row], keep_local: bool, steps: int
) -> None:
    run_doomed(data, Moment(Phase.MANIFEST, steps), "rewrite")
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert all_rows(data) == earlier
    rewrite(data)
    assert_replaced(data, another, earlier, keep_local=keep_local)


@pytest.mark.parametrize("earlier", ["2.1"], indirect=True)
def test_prune_removes_what_a_stopped_rewrite_left_in_object_storage(
    data: Path, store: ObjectStore, another: Bucket, earlier: list[Row]
) -> None:
    store.proxy.faults.append(Fault(method="DELETE", answer=REFUSED))
    with pytest.raises(RemoteError):
        rewrite(data)
    store.proxy.reset()
    assert prune(DataFolder(data), plan_prune(DataFolder(data), LATER)).logs == len(earlier)
    assert {each for each in another.names() if "batch" in each} == set()


@pytest.mark.parametrize("earlier", ["2.1"], indirect=True)
@pytest.mark.usefixtures("earlier")
def test_object_of_another_at_the_key_of_a_new_batch_stays(data: Path, another: Bucket) -> None:
    first = catalog(data)[0]
    foreign = f"{first.day}/batch-0003.parquet"  # that day has two
    another.put(foreign, b"another's")
    for _ in range(2):
        with pytest.raises(RemoteError, match="there is another object"):
            rewrite(data)
    assert another.get(foreign) == b"another's"
    assert catalog(data)[0] == first


@pytest.mark.parametrize("earlier", ["2.1"], indirect=True)
def test_missing_copy_is_named_and_others_are_rewritten(
    data: Path, another: Bucket, earlier: list[Row]
) -> None:
    first, *others = catalog(data)
    change(data, [replace(first, local_removed_at=LATER)])
    another.delete(first.file)
    done = rewrite(data)
    assert [each.split(":")[0] for each in done.faults] == ["cannot read s3"]
    assert done.batches == len(others)
    assert catalog(data)[0].sha256 == first.sha256
    assert len(earlier) == sum(each.rows for each in catalog(data))
