"""What was refused in the last hour, from the measurements of a real server and of a made file."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clock import NOON
from tests.support.posting import post
from tests.support.processes import serving
from tests.support.waiting import wait_until
from waterline.metrics.recorder import Series
from waterline.metrics.refusals import Cause
from waterline.metrics.rollup_store import RollupStore
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from waterline.metrics.summary import Summary
from waterline.storage.folder import DataFolder
from waterline.storage.schema import METRICS
from workbench.query.database import Database
from workbench.snapshots.poller import FolderPoller
from workbench.snapshots.refused import read_refused
from workbench.snapshots.snapshot import RefusedLately

pytestmark = pytest.mark.slow

DEEP = b'{"type":"info","message":"m","a":%b}' % (b"[" * 70 + b"]" * 70)


@pytest.fixture
def store(data: Path) -> Iterator[RollupStore]:
    """A metrics.db to write by hand."""
    folder = DataFolder(data)
    folder.create()
    with closing(RollupStore(folder.metrics)) as file:
        file.begin("test", 0, NOON)
        yield file


def write(store: RollupStore, begin: int, metric: str, label: str, count: int) -> None:
    summary = Summary()
    summary.add_count(count, count)
    store.write({(begin, Series(metric, "cause", label)): summary}, {}, 0)


def refused(store: RollupStore, now: int) -> list[RefusedLately]:
    with closing(Database(store.path, METRICS)) as database, database.view() as view:
        return [*read_refused(view, now)]


def test_minutes_that_are_closed_and_seconds_since_count_once_each(store: RollupStore) -> None:
    write(store, NOON, "logs_rejected", "depth shop", 2)
    write(store, NOON + SECOND, "logs_rejected", "depth shop", 3)
    store.close_steps(NOON + MINUTE)
    write(store, NOON + MINUTE + SECOND, "logs_rejected", "depth shop", 4)
    # Such as were received in a minute that was closed already.
    write(store, NOON + 2 * SECOND, "logs_rejected", "depth shop", 5)
    now = NOON + MINUTE + 5 * SECOND
    assert refused(store, now) == [
        RefusedLately(Cause("depth", "shop"), 14, NOON + MINUTE + SECOND)
    ]


def test_only_last_hour_counts(store: RollupStore) -> None:
    write(store, NOON, "logs_rejected", "depth shop", 2)
    store.close_steps(NOON + MINUTE)
    assert refused(store, NOON + HOUR)[0].count == 2
    assert refused(store, NOON + HOUR + MINUTE) == []


def test_latest_cause_is_first(store: RollupStore) -> None:
    write(store, NOON, "logs_rejected", "depth shop", 9)
    write(store, NOON + SECOND, "bodies_refused", "too_large /v1/logs edge", 1)
    assert [each.cause for each in refused(store, NOON + 2 * SECOND)] == [
        Cause("too_large", "edge", "/v1/logs"),
        Cause("depth", "shop"),
    ]


def test_snapshot_has_what_server_refused(data: Path) -> None:
    poller = FolderPoller(data)
    with serving(data) as server:
        post(server, DEEP)
        post(server, b"{nope", "/v1/logs", Content_Type="application/json")
        wait_until(lambda: len(poller.poll().refused) == 2)
    poller.stop()
    assert {(each.cause, each.count) for each in poller.snapshot.refused} == {
        (Cause("depth", "test"), 1),
        (Cause("unreadable_body", "test", "/v1/logs"), 1),
    }
