"""Fixtures: a server that the tests of a file share, and chance that a seed repeats."""

from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.support.processes import ServerProcess, serving


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server that the tests of one file share; none of them may rely on its seqs."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as running:
        yield running


@pytest.fixture
def random(request: pytest.FixtureRequest, tell: Callable[[str], None]) -> Random:
    """The chance of one test, which its name and the seed decide."""
    seed = request.config.getoption("--durability-seed")
    tell(f"{request.node.name}: --durability-seed {seed}")
    return Random(f"{seed} {request.node.name}")
