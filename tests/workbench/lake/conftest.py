"""An object store that everything here finds, and logs for nodes."""

from collections.abc import Iterator

import pytest

from tests.support.object_store import ObjectStore, object_store


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    """A running store, in the environment of this process and of those that it starts.

    It leaves the environment with the module, as tests of others want none.
    """
    with object_store() as running, pytest.MonkeyPatch.context() as environment:
        for name, value in running.direct.items():
            environment.setenv(name, value)
        yield running
