"""Waiting for what can be observed, never for time to pass."""

import time
from collections.abc import Callable

from tests.support.processes import PATIENCE


def wait_until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Return once a condition holds; fail when it does not come to."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)
