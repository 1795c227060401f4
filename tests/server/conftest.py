"""Fixtures of the server's tests, and how hypothesis runs them."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.processes import ServerProcess, serving

# A slow machine fails no test.
settings.register_profile(
    "no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("no deadline")


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server that the tests of one file share; none of them may rely on its seqs."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as running:
        yield running
