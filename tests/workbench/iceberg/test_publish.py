"""Publication of a lake: the table has every log once, and no batch is touched."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from tests.support.archive_runs import LATER, catalog, manifest_key
from tests.support.faulty_proxy import Fault, answer
from tests.support.folders import DAY, NOON, Batch
from tests.support.iceberg_lake import Lake
from tests.support.processes import run_waterline
from waterline.archive.jobs.prune import plan_prune, prune
from waterline.archive.jobs.rewrite import RewriteJob
from waterline.archive.lake.registry import NODES, Registry
from waterline.archive.selection import Selection
from waterline.clock import now_ms
from waterline.encoding import JSON_GZ, PARQUET, BatchFormat
from waterline.errors import ArchiveError, RemoteError, UsageError
from waterline.storage.folder import DataFolder
from workbench.iceberg.catalog import open_catalog
from workbench.iceberg.publish import publish

pytestmark = pytest.mark.slow

_REFUSED = answer("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")


@pytest.fixture
def two(lake: Lake) -> Lake:
    """A lake of the nodes a and b."""
    for node in ("a", "b"):
        lake.upload(node)
    return lake


def rewrite(lake: Lake, node: str, form: BatchFormat) -> None:
    """Write all batches of a node in another format, as an operator does."""
    folder = DataFolder(lake.data(node))
    RewriteJob(folder, form.encoding(None), Selection()).run()


def tables_of(lake: Lake) -> set[str]:
    """Return the tables in the catalog."""
    with closing(sqlite3.connect(lake.catalog)) as connection:
        return {name for (name,) in connection.execute("SELECT table_name FROM iceberg_tables")}


@pytest.mark.parametrize("engine", ["pyiceberg", "polars", "duckdb"])
def test_engines_read_every_log_of_every_node(two: Lake, engine: str) -> None:
    before = two.objects()
    done = two.publish()
    assert (done.nodes, done.batches, done.logs, done.added) == (2, 12, 18, 12)
    assert (done.removed, done.faults) == (0, [])
    assert two.rows(engine) == two.expected()
    assert two.objects() == before


def test_files_are_found_by_node_and_time(two: Lake) -> None:
    two.publish()
    with two.table() as table:
        for condition, files, logs in (
            ("node = 'a'", 6, 9),
            (f"node = 'b' and seq > {4}", 4, 5),
            ("timestamp < '1970-01-01T00:00:00+00:00'", 2, 2),
            ("timestamp < '2026-03-18T00:00:00+00:00'", 4, 6),
            ("timestamp >= '2026-03-19T00:00:00+00:00'", 4, 6),
            ("received_at < '2026-03-18T00:00:00+00:00'", 4, 6),
            ("received_at >= '2026-03-19T00:00:00+00:00'", 4, 6),
            ("type = '水'", 6, 6),
            ("source = 'pump-b' and type = 'error'", 3, 3),
        ):
            scan = table.scan(condition)
            assert len([*scan.plan_files()]) == files, condition
            assert len(scan.to_arrow()) == logs, condition


def test_second_publication_changes_nothing(two: Lake) -> None:
    first = two.publish()
    own = two.own_objects()
    two.store.proxy.reset()
    assert two.publish() == replace(first, added=0)
    assert two.own_objects() == own
    assert two.store.proxy.count("PUT") == two.store.proxy.count("DELETE") == 0


def test_later_batches_and_columns_are_added_to_the_former(two: Lake) -> None:
    two.publish()
    former = two.files()
    two.upload("c", [Batch([{"id": "c", "type": "t", "message": "m", "tags": [], "new": 1.5}])])
    done = two.publish()
    assert (done.nodes, done.batches, done.added, done.removed) == (3, 13, 1, 0)
    assert two.rows() == two.expected()
    assert former < two.files()
    with two.table() as table:
        summaries = [each.summary for each in table.metadata.snapshots]
    assert [each and each.operation.value for each in summaries] == ["append", "append"]


@pytest.mark.parametrize("is_begun", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("number", range(1, 8))
def test_publication_that_ends_anywhere_is_finished_by_the_next(
    two: Lake, is_begun: bool, number: int
) -> None:
    if is_begun:
        two.publish()
        two.upload("c", [Batch([{"id": "c", "type": "t", "message": "m", "tags": [], "n": 1}])])
        prune(DataFolder(two.data("a")), plan_prune(DataFolder(two.data("a")), NOON + DAY))
    before = two.files() if is_begun else None
    two.store.proxy.reset()
    two.store.proxy.faults += [
        Fault(method="PUT", times=number - 1),
        Fault(method="PUT", answer=_REFUSED),
    ]
    try:
        two.publish()
    except RemoteError:
        two.store.proxy.reset()
        # Readers see what was before, or all of it.
        if before is not None:
            assert two.files() == before
        else:
            assert "logs" not in tables_of(two)
            two.store.proxy.faults.append(Fault(method="PUT", answer=_REFUSED))
            with pytest.raises(RemoteError):
                two.publish()
            two.store.proxy.reset()
            assert "logs" not in tables_of(two)
    else:
        assert number > 3
        two.store.proxy.reset()
    done = two.publish()
    pruned = [row for row in two.expected() if (row[0], row[5]) == ("a", NOON)]
    whole = [row for row in two.expected() if not is_begun or row not in pruned]
    assert done.faults == []
    assert two.rows() == whole
    own = two.own_objects()
    two.publish()
    assert two.own_objects() == own


def test_footer_that_is_refused_ends_the_publication_before_anything_is_written(two: Lake) -> None:
    two.store.proxy.reset()
    two.publish()
    methods = [each.split()[0] for each in two.store.proxy.requests]
    reads = methods[: methods.index("PUT")].count("GET")
    before = two.files()
    two.store.proxy.reset()
    two.store.proxy.faults += [
        Fault(method="GET", times=reads - 1),
        Fault(method="GET", times=1, answer=_REFUSED),
    ]
    with pytest.raises(RemoteError, match="access denied"):
        two.publish(is_rebuilt=True)
    assert two.store.proxy.count("PUT") == 0
    assert two.files() == before


def test_batch_of_which_the_manifest_tells_otherwise_is_told_anew(two: Lake) -> None:
    two.publish()
    batch, *_ = catalog(two.data("a"))
    key = f"node=a/{manifest_key(batch)}"
    content = two.bucket.get(key)
    other = content.replace(b"pump-a", b"pump-z")
    assert other != content
    two.bucket.put(key, other)
    done = two.publish()
    assert (done.batches, done.added, done.removed, done.faults) == (12, 2, 2, [])
    with two.table() as table:
        assert len([*table.scan("source = 'pump-z'").plan_files()]) == 2
    two.bucket.put(key, content)
    two.publish()
    assert two.rows() == two.expected()


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_rebuilding_that_ends_anywhere_is_finished_by_the_next(
    two: Lake, method: str, number: int
) -> None:
    two.publish()
    two.store.proxy.reset()
    two.store.proxy.faults += [
        Fault(method=method, times=number - 1),
        Fault(method=method, answer=_REFUSED),
    ]
    with suppress(RemoteError):
        two.publish(is_rebuilt=True)
    two.store.proxy.reset()
    assert two.rows() == two.expected()
    done = two.publish()
    assert (done.batches, done.added, done.removed, done.faults) == (12, 0, 0, [])
    assert two.rows() == two.expected()
    # One table's folder is left: metadata of two versions, a list of manifests, a manifest.
    assert len({name.split("/")[2] for name in two.own_objects()}) == 1
    assert len(two.own_objects()) == 4


def test_table_that_was_whole_and_not_yet_in_its_place_is_put_there(two: Lake) -> None:
    metadata = two.publish().metadata
    # As a publisher leaves it that is killed between the two last steps of making it anew.
    with open_catalog(two.catalog) as opened:
        opened.rename_table("lake.logs", "lake.logs_staged")
    done = two.publish()
    assert (done.metadata, done.added) == (metadata, 0)
    assert tables_of(two) == {"logs"}


def test_pruned_batches_leave_the_table(two: Lake) -> None:
    two.publish()
    folder = DataFolder(two.data("a"))
    prune(folder, plan_prune(folder, NOON + DAY))
    before = two.objects()
    done = two.publish()
    assert (done.batches, done.logs, done.added, done.removed) == (10, 15, 0, 2)
    assert two.rows() == [row for row in two.expected() if (row[0], row[5]) != ("a", NOON)]
    assert two.objects() == before


def test_rewritten_batches_replace_the_former(lake: Lake) -> None:
    lake.upload("a", format=JSON_GZ)
    done = lake.publish()
    assert (done.batches, len(done.faults)) == (0, 6)
    assert done.faults[0] == (
        f"node a: {lake.address}/node=a/2026-03-17/batch-0001.json.gz is no Parquet; `waterline "
        "archive rewrite` on its node brings the batches of 2026-03-17 forward"
    )
    rewrite(lake, "a", PARQUET)
    done = lake.publish()
    assert (done.batches, done.added, done.removed, done.faults) == (6, 6, 0, [])
    assert lake.rows() == lake.expected()
    rewrite(lake, "a", JSON_GZ)
    done = lake.publish()
    assert (done.batches, done.removed, len(done.faults)) == (0, 6, 6)
    assert lake.rows() == []


def test_batches_of_a_retired_node_stay(two: Lake) -> None:
    Registry(two.bucket).retire("b", LATER)
    assert two.publish().nodes == 2
    assert two.rows() == two.expected()


def test_batches_of_a_node_that_is_taken_out_of_the_lake_leave_the_table(two: Lake) -> None:
    two.publish()
    two.bucket.delete(f"{NODES}/b.json")
    assert (two.publish().nodes, two.publish().faults) == (1, [])
    assert two.rows() == [row for row in two.expected() if row[0] == "a"]


def test_manifest_that_is_damaged_is_named_and_takes_nothing_out(two: Lake) -> None:
    two.publish()
    batch, *_ = catalog(two.data("a"))
    key = f"node=a/{manifest_key(batch)}"
    content = two.bucket.get(key)
    two.bucket.put(key, content[:100])
    two.upload("b", [Batch([{"id": "b", "type": "t", "message": "m", "tags": []}], "late")])
    done = two.publish()
    (fault,) = done.faults
    assert fault.startswith("node a lacks its logs of 2026-03-17: ")
    assert (done.batches, done.added, done.removed) == (13, 1, 0)
    two.bucket.put(f"{NODES}/a.json", two.bucket.get(f"{NODES}/a.json")[:50])
    done = two.publish()
    assert "nodes/a.json is no record of a node" in done.faults[0]
    assert (done.batches, done.added, done.removed) == (13, 0, 0)
    assert two.rows() == two.expected()
    # Made anew there is nothing but what the manifests tell.
    done = two.publish(is_rebuilt=True)
    assert (done.batches, done.nodes, len(done.faults)) == (7, 1, 1)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda _: None, " is missing; put a copy in its place"),
        (lambda content: content[:-1] + b"2", " is no sound Parquet file: "),
        (lambda content: content[:-8] + b"\xff\xff\xff\x7fPAR1", " is no sound Parquet file: "),
        (lambda content: content.replace(b'"totalLogs":2', b'"totalLogs":3'), " has 3 logs, and "),
        (lambda content: content.replace(b'"version":"3', b'"version":"2'), "without field ids; "),
    ],
    ids=["missing", "no magic", "footer too long", "other number", "earlier version"],
)
def test_batch_that_cannot_be_taken_is_named_and_the_others_are_published(
    two: Lake, damage: Callable[[bytes], bytes | None], sentence: str
) -> None:
    batch, *_ = catalog(two.data("a"))
    key = f"node=a/{batch.file}"
    content = two.bucket.get(key)
    damaged = damage(content)
    assert damaged != content
    two.bucket.delete(key)
    if damaged is not None:
        two.bucket.put(key, damaged)
    done = two.publish()
    (fault,) = done.faults
    assert fault.startswith(f"node a: {two.bucket.url(key)}")
    assert sentence in fault
    assert done.batches == 11
    two.bucket.put(key, content)
    assert (two.publish().added, two.publish().faults) == (1, [])
    assert two.rows() == two.expected()


def test_replaced_snapshot_is_expired_after_a_day(two: Lake) -> None:
    two.publish(clock=lambda: LATER)
    with two.table() as table:
        first = table.metadata.snapshots[0].snapshot_id
    two.upload("c", [Batch([{"id": "c", "type": "t", "message": "m", "tags": []}])])
    now = now_ms()
    two.publish(clock=lambda: now)
    with two.table() as table:
        assert table.snapshot_by_id(first) is not None
        assert len(table.scan(snapshot_id=first).to_arrow()) == 18
    own = two.own_objects()
    two.publish(clock=lambda: now + 2 * DAY)
    with two.table() as table:
        assert table.snapshot_by_id(first) is None
    assert two.rows() == two.expected()
    gone = own - two.own_objects()
    assert sum("/snap-" in name for name in gone) == 1
    assert len(two.own_objects()) < len(own)


def test_second_publisher_is_refused(two: Lake) -> None:
    with open_catalog(two.catalog):
        sentence = f"another `waterline lake publish` works with {two.catalog}; wait until it has"
        with pytest.raises(UsageError, match=re.escape(sentence)):
            two.publish()
    assert two.publish().batches == 12


def test_what_another_program_has_written_is_taken_out(two: Lake) -> None:
    two.publish()
    with two.table() as table:
        table.delete("node = 'a' and seq = 1")
    assert len(two.rows()) == 17
    done = two.publish()
    # Of the two logs in that batch the other one was written into a file of the program's own.
    assert (done.batches, done.logs, done.added, done.removed) == (12, 18, 1, 1)
    assert two.rows() == two.expected()


def test_change_of_another_program_meanwhile_ends_the_publication(two: Lake) -> None:
    two.publish()
    two.upload("c", [Batch([{"id": "c", "type": "t", "message": "m", "tags": []}])])

    def change() -> None:
        with two.table() as table, table.transaction() as transaction:
            transaction.delete("node = 'b' and seq = 9")

    two.store.proxy.reset()
    two.store.proxy.faults.append(Fault(method="PUT", times=1, before=change))
    with pytest.raises(ArchiveError, match=r"another program has changed the table: .* again"):
        two.publish()
    assert two.publish().faults == []
    assert two.rows() == two.expected()


def test_lake_without_nodes_gets_no_table(lake: Lake) -> None:
    with pytest.raises(UsageError, match="has no nodes yet; a node adds itself when it uploads"):
        lake.publish()
    assert lake.bucket.names() == []


def test_catalog_of_another_lake_is_refused(two: Lake) -> None:
    two.publish()
    other = Lake(two.store, f"{two.address}-other", two.folder)
    with pytest.raises(UsageError, match="has the table of another lake, at s3://logs/"):
        other.publish()
    assert two.rows() == two.expected()


def test_catalog_that_is_none_is_named(two: Lake) -> None:
    two.catalog.write_text("no database" * 1000)
    with pytest.raises(
        ArchiveError, match=r"catalog.db cannot be used as the catalog: file is not"
    ):
        two.publish()
    two.catalog.unlink()
    two.catalog.mkdir()
    with pytest.raises(ArchiveError, match=r"cannot be used as the catalog: unable to open"):
        two.publish()
    with pytest.raises(
        UsageError, match=r"lock cannot be written: No such file or directory; name"
    ):
        publish(two.bucket, two.folder / "missing" / "catalog.db")


@pytest.mark.parametrize("damage", [lambda _: None, lambda content: content[: len(content) // 2]])
@pytest.mark.parametrize("part", [".metadata.json", "-m0.avro", "/snap-"])
def test_table_whose_own_files_are_damaged_is_made_anew_when_asked(
    two: Lake, part: str, damage: Callable[[bytes], bytes | None]
) -> None:
    metadata = two.publish().metadata
    key = max(name for name in two.own_objects() if part in name)
    if part == ".metadata.json":
        assert metadata.endswith(key)
    damaged = damage(two.bucket.get(key))
    two.bucket.delete(key)
    if damaged is not None:
        two.bucket.put(key, damaged)
    # In a process of its own, as pyiceberg keeps what it has read.
    options = ("--archive-dest", two.address, "--lake-catalog", two.catalog)
    refused = run_waterline("lake", "publish", *options)
    assert refused.returncode == 1
    assert "the table's own files are not as they were written: " in refused.stderr
    assert refused.stderr.count("\n") == 1
    two.publish(is_rebuilt=True)
    assert two.rows() == two.expected()


def test_keys_are_nowhere_but_in_the_environment(two: Lake) -> None:
    two.publish()
    secrets = [two.store.secret.encode(), two.store.key_id.encode()]
    assert not [each for each in secrets if each in two.catalog.read_bytes()]
    for name in two.own_objects():
        assert not [each for each in secrets if each in two.bucket.get(name)]
