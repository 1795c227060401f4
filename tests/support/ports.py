"""Ports that stay free while a server is down.

The system hands out its ephemeral ports to whoever asks next: to connections, and to servers on
port 0. A server that comes back on one of those may find it taken.
"""

import os
import socket
from itertools import cycle
from typing import Final

_FIRST: Final = 12_000
_A_WORKER: Final = 1_000
_WORKERS: Final = 20
"""Up to 32,000: Linux hands out ports from 32,768."""

_worker: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_start: Final = _FIRST + _worker * _A_WORKER
_ports: Final = cycle(range(_start, _start + _A_WORKER))
for _ in range(os.getpid() % _A_WORKER):  # another run of the tests may be at work
    next(_ports)


def lasting_port() -> int:
    """Return a port that nobody listens on, and that nobody gets who does not ask for it."""
    for port in _ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("the ports never end")
