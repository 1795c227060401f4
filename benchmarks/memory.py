"""Memory: what the serving process holds after many logs and after many connections."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.rows import Row, limited
from benchmarks.servers import MeasuredServer, measured_server
from benchmarks.sizes import Sizes
from workbench.bench.errors import BenchmarkError
from workbench.bench.logs import made_logs, take

_MB: Final = 1_000_000
_LIMIT_MB: Final = 60.0
_ADDED_LIMIT_MB: Final = 5.0
# The logs are made and sent in parts, so that the client holds few of them.
_PART: Final = 100_000
_FILES_BESIDES: Final = 200
_PATIENCE_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05


def measure_memory(sizes: Sizes) -> list[Row]:
    """Look at a server's resident size after logs, one a frame; then after connections."""
    logs = made_logs()
    with open_files(sizes.idle_connections + _FILES_BESIDES), measured_server() as server:
        for at in range(0, sizes.memory_logs, _PART):
            server.take(take(logs, min(_PART, sizes.memory_logs - at)))
        filled = server.resident_bytes()
        _pass_by(server, sizes.passing_connections)
        passed = server.resident_bytes()
        held = _hold(server, sizes.idle_connections)
        gone = server.resident_bytes()
    idle, passing = f"{sizes.idle_connections:,} idle", f"{sizes.passing_connections:,}"
    return [
        limited(f"memory after {sizes.memory_logs:,} logs", [filled / _MB], "MB", _LIMIT_MB),
        _added(f"memory added: {passing} connections that came and went", passed - filled),
        Row(
            name=f"memory while {idle} connections are held",
            unit="MB",
            values=[held / _MB],
            beside="before",
            references=[passed / _MB],
        ),
        _added(f"memory added: these {passing} and the {idle}, all gone", gone - filled),
    ]


def _added(name: str, size: int) -> Row:
    return limited(name, [size / _MB], "MB", _ADDED_LIMIT_MB)


def _pass_by(server: MeasuredServer, count: int) -> None:
    """Connect and leave again, one after the other; the server knows that all have left."""
    for _ in range(count):
        server.connect().close()
    _wait_for_connections(server, 0)


def _hold(server: MeasuredServer, count: int) -> int:
    """Hold connections at once; return the resident size then, when all have left again."""
    held = [server.connect() for _ in range(count)]
    size = server.resident_bytes()
    for each in held:
        each.close()
    _wait_for_connections(server, 0)
    return size


def _wait_for_connections(server: MeasuredServer, count: int) -> None:
    """Wait until the server has so many connections and no other."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while server.health("connections") != count:
        if time.monotonic() > until:
            raise BenchmarkError(f"the server still does not have {count} connections")
        time.sleep(_LOOK_SECONDS)


@contextmanager
def open_files(count: int) -> Iterator[None]:
    """Let this process, and the servers that it starts, open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
