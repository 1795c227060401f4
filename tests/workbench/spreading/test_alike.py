"""A workbench with a cluster answers as one without does, over hot and archived logs."""

import pickle
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import Part, adopt, archive, change, elsewhere, path_of
from tests.support.clusters import cluster
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, fill, fill_batches
from tests.support.object_store import ObjectStore, object_store
from tests.support.part_archived import parts
from tests.support.sessions import session_of
from tests.workbench.query.test_scan import folders_and_filters
from tests.workbench.remote.test_alike import assert_alike
from waterline.archive.object_store.client import open_bucket
from waterline.archive.reader import BatchReader
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import IncompleteAnswer
from waterline.query_text.parse import TextQuery
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from workbench.query.archived import read_batches
from workbench.query.piece import Counted
from workbench.query.pin import to_pin
from workbench.query.question import Question
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

Ask = Callable[[Workbench], Any]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with cluster() as running:
        yield running


def asks(filters: dict[str, Any], limit: int) -> list[Ask]:
    """Return everything that a cluster is asked for, of the logs that meet filters."""
    untimed = {name: each for name, each in filters.items() if name not in ("since", "until")}
    return [
        lambda wb: wb.count(**filters),
        lambda wb: wb.count(**filters, limit=limit),
        lambda wb: wb.latency("duration_ms", by="type", exact=True, **filters),
        lambda wb: wb.latency("status", by="status", every="1ms", exact=True, **filters),
        lambda wb: wb.throughput("1ms", by="source", exact=True, **filters),
        lambda wb: wb.fields(sample=None, **filters),
        lambda wb: wb.fields(sample=max(1, limit), **filters),
        lambda wb: wb.patterns(**filters),
        lambda wb: wb.patterns(against=(NOON - 2, NOON), **{**filters, "since": NOON}),
        lambda wb: wb.diff(untimed, {**untimed, "since": NOON}),
        lambda wb: wb.logs(**filters, limit=limit),
        lambda wb: wb.logs(**filters, order="newest", limit=limit, attributes=["status"]),
        lambda wb: wb.logs(**filters),
        lambda wb: wb.arrow(**filters),
        lambda wb: [*wb.iter_logs(**filters)],
    ]


@costly(30)
@given(folders_and_filters(), parts, st.integers(0, 6))
def test_random_questions_have_the_same_answers_with_a_cluster(
    client: Client, case: tuple[list[Batch], dict[str, Any]], archived: list[Part], limit: int
) -> None:
    batches, filters = case
    if filters.get("until", NOON) < NOON:
        filters.pop("until")
    with tempfile.TemporaryDirectory() as folder:
        fill_batches(Path(folder), batches)
        archive(Path(folder), archived)
        with (
            Workbench(folder, lambda: NOON, cache=False) as here,
            Workbench(folder, lambda: NOON, cache=False, cluster=client) as there,
        ):
            for ask in asks(filters, limit):
                assert_alike(ask, here, there)


LOGS = [
    {
        "type": ("info", "error", "warning")[place % 3],
        "message": f"user {place % 17} asked for item {place}\nat 7",
        "timestamp": NOON + place * 1_000,
        "status": 200 + place % 4 * 100,
        "duration_ms": place % 91 / 7,
        **({"tags": [place]} if place % 50 == 0 else {}),
    }
    for place in range(1_000)
]


@pytest.fixture
def seamed(data: Path) -> Path:
    """Batches of both formats, one of them adopted, and hot logs between and behind."""
    fill(data, LOGS)
    archive(data, [(100, PARQUET), (150, JSON_GZ), *[(20, PARQUET)] * 10], clear=True)
    adopt(data, 700, 800, PARQUET)
    return data


@pytest.mark.parametrize("filters", [{}, {"contains": "user 3"}, {"query": "status>=400 -item"}])
def test_answers_over_the_seam_are_the_same_with_a_cluster(
    client: Client, seamed: Path, filters: dict[str, Any]
) -> None:
    with (
        Workbench(seamed, lambda: NOON, cache=False) as here,
        Workbench(seamed, lambda: NOON, cache=False, cluster=client) as there,
    ):
        assert here.count() == len(LOGS)
        for ask in asks(filters, 30):
            assert_alike(ask, here, there)
        pin = to_pin(here.logs().attrs["pin"])
        for seq in (1, 99, 100, 480, 750, 999):
            past: dict[str, Any] = {**filters, "at": replace(pin, seq=seq, last="")}
            assert_alike(partial(Workbench.count, **past), here, there)
            assert_alike(partial(Workbench.patterns, **past), here, there)


def test_question_kept_in_the_cache_goes_on_with_a_cluster(client: Client, data: Path) -> None:
    fill(data, LOGS[:500])
    archive(data, [(100, PARQUET)] * 3)
    with Workbench(data, lambda: NOON, cluster=client) as there:
        assert there.logs(type="error").attrs["cache"] == "miss"
        elsewhere(fill, data, LOGS[500:])
        elsewhere(archive, data, [(300, PARQUET)])
        found = there.logs(type="error")
        assert found.attrs["cache"] == "merged"
        with Workbench(data, lambda: NOON, cache=False) as here:
            pd.testing.assert_frame_equal(found, here.logs(type="error"))


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


def test_archives_in_object_storage_are_read_by_workers_with_keys_of_their_own(
    store: ObjectStore, seamed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(seamed, store)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    with (
        Workbench(seamed, lambda: NOON, cache=False) as here,
        Workbench(seamed, lambda: NOON, cache=False, cluster=2) as there,
    ):
        for ask in asks({"type": "error"}, 30):
            assert_alike(ask, here, there)
        counted = here.count(contains="user 3")
        for name in store.environment:
            monkeypatch.delenv(name)
        with (
            Workbench(seamed, lambda: NOON, cache=False) as keyless,
            pytest.raises(IncompleteAnswer),
        ):
            keyless.count(contains="user 3")
        assert there.count(contains="user 3") == counted


def test_pieces_carry_no_keys(store: ObjectStore, seamed: Path) -> None:
    batches = upload(seamed, store)
    reader = BatchReader(DataFolder(seamed), environment=store.environment)
    asked = Question(columns=("seq",), filters=TextQuery(contains=("user",)))
    piece = Counted(reader, batches[0], asked)
    outcome = piece()
    assert (outcome.part, outcome.fault) == (batches[0].rows, None)
    sent = pickle.dumps(piece)
    assert store.secret.encode() not in sent
    assert store.key_id.encode() not in sent


def upload(data: Path, store: ObjectStore) -> list[ArchivedBatch]:
    """Move all batches to object storage; return them."""
    bucket = open_bucket(f"{store.address}/{data.name}", store.environment)
    with Workbench(data, cache=False) as wb, session_of(wb).database.view() as view:
        batches = read_batches(view)
    for each in batches:
        path = path_of(data, each)
        bucket.put(each.file, path.read_bytes())
        path.unlink()
    away = [
        replace(
            each,
            uploaded_to=f"{store.address}/{data.name}",
            uploaded_at=NOON,
            local_removed_at=NOON,
        )
        for each in batches
    ]
    elsewhere(change, data, away)
    return away
