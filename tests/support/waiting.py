"""Waiting for what can be observed, never for time to pass."""

import time
from collections.abc import Callable

from tests.support.processes import PATIENCE


def wait_until(
    condition: Callable[[], object],
    what: str = "it did not come to pass",
    patience: float = PATIENCE,
) -> None:
    """Return once a condition holds; fail, saying what was missed, when it does not come to."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)
