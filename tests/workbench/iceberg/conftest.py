"""Fixtures of the lake's table: a lake of two nodes, and what other programs read of it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.iceberg_lake import Lake
from tests.support.object_store import QUICK, ObjectStore, object_store
from waterline.archive.object_store.client import open_bucket


@pytest.fixture(scope="session")
def running() -> Iterator[ObjectStore]:
    """A store that all tests of a run share; each has a prefix of its own."""
    with object_store() as store:
        yield store


@pytest.fixture
def store(running: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The same, without faults and with no request counted; everything finds it."""
    running.proxy.reset()
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")  # else it warns of another planner
    quick = partial(open_bucket, patience=QUICK)
    for module in (
        "waterline.archive.jobs.upload",
        "waterline.archive.jobs.prune",
        "waterline.archive.lake.view",
        "workbench.iceberg.storage",
    ):
        monkeypatch.setattr(f"{module}.open_bucket", quick)
    return running


@pytest.fixture
def lake(store: ObjectStore, tmp_path: Path, request: pytest.FixtureRequest) -> Lake:
    """A lake without nodes."""
    name = "".join(each if each.isalnum() else "-" for each in request.node.name)
    return Lake(store, f"{store.address}/{name}", tmp_path)
