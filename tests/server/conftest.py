"""Fixtures of the server's tests."""

from collections.abc import Iterator

import pytest

from tests.support.processes import ServerProcess, serving


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server that the tests of one file share; none of them may rely on its seqs."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as running:
        yield running
