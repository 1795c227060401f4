"""`waterline lake publish`: what an operator sees."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive_runs import catalog, fill_three_days
from tests.support.faulty_proxy import Fault
from tests.support.object_store import ObjectStore, object_store
from tests.support.processes import PATIENCE, run_waterline
from tests.support.said import said
from waterline.archive.object_store.client import Bucket, open_bucket

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


@pytest.fixture
def lake(
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Bucket:
    """A lake of one node, which the settings name, and a catalog beside it."""
    store.proxy.reset()
    name = "".join(each if each.isalnum() else "-" for each in request.node.name)
    lake = f"{store.address}/{name}"
    settings = {"WATERLINE_ARCHIVE_DEST": lake, "WATERLINE_LAKE_CATALOG": f"{tmp_path}/lake.db"}
    for name, value in {**store.environment, **settings}.items():
        monkeypatch.setenv(name, value)
    fill_three_days(tmp_path / "a")
    arguments = ("archive", "run", "--older-than", "30d", "--data", tmp_path / "a")
    assert run_waterline(*arguments, WATERLINE_NODE_NAME="plant-a").returncode == 0
    return open_bucket(lake, store.direct)


def test_publication_is_told_in_two_lines_and_as_json(lake: Bucket) -> None:
    code, (line, metadata), errors = said(run_waterline("lake", "publish"))
    assert (code, errors) == (0, "")
    assert line == "lake.logs: 1 node, 3 batches, 6 logs; 3 batches added, 0 taken out"
    place = metadata.removeprefix("metadata: ")
    assert place.startswith(f"{lake.address}/_iceberg/")
    code, (line,), errors = said(run_waterline("lake", "publish", "--json"))
    assert (code, errors) == (0, "")
    assert json.loads(line) == {
        "table": "lake.logs",
        "metadata": place,
        "nodes": 1,
        "batches": 3,
        "logs": 6,
        "added": 0,
        "removed": 0,
        "faults": [],
    }
    code, (line, metadata), _ = said(run_waterline("lake", "publish", "--rebuild"))
    assert line == "lake.logs: 1 node, 3 batches, 6 logs; 3 batches added, 0 taken out"
    assert metadata != f"metadata: {place}"


def test_what_the_table_lacks_is_named_and_the_exit_code_is_1(lake: Bucket, tmp_path: Path) -> None:
    batch, *_ = catalog(tmp_path / "a")
    lake.delete(f"node=plant-a/{batch.file}")
    code, (line, _), errors = said(run_waterline("lake", "publish"))
    assert code == 1
    assert line.startswith("lake.logs: 1 node, 2 batches, ")
    assert errors == (
        f"waterline: node plant-a: {lake.address}/node=plant-a/{batch.file} is missing; put a copy "
        "in its place\n"
    )


def test_catalog_is_to_be_named(lake: Bucket) -> None:
    done = run_waterline("lake", "publish", WATERLINE_LAKE_CATALOG="none")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "waterline: name the catalog: set lake_catalog, or give --lake-catalog FILE\n",
    )
    assert lake.names("_iceberg") == []


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_publisher_that_is_killed_is_followed_by_one_that_publishes_once(
    lake: Bucket, store: ObjectStore, number: int
) -> None:
    process: subprocess.Popen[bytes] | None = None

    def kill() -> None:
        assert process is not None
        process.send_signal(signal.SIGKILL)

    store.proxy.reset()
    store.proxy.faults += [Fault(method="PUT", times=number - 1), Fault(method="PUT", before=kill)]
    process = subprocess.Popen([sys.executable, "-m", "workbench", "lake", "publish"])
    assert process.wait(PATIENCE) == -signal.SIGKILL
    store.proxy.reset()
    code, (line, _), errors = said(run_waterline("lake", "publish"))
    assert (code, errors) == (0, "")
    assert line.startswith("lake.logs: 1 node, 3 batches, 6 logs; ")
    own = lake.names("_iceberg")
    assert len(own) == 4
    assert said(run_waterline("lake", "publish"))[1][0].endswith("; 0 batches added, 0 taken out")
    assert lake.names("_iceberg") == own


def test_second_publisher_is_refused_while_one_works(lake: Bucket, store: ObjectStore) -> None:
    second: list[subprocess.CompletedProcess[str]] = []
    store.proxy.reset()
    store.proxy.faults.append(
        Fault(method="PUT", times=1, before=lambda: second.append(run_waterline("lake", "publish")))
    )
    code, (line, _), errors = said(run_waterline("lake", "publish"))
    assert (code, errors) == (0, "")
    assert line.startswith("lake.logs: 1 node, 3 batches, 6 logs; 3 batches added")
    (refused,) = second
    assert refused.returncode == 1
    assert refused.stderr.startswith("waterline: another `waterline lake publish` works with ")
    assert len(lake.names("_iceberg")) == 4
