"""Fixtures: a server process of one's own, and a run that fails on unexpected log lines."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.processes import ServerProcess, serving

# A shared machine may stall in any example, so none has a deadline.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", _PATIENT)
settings.register_profile("quick", _PATIENT, max_examples=10)
settings.load_profile("thorough")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    """A running server on an empty folder."""
    with serving(data) as running:
        yield running


@pytest.fixture(autouse=True)
def no_unexpected_log_lines(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Fail a test that logs a warning; `@pytest.mark.logs` says that it means to."""
    yield
    if request.node.get_closest_marker("logs"):
        return
    lines = [
        record.getMessage()
        for phase in ("setup", "call")
        for record in caplog.get_records(phase)
        if record.levelno >= logging.WARNING
    ]
    assert not lines, "it logged:\n" + "\n".join(lines)
