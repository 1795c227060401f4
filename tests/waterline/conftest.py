"""Fixtures of archives and backups: a bucket of a real object store."""

from collections.abc import Iterator

import pytest

from tests.support.object_store import QUICK, ObjectStore, object_store
from waterline.archive.object_store.client import Bucket, open_bucket


@pytest.fixture(scope="session")
def running() -> Iterator[ObjectStore]:
    """A store that all tests of a run share; each has a prefix of its own."""
    with object_store() as store:
        yield store


@pytest.fixture
def store(running: ObjectStore) -> ObjectStore:
    """The same, without faults and with no request counted."""
    running.proxy.reset()
    return running


@pytest.fixture
def address(store: ObjectStore, request: pytest.FixtureRequest) -> str:
    """A prefix that no other test uses."""
    name = "".join(each if each.isalnum() else "-" for each in request.node.name)
    return f"{store.address}/{name}"


@pytest.fixture
def bucket(store: ObjectStore, address: str) -> Bucket:
    """The bucket by way of the proxy."""
    return open_bucket(address, store.environment, QUICK)


@pytest.fixture
def another(store: ObjectStore, address: str) -> Bucket:
    """The same place for another client, past the proxy."""
    return open_bucket(address, store.direct, QUICK)
